"""Any memory layout gives the same result, and no input is ever written."""

import numpy as np
import pytest

import lectcode
from tests.geometry import integers

RNG = np.random.default_rng(0)
I, F, B = integers(RNG, 2, 4, 7, 8), integers(RNG, 6, 2, 3, 2), integers(RNG, 6)
G, POOLED = integers(RNG, 2, 6, 5, 7), integers(RNG, 2, 4, 3, 4)
WINNERS = RNG.integers(0, 56, POOLED.shape)

CALLS = {
    "conv2d": ((I, F, B), {"groups": 2}),
    "conv2d_backward": ((G, I, F), {"groups": 2}),
    "conv2d_grad_input": ((G, F), {"input_size": (7, 8), "groups": 2}),
    "conv2d_grad_filters": ((G, I), {"kernel_size": (3, 2), "groups": 2}),
    "conv2d_grad_bias": ((G,), {}),
    "conv_transpose2d": ((G, F, integers(RNG, 4)), {"groups": 2, "padding": 1}),
    "pool2d": ((I,), {"f": np.max, "kernel_size": 2}),
    "pool2d_backward": ((POOLED, I), {"df": np.negative, "kernel_size": 2}),
    "max_pool2d": ((I,), {"kernel_size": 2}),
    "with_winners": ((I,), {"kernel_size": 2}),
    "max_pool2d_backward": ((POOLED, I), {"kernel_size": 2}),
    "to_winners": ((POOLED, I, WINNERS), {"kernel_size": 2}),
    "avg_pool2d": ((I,), {"kernel_size": 2, "divisor_override": 1}),
    "avg_pool2d_backward": ((POOLED, I), {"kernel_size": 2, "divisor_override": 1}),
}


def with_winners(I, kernel_size):
    return lectcode.max_pool2d(I, kernel_size, return_winners=True)


def to_winners(G, I, winners, kernel_size):
    return lectcode.max_pool2d_backward(G, I, kernel_size, winners=winners)


def sliced(X):
    """Return every second entry of a larger array."""
    large = np.full([2 * length + 1 for length in X.shape], 99, X.dtype)
    view = large[tuple(slice(1, None, 2) for _ in X.shape)]
    view[...] = X
    return view


def unaligned(X):
    """Return the same numbers at an address that is no multiple of their size."""
    raw = np.zeros(X.nbytes + 1, np.uint8)[1:]
    view = raw.view(X.dtype).reshape(X.shape)
    view[...] = X
    return view


def read_only(X):
    copy = X.copy()
    copy.flags.writeable = False
    return copy


def memory_map(X):
    """Return a subclass of ndarray."""
    return X.copy().view(np.memmap)


def broadcast(X):
    """Return a view that repeats one number, for which no array of its size exists."""
    return np.broadcast_to(X.flat[0], X.shape)


LAYOUTS = {
    "transposed": lambda X: np.ascontiguousarray(X.T).T,
    "channels-last": lambda X: np.moveaxis(np.moveaxis(X, 1, -1).copy(), -1, 1) if X.ndim == 4 else X,
    "sliced": sliced,
    "negative-strides": lambda X: np.flip(np.ascontiguousarray(np.flip(X))),
    "fortran": np.asfortranarray,
    "read-only": read_only,
    "byte-swapped": lambda X: X.astype(X.dtype.newbyteorder()),
    "unaligned": unaligned,
    "subclass": memory_map,
    "broadcast": broadcast,
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("function", CALLS)
def test_same_result_and_inputs_untouched(function, layout):
    arrays, keywords = CALLS[function]
    odd = [layout(X) for X in arrays]
    if layout is broadcast:
        arrays = [X.copy() for X in odd]
    kept = [X.copy() for X in odd]
    call = globals().get(function) or getattr(lectcode, function)
    expected, actual = (call(*given, **keywords) for given in (arrays, odd))
    for e, a in zip(*((X if isinstance(X, tuple) else (X,)) for X in (expected, actual)), strict=True):
        np.testing.assert_array_equal(a, e)
        assert type(a) is np.ndarray
        assert a.dtype == np.int64
        assert a.flags.c_contiguous
        assert a.flags.writeable
        assert not any(np.shares_memory(a, X) for X in odd)
    for X, before in zip(odd, kept, strict=True):
        np.testing.assert_array_equal(X, before)


def test_the_layouts_are_what_they_are_called():
    X = I.astype(np.float32)
    assert not LAYOUTS["transposed"](X).flags.c_contiguous
    assert not LAYOUTS["channels-last"](X).flags.c_contiguous
    assert not LAYOUTS["sliced"](X).flags.forc
    assert min(LAYOUTS["negative-strides"](X).strides) < 0
    assert LAYOUTS["fortran"](X).flags.f_contiguous
    assert not LAYOUTS["read-only"](X).flags.writeable
    assert not LAYOUTS["byte-swapped"](X).dtype.isnative
    assert not LAYOUTS["unaligned"](X).flags.aligned
    assert type(LAYOUTS["subclass"](X)) is np.memmap
    assert LAYOUTS["broadcast"](X).strides == (0, 0, 0, 0)
