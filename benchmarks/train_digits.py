"""Training the digit network beside PyTorch, and how well it reads.

The same network, first weights, batch and optimiser on both sides. A step is what training repeats: choose the batch,
go forward, take the loss, go back, let Adam step. PyTorch's is its fastest: Adam in one fused call. Before anything is
timed, the gradients and the losses of ten steps are compared. `python -m benchmarks.train_digits` prints tables,
`--json FILE` writes them.
"""

import argparse
import time
from pathlib import Path

import numba
import numpy as np
import torch

from benchmarks import busy, record, timing
from lectcode import data, nn

SEEDS = range(5)
BATCHES = 1, 8, 32, 128
ROUNDS = 7, 25  # the fewest, and the most
TOLERANCES = {np.float32: 1e-3, np.float64: 1e-12}


def twin(network, dtype):
    """Return the digit network in PyTorch, with the same numbers in it."""
    peer = torch.nn.Sequential(
        torch.nn.Conv2d(1, 16, 3, padding=1),
        torch.nn.ReLU(),
        torch.nn.Conv2d(16, 32, 3, padding=1),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(3, stride=2, padding=1),
        torch.nn.Flatten(),
        torch.nn.Linear(32 * 4 * 4, 10),
    ).to(getattr(torch, np.dtype(dtype).name))
    with torch.no_grad():
        for parameter, array in zip(peer.parameters(), network.parameters.values(), strict=True):
            parameter.copy_(torch.from_numpy(array))
    return peer


def our_step(network, I, t, batch):
    """Return a training step of lectcode as a call that returns the loss."""
    loss, optimiser = nn.SoftmaxCrossEntropy(), nn.Adam(network)

    def step():
        value = loss.forward(network.forward(I[batch]), t[batch])
        network.grad_parameters(loss.backward())
        optimiser.step()
        return value

    return step


def their_step(peer, I, t, batch):
    """Return the same step of PyTorch."""
    loss, optimiser = torch.nn.CrossEntropyLoss(), torch.optim.Adam(peer.parameters(), fused=True)
    I, t, batch = map(torch.from_numpy, (I, t, batch))

    def step():
        value = loss(peer(I[batch]), t[batch])
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
        return value.item()

    return step


def compare(dtype, N):
    """Refuse gradients that are not PyTorch's. Adam does not see how long they are, so equal losses are not enough.

    Everything is random, the biases and the pictures too: on blank paper under zero biases lie the kinks of the
    rectifier and the ties of the maximum, where rounding decides.
    """
    rng = np.random.default_rng(1)
    network, loss = nn.digit_network(rng=rng, dtype=dtype), nn.SoftmaxCrossEntropy()
    for array in network.parameters.values():
        array[...] = rng.normal(size=array.shape) / 8
    I, t = rng.normal(size=(N, 1, 8, 8)).astype(dtype), rng.integers(0, 10, N)
    loss.forward(network.forward(I), t)
    network.grad_parameters(loss.backward())
    peer = twin(network, dtype)
    torch.nn.CrossEntropyLoss()(peer(torch.from_numpy(I)), torch.from_numpy(t)).backward()
    for gradient, parameter in zip(network.gradients.values(), peer.parameters(), strict=True):
        expected = parameter.grad.numpy()
        np.testing.assert_allclose(gradient, expected, rtol=0, atol=TOLERANCES[dtype] * abs(expected).max())


def steps(dtype, N):
    """Return both steps, after ten of each have given the same losses. No bias is zero, for the reason in `compare`."""
    compare(dtype, N)
    (I, t), _ = data.digits_split()
    I, batch = I.astype(dtype), np.random.default_rng(0).permutation(len(I))[:N]
    rng = np.random.default_rng(0)
    network = nn.digit_network(rng=rng, dtype=dtype)
    for array in network.parameters.values():
        if array.ndim == 1:
            array[...] = rng.normal(size=array.shape) / 8
    peer = twin(network, dtype)
    ours, theirs = our_step(network, I, t, batch), their_step(peer, I, t, batch)
    losses, expected = ([step() for _ in range(10)] for step in (ours, theirs))
    np.testing.assert_allclose(losses, expected, rtol=TOLERANCES[dtype])
    return {"lectcode": ours, "PyTorch": theirs}


def rows(threads=(1, 2), batches=BATCHES, seconds=1.0):
    """Return a row for each dtype, batch and number of threads; both set to the same number."""
    found, before = [], (numba.get_num_threads(), torch.get_num_threads())
    for dtype in (np.float32, np.float64):
        for N in batches:
            contenders = steps(dtype, N)
            for count in threads:
                numba.set_num_threads(min(count, numba.config.NUMBA_NUM_THREADS))
                torch.set_num_threads(count)
                with busy.Others() as others:
                    timed = timing.interleave(contenders, seconds, count, ROUNDS)
                row = {"dtype": np.dtype(dtype).name, "N": N, "threads": count, "rounds": timed.rounds}
                found.append(row | {"seconds": timed.seconds, "ratio": timed.ratios, "busy": others.cores})
    numba.set_num_threads(before[0])
    torch.set_num_threads(before[1])
    return found


def accuracies(seeds=SEEDS, **options):
    """Train as chapters/train-digits.md does, once a seed; return for each its test accuracy and seconds."""
    (I, t), (test_I, test_t) = data.digits_split()
    for _ in nn.train(nn.digit_network(rng=np.random.default_rng(0)), I[:64], t[:64], rng=np.random.default_rng(0)):
        break  # compiled before the clock runs
    found = []
    for seed in seeds:
        rng, begin = np.random.default_rng(seed), time.perf_counter()
        network = nn.digit_network(rng=rng)
        for _ in nn.train(network, I, t, rng=rng, **options):
            pass
        seconds = time.perf_counter() - begin
        right = int((network.forward(test_I).argmax(axis=1) == test_t).sum())
        found.append({"seed": seed, "right": right, "of": len(test_t), "seconds": seconds})
    return found


def text(measured, trained):
    """Return both tables: a step beside PyTorch's, and every trained network."""
    lines = [f"{'step':<24}{'threads':>8}{'ms':>9}{'PyTorch ms':>12}{'PyTorch/ours':>14}{'busy':>6}"]
    for row in measured:
        name, ms = f"{row['dtype']} N={row['N']}", {peer: 1e3 * s for peer, s in row["seconds"].items()}
        times = f"{ms['lectcode']:>9.3f}{ms['PyTorch']:>12.3f}{row['ratio']['PyTorch']:>14.2f}"
        lines.append(f"{name:<24}{row['threads']:>8}{times}{row['busy']:>6.2f}")
    lines.append(f"\n{'seed':<8}{'read right':>12}{'accuracy':>10}{'seconds':>9}")
    shares = np.array([100 * run["right"] / run["of"] for run in trained])
    for run, share in zip(trained, shares, strict=True):
        right = f"{run['right']} of {run['of']}"
        lines.append(f"{run['seed']:<8}{right:>12}{share:>9.2f}%{run['seconds']:>9.1f}")
    lines.append(f"mean {shares.mean():.2f} %, from {shares.min():.2f} to {shares.max():.2f} %")
    return "\n".join(lines)


def main():
    """Measure, print, record."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.train_digits", description=__doc__)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    load = busy.load()
    measured = rows()
    trained = accuracies()
    print(text(measured, trained))
    warning = busy.warning([row["busy"] for row in measured], load)
    if warning:
        print(warning)
    if options.json:
        record.write(options.json, record.run_of(measured, trained=trained, busy=warning), "-training")


if __name__ == "__main__":
    main()
