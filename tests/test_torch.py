"""PyTorch as an outside oracle: output and all gradients over random geometries, exactly on whole numbers."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lectcode
from lectcode import reference
from tests import tolerance
from tests.geometry import convs, integers, pools, reals, seeds

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install -r tests/requirements-peers.txt")
from torch.nn import functional  # noqa: E402 - only where the line above found it

FLOATS = st.sampled_from([np.float64, np.float32])


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Threads of a second pool would only get in the way."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def leaf(X):
    """Return a tensor that will know its gradient."""
    return torch.tensor(X, requires_grad=True)


def magnitudes(keywords, G, I, F, B):
    """Return sum |a||b| for O, dI, dF and dB."""
    G, I, F, B = (abs(X.astype(np.float64)) for X in (G, I, F, B))
    return (reference.conv2d(I, F, B, **keywords), *reference.conv2d_backward(G, I, F, **keywords))


@given(case=convs(), dtype=FLOATS, seed=seeds, exact=st.booleans())
def test_conv2d_and_its_gradients(case, dtype, seed, exact):
    I, F, B, rng = case.arrays(integers if exact else reals, seed, dtype)
    tensors = [leaf(X) for X in (I, F, B)]
    keywords = dict(case.keywords)
    padded = tensors[0]
    if not isinstance(keywords["padding"], str):  # PyTorch's own padding is the same on both sides
        (top, bottom), (left, right) = reference.sides(keywords.pop("padding"))
        padded = functional.pad(padded, (left, right, top, bottom))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Using padding='same' with even kernel lengths")
        expected = functional.conv2d(padded, *tensors[1:], **keywords)
    O = lectcode.conv2d(I, F, B, **case.keywords)
    G = (integers if exact else reals)(rng, *O.shape, dtype=dtype)
    expected.backward(torch.tensor(G))
    actual = (O, *lectcode.conv2d_backward(G, I, F, **case.keywords))
    expected = (expected.detach().numpy(), *(tensor.grad.numpy() for tensor in tensors))
    sums = O.size // max(O.shape[1], 1)
    terms = F[0].size + 1, F.size // F.shape[1], sums + 1, sums + 1
    tolerance.count("PyTorch conv2d")
    for a, e, magnitude, n in zip(actual, expected, magnitudes(case.keywords, G, I, F, B), terms, strict=True):
        if exact:
            np.testing.assert_array_equal(a, e)
        else:
            tolerance.assert_close(a, e, magnitude, n, peer="PyTorch conv2d")


@given(case=convs(named_padding=False), dtype=FLOATS, seed=seeds, exact=st.booleans(), data=st.data())
def test_conv_transpose2d(case, dtype, seed, exact, data):
    make = integers if exact else reals
    X, F, _, rng = case.arrays(make, seed, dtype)
    keywords = {**case.keywords, "padding": 0}
    I = make(rng, *lectcode.conv2d(X, F, **case.keywords).shape, dtype=dtype)
    B = make(rng, X.shape[1], dtype=dtype)
    steps = (reference.pair(keywords[key]) for key in ("stride", "dilation"))
    keywords["output_padding"] = tuple(data.draw(st.integers(0, max(*pair) - 1)) for pair in zip(*steps, strict=True))
    O = lectcode.conv_transpose2d(I, F, B, **keywords)
    keywords["padding"] = tuple(data.draw(st.integers(0, (size - 1) // 2)) for size in O.shape[2:])
    O = lectcode.conv_transpose2d(I, F, B, **keywords)
    expected = functional.conv_transpose2d(*map(torch.tensor, (I, F, B)), **keywords).numpy()
    tolerance.count("PyTorch conv_transpose2d")
    if exact:
        np.testing.assert_array_equal(O, expected)
    else:
        magnitude = reference.conv_transpose2d(*(abs(X.astype(np.float64)) for X in (I, F, B)), **keywords)
        tolerance.assert_close(O, expected, magnitude, F.size // F.shape[1] + 1, peer="PyTorch conv_transpose2d")


@given(pool=pools(symmetric=True), dtype=FLOATS, seed=seeds, values=st.sampled_from([2, 9]))
def test_max_pool2d_and_its_gradient_with_ties(pool, dtype, seed, values):
    (shape, keywords), rng = pool, np.random.default_rng(seed)
    I = rng.integers(0, values, shape).astype(dtype)  # of few values: nearly every window has a tie
    tensor = leaf(I)
    padding = tuple(before for before, _ in keywords["padding"])
    expected, places = functional.max_pool2d(tensor, **{**keywords, "padding": padding}, return_indices=True)
    O, winners = lectcode.max_pool2d(I, **keywords, return_winners=True)
    np.testing.assert_array_equal(winners, places.numpy())
    G = integers(rng, *O.shape, dtype=dtype)
    expected.backward(torch.tensor(G))
    tolerance.count("PyTorch max_pool2d")
    np.testing.assert_array_equal(O, expected.detach().numpy())
    np.testing.assert_array_equal(lectcode.max_pool2d_backward(G, I, **keywords), tensor.grad.numpy())


@given(pool=pools(), seed=seeds)
def test_max_pool2d_with_padding_of_two_sides(pool, seed):
    """The padding is minus infinity: the same as an image in such a frame, if nothing overhangs."""
    (shape, keywords), rng = pool, np.random.default_rng(seed)
    I = integers(rng, *shape, dtype=np.float64)
    keywords["ceil_mode"] = False
    (top, bottom), (left, right) = keywords["padding"]
    spans = [(K - 1) * D + 1 for K, D in zip(keywords["kernel_size"], keywords["dilation"], strict=True)]
    if shape[2] + top + bottom < spans[0] or shape[3] + left + right < spans[1]:
        with pytest.raises(ValueError, match="the output would be empty"):
            lectcode.max_pool2d(I, **keywords)
        return
    framed = functional.pad(torch.tensor(I), (left, right, top, bottom), value=-torch.inf)
    tolerance.count("PyTorch max_pool2d")
    expected = functional.max_pool2d(framed, **{**keywords, "padding": 0})
    np.testing.assert_array_equal(lectcode.max_pool2d(I, **keywords), expected.numpy())


@given(
    pool=pools(dilated=False, symmetric=True),
    dtype=FLOATS,
    seed=seeds,
    include=st.booleans(),
    override=st.sampled_from([None, None, 1, 3, -2]),
)
def test_avg_pool2d_and_its_gradient(pool, dtype, seed, include, override):
    (shape, keywords), rng = pool, np.random.default_rng(seed)
    keywords = {**keywords, "count_include_pad": include, "divisor_override": override}
    I = reals(rng, *shape, dtype=dtype)
    tensor = leaf(I)
    padding = tuple(before for before, _ in keywords["padding"])
    expected = functional.avg_pool2d(tensor, **{**keywords, "padding": padding})
    O = lectcode.avg_pool2d(I, **keywords)
    G = reals(rng, *O.shape, dtype=dtype)
    expected.backward(torch.tensor(G))
    K_h, K_w = keywords["kernel_size"]
    tolerance.count("PyTorch avg_pool2d")
    size = lectcode.avg_pool2d(abs(I), **keywords), lectcode.avg_pool2d_backward(abs(G), I, **keywords)
    tolerance.assert_close(O, expected.detach().numpy(), abs(size[0]), K_h * K_w + 1, peer="PyTorch avg_pool2d")
    dI = lectcode.avg_pool2d_backward(G, I, **keywords)
    tolerance.assert_close(dI, tensor.grad.numpy(), abs(size[1]), K_h * K_w + 1, peer="PyTorch avg_pool2d")


@pytest.mark.parametrize(
    ("H", "K", "S", "P", "ceil_mode"), [(2, 3, 2, 0, True), (3, 2, 3, 1, True), (4, 1, 5, 0, True), (8, 3, 2, 1, False)]
)
def test_pooling_sizes_at_the_edge(H, K, S, P, ceil_mode):
    expected = functional.max_pool2d(torch.zeros(1, 1, H, H), K, S, P, ceil_mode=ceil_mode).shape[2]
    assert lectcode.output_size(H, K, stride=S, padding=P, ceil_mode=ceil_mode) == expected


def test_where_we_differ():
    """Of several NaN, PyTorch lets the last win the gradient, and we the first, as np.argmax."""
    I = np.array([[[[1.0, np.nan, 3.0, np.nan]]]])
    tensor = leaf(I)
    assert lectcode.max_pool2d(I, (1, 4), return_winners=True)[1].item() == 1
    functional.max_pool2d(tensor, (1, 4)).backward(torch.ones(1, 1, 1, 1, dtype=torch.float64))
    assert tensor.grad.tolist() == [[[[0.0, 0.0, 0.0, 1.0]]]]
    assert lectcode.max_pool2d_backward(np.ones((1, 1, 1, 1)), I, (1, 4)).tolist() == [[[[0.0, 1.0, 0.0, 0.0]]]]
