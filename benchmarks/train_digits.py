"""Training the digit network beside PyTorch, and how well it reads: `python -m benchmarks.train_digits`.

The same network, first weights, batch and optimiser on both sides. A step is what training repeats: choose the batch,
go forward, take the loss, go back, let Adam step. PyTorch's is its fastest: Adam in one fused call. Before anything is
timed, the losses of ten steps are compared.
"""

import time

import numba
import numpy as np
import torch

from benchmarks import timing
from lectcode import data, nn

SEEDS = range(5)
BATCHES = 32, 128


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


def steps(dtype, N):
    """Return both steps, after ten of each have given the same losses."""
    (I, t), _ = data.digits_split()
    I, batch = I.astype(dtype), np.random.default_rng(0).permutation(len(I))[:N]
    network = nn.digit_network(rng=np.random.default_rng(0), dtype=dtype)
    peer = twin(network, dtype)
    ours, theirs = our_step(network, I, t, batch), their_step(peer, I, t, batch)
    losses, expected = ([step() for _ in range(10)] for step in (ours, theirs))
    np.testing.assert_allclose(losses, expected, rtol=1e-3 if dtype == np.float32 else 1e-12)
    return {"lectcode": ours, "PyTorch": theirs}


def rows(threads=(1, 2), seconds=2.0):
    """Return a row for each dtype, batch and number of threads; both set to the same number."""
    found, before = [], (numba.get_num_threads(), torch.get_num_threads())
    for dtype in (np.float32, np.float64):
        for N in BATCHES:
            contenders = steps(dtype, N)
            for count in threads:
                numba.set_num_threads(min(count, numba.config.NUMBA_NUM_THREADS))
                torch.set_num_threads(count)
                timed = timing.interleave(contenders, seconds)
                row = {"pass": "training step", "dtype": np.dtype(dtype).name, "N": N, "layer": "digit network"}
                row |= {"threads": count, "seconds": timed.seconds, "ratio": timed.ratios, "rounds": timed.rounds}
                found.append(row)
    numba.set_num_threads(before[0])
    torch.set_num_threads(before[1])
    return found


def accuracies(seeds=SEEDS):
    """Train as chapters/train-digits.md does, once a seed; return for each its test accuracy and seconds."""
    (I, t), (test_I, test_t) = data.digits_split()
    nn.digit_network(rng=np.random.default_rng(0)).forward(I[:1])  # compiled before the clock runs
    found = []
    for seed in seeds:
        rng, begin = np.random.default_rng(seed), time.perf_counter()
        network = nn.digit_network(rng=rng)
        for _ in nn.train(network, I, t, rng=rng):
            pass
        seconds = time.perf_counter() - begin
        right = int((network.forward(test_I).argmax(axis=1) == test_t).sum())
        found.append({"seed": seed, "right": right, "of": len(test_t), "accuracy": right / len(test_t)})
        found[-1]["seconds"] = seconds
    return found


def text(measured, trained):
    """Return both tables: a step beside PyTorch's, and every trained network."""
    lines = [f"{'step':<24}{'threads':>8}{'ms':>9}{'PyTorch ms':>12}{'PyTorch/ours':>14}"]
    for row in measured:
        name, ms = f"{row['dtype']} N={row['N']}", {peer: 1e3 * s for peer, s in row["seconds"].items()}
        ratio = row["ratio"]["PyTorch"]
        lines.append(f"{name:<24}{row['threads']:>8}{ms['lectcode']:>9.3f}{ms['PyTorch']:>12.3f}{ratio:>14.2f}")
    lines.append(f"\n{'seed':<8}{'read right':>12}{'accuracy':>10}{'seconds':>9}")
    for run in trained:
        right = f"{run['right']} of {run['of']}"
        lines.append(f"{run['seed']:<8}{right:>12}{100 * run['accuracy']:>9.2f}%{run['seconds']:>9.1f}")
    shares = 100 * np.array([run["accuracy"] for run in trained])
    lines.append(f"mean {shares.mean():.2f} %, from {shares.min():.2f} to {shares.max():.2f} %")
    return "\n".join(lines)


if __name__ == "__main__":
    print(text(rows(), accuracies()))
