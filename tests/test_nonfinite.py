"""NaN and inf go where IEEE sums and np.max send them, without a warning."""

from itertools import product

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lectcode
from lectcode import reference
from lectcode.kernels.finite import finite
from tests.geometry import convs, dtypes, pools, seeds

# Without the JIT the kernels are NumPy scalars, and those warn where compiled code is silent.
loud = pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning" if numba.config.DISABLE_JIT else "error")


def salted(rng, *shape, dtype):
    """Whole numbers with an inf, a -inf and a NaN here and there."""
    X = rng.integers(-3, 4, shape).astype(dtype)
    where = rng.random(shape)
    X[where < 0.15] = np.inf
    X[where < 0.10] = -np.inf
    X[where < 0.05] = np.nan
    return X


@loud
@given(case=convs(), dtype=dtypes, seed=seeds)
def test_convolution(case, dtype, seed):
    """The padding is made of zeros, so that inf in a filter meets 0 inf = NaN at the border, as the formula says."""
    dtype = np.float64 if dtype is np.int64 else dtype
    I, F, B, rng = case.arrays(salted, seed, dtype)
    O = lectcode.conv2d(I, F, B, **case.keywords)
    G = salted(rng, *O.shape, dtype=dtype)
    actual = (O, *lectcode.conv2d_backward(G, I, F, **case.keywords))
    with np.errstate(invalid="ignore"):
        expected = (reference.conv2d(I, F, B, **case.keywords), *reference.conv2d_backward(G, I, F, **case.keywords))
    for a, e in zip(actual, expected, strict=True):
        np.testing.assert_array_equal(a, e)


@loud
@given(pool=pools(), seed=seeds, dtype=dtypes)
def test_max_pooling(pool, seed, dtype):
    (shape, keywords), rng = pool, np.random.default_rng(seed)
    I = salted(rng, *shape, dtype=np.float64 if dtype is np.int64 else dtype)
    O, winners = lectcode.max_pool2d(I, **keywords, return_winners=True)
    expected, places = reference.max_pool2d(I, **keywords, return_winners=True)
    np.testing.assert_array_equal(O, expected)
    np.testing.assert_array_equal(winners, places)
    np.testing.assert_array_equal(lectcode.max_pool2d(I, **keywords), expected)
    G = rng.integers(-3, 4, O.shape).astype(I.dtype)
    dI = lectcode.max_pool2d_backward(G, I, **keywords)
    np.testing.assert_array_equal(dI, reference.max_pool2d_backward(G, I, **keywords))


@given(seed=seeds, kernel_size=st.tuples(st.integers(1, 3), st.integers(1, 4)))
def test_max_pooling_is_np_max_and_its_winner_np_argmax(seed, kernel_size):
    I = salted(np.random.default_rng(seed), 1, 1, *kernel_size, dtype=np.float64)
    np.testing.assert_array_equal(lectcode.max_pool2d(I, kernel_size).item(), np.max(I))
    dI = lectcode.max_pool2d_backward(np.ones((1, 1, 1, 1)), I, kernel_size)
    assert dI.argmax() == np.argmax(I)
    assert dI.sum() == 1


@loud
@given(pool=pools(dilated=False), seed=seeds)
def test_average_pooling(pool, seed):
    (shape, keywords), rng = pool, np.random.default_rng(seed)
    I = salted(rng, *shape, dtype=np.float64)
    O = lectcode.avg_pool2d(I, **keywords)
    G = salted(rng, *O.shape, dtype=np.float64)
    dI = lectcode.avg_pool2d_backward(G, I, **keywords)
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(O, reference.avg_pool2d(I, **keywords))
        np.testing.assert_allclose(dI, reference.avg_pool2d_backward(G, I, **keywords), rtol=1e-14, atol=1e-14)


@loud
def test_no_warning_from_a_bias():
    inf, I = np.array([np.inf]), np.full((1, 1, 1, 1), -np.inf)
    assert np.isnan(lectcode.conv_transpose2d(I, np.ones((1, 1, 1, 1)), inf)).all()
    assert np.isnan(lectcode.conv2d(I, np.ones((1, 1, 1, 1)), inf)).all()
    assert np.isnan(lectcode.conv2d_grad_bias(np.array([[[[np.inf, -np.inf]]]]))).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_number_that_is_not_finite_is_found_wherever_it_is(dtype):
    largest = np.finfo(dtype).max
    for size in (0, 1, 2, 7, 37):
        array = np.full((1, size), largest, dtype)
        assert finite(array)
        assert array.flags.writeable
        for place, wrong in product(range(size), (np.nan, np.inf, -np.inf)):
            array[0, place] = wrong
            assert not finite(array)
            array[0, place] = -largest
