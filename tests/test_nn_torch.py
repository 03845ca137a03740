"""The same network, first weights and batches in PyTorch: the same loss, step after step."""

import os

import numpy as np
import pytest

from lectcode import data, nn

pytest.importorskip("torch", reason="PyTorch is not installed: pip install -r tests/requirements-peers.txt")

import torch

from benchmarks.train_digits import twin

if os.environ.get("NUMBA_DISABLE_JIT") == "1":
    pytest.skip("training takes minutes without compiled kernels", allow_module_level=True)

STEPS = 100


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Threads of a second pool would only get in the way."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


OPTIMISERS = {
    "SGD": (
        lambda network: nn.SGD(network, rate=0.02, momentum=0.9),
        lambda peer: torch.optim.SGD(peer.parameters(), lr=0.02, momentum=0.9),
    ),
    "Adam": (
        lambda network: nn.Adam(network, rate=0.002),
        lambda peer: torch.optim.Adam(peer.parameters(), lr=0.002),
    ),
}


def both_losses(ours, theirs, *, spoil=False):
    """The losses of both in every step."""
    I, t = data.digits()
    I = I.astype(np.float64) / 16
    rng = np.random.default_rng(0)
    network = nn.digit_network(rng=rng, dtype=np.float64)
    peer = twin(network, np.float64)
    if spoil:
        network.parameters["2.F"][0, 0, 0, 0] += 1e-9
    optimiser, peer_optimiser = ours(network), theirs(peer)
    loss, peer_loss = nn.SoftmaxCrossEntropy(), torch.nn.CrossEntropyLoss()
    losses = []
    batches = [batch for _ in range(3) for batch in nn.batches(len(I), 32, rng=rng)]
    for batch in batches[:STEPS]:
        expected = peer_loss(peer(torch.tensor(I[batch])), torch.tensor(t[batch]))
        losses.append((loss.forward(network.forward(I[batch]), t[batch]), expected.item()))
        network.grad_parameters(loss.backward())
        optimiser.step()
        peer_optimiser.zero_grad()
        expected.backward()
        peer_optimiser.step()
    return np.array(losses).T


@pytest.mark.parametrize("name", OPTIMISERS)
def test_a_hundred_steps_give_the_same_losses(name):
    """Rounding errors of 1e-16 grow in a hundred steps, but not beyond 1e-12 of the loss."""
    losses, expected = both_losses(*OPTIMISERS[name])
    assert len(losses) == STEPS
    assert losses[-1] < losses[0] / 4  # it learns, so the steps are not small ones
    assert losses[0] == pytest.approx(expected[0], rel=1e-14)
    np.testing.assert_allclose(losses, expected, rtol=1e-12)


def test_a_difference_of_a_billionth_would_be_seen():
    losses, expected = both_losses(*OPTIMISERS["SGD"], spoil=True)
    assert not np.allclose(losses, expected, rtol=1e-12, atol=0)
