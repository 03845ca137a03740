"""Pooling: the kernels equal the definition exactly, ties and borders are as stated, and the gradients are adjoints."""

from fractions import Fraction
from itertools import product

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lectcode
from lectcode import reference
from lectcode.gradcheck import check_gradient
from tests.geometry import dtypes, integers, pools, reals, seeds


def few_values(rng, *shape, dtype):
    """Only three different values, so that most windows have a tie."""
    return rng.integers(-1, 2, shape).astype(dtype)


@given(pool=pools(), dtype=dtypes, seed=seeds, make=st.sampled_from([integers, few_values]))
def test_max_equals_the_definition(pool, dtype, seed, make):
    (shape, keywords), rng = pool, np.random.default_rng(seed)
    I = make(rng, *shape, dtype=dtype)
    O, winners = lectcode.max_pool2d(I, **keywords, return_winners=True)
    for actual, expected in zip((O, winners), reference.max_pool2d(I, **keywords, return_winners=True), strict=True):
        np.testing.assert_array_equal(actual, expected)
    np.testing.assert_array_equal(lectcode.max_pool2d(I, **keywords), O)
    G = integers(rng, *O.shape, dtype=dtype)
    dI = lectcode.max_pool2d_backward(G, I, **keywords)
    np.testing.assert_array_equal(dI, reference.max_pool2d_backward(G, I, **keywords))
    np.testing.assert_array_equal(dI, lectcode.max_pool2d_backward(G, I, **keywords, winners=winners))
    assert O.dtype == dI.dtype == dtype
    assert np.vdot(G, O) == np.vdot(dI, I)  # linear where the winners are fixed
    planes, places = (X.reshape(len(X), X.shape[1], X.shape[2] * X.shape[3]) for X in (I, winners))
    np.testing.assert_array_equal(np.take_along_axis(planes, places, 2).ravel(), O.ravel())


@given(pool=pools(), dtype=dtypes, seed=seeds)
def test_given_winners_are_obeyed(pool, dtype, seed):
    """Any pixels may be named, also such that are not the largest, nor in the window: G is added there."""
    (shape, keywords), rng = pool, np.random.default_rng(seed)
    I = integers(rng, *shape, dtype=dtype)
    G = integers(rng, *lectcode.max_pool2d(I, **keywords).shape, dtype=dtype)
    winners = rng.integers(0, shape[2] * shape[3], G.shape).astype(f"i{I.itemsize}")
    dI = lectcode.max_pool2d_backward(G, I, **keywords, winners=winners)
    np.testing.assert_array_equal(dI, reference.max_pool2d_backward(G, I, **keywords, winners=winners))


def test_the_first_of_equal_values_wins():
    I = np.array([[[[2.0, 7.0, 7.0], [7.0, 7.0, 1.0]]]])
    dI = lectcode.max_pool2d_backward(np.array([[[[1.0, 10.0]]]]), I, kernel_size=2, stride=1)
    assert dI.tolist() == [[[[0.0, 11.0, 0.0], [0.0, 0.0, 0.0]]]]


def test_a_winner_outside_of_the_plane_is_refused_wherever_it_is():
    """Each window in turn names the pixel before the first one or after the last one."""
    for dtype in (np.float32, np.float64, np.int64):
        I, G = np.zeros((2, 3, 4, 10), dtype), np.zeros((2, 3, 2, 5), dtype)
        _, winners = lectcode.max_pool2d(I, 2, return_winners=True)
        for place in np.ndindex(winners.shape):
            for wrong in (-1, 40, np.iinfo(winners.dtype).min):
                bad = winners.copy()
                bad[place] = wrong
                named = ", ".join(map(str, place))
                with pytest.raises(ValueError, match=rf"less than H W = 40, got winners\[{named}\] = {wrong}"):
                    lectcode.max_pool2d_backward(G, I, 2, winners=bad)
        winners[...] = 39
        assert lectcode.max_pool2d_backward(G + 1, I, 2, winners=winners)[..., -1, -1].tolist() == [[10] * 3] * 2


def test_no_pixels_that_int32_cannot_number():
    planes = np.broadcast_to(np.float32(0), (1, 1, 2**16, 2**15))
    with pytest.raises(
        ValueError, match="at most 2147483647 pixels a plane, for int32 to number them, got 65536 x 32768"
    ):
        lectcode.pool._winners_dtype(planes)
    assert lectcode.pool._winners_dtype(planes[..., 1:]) == np.int32
    assert lectcode.pool._winners_dtype(np.broadcast_to(0.0, planes.shape)) == np.int64


def test_without_images_there_are_no_winners():
    I = np.zeros((0, 2, 4, 5))
    O, winners = lectcode.max_pool2d(I, 2, return_winners=True)
    assert O.shape == winners.shape == (0, 2, 2, 2)
    assert lectcode.max_pool2d_backward(O, I, 2, winners=winners).shape == I.shape


def test_padding_never_wins():
    lowest = np.iinfo(np.int64).min
    for low, dtype in ((-5.0, np.float32), (-np.inf, np.float64), (lowest, np.int64)):
        I = np.full((1, 1, 2, 3), low, dtype)
        assert (lectcode.max_pool2d(I, 3, stride=1, padding=2) == low).all()
        dI = lectcode.max_pool2d_backward(np.ones((1, 1, 4, 5), dtype), I, 3, stride=1, padding=2)
        assert dI.sum() == 20  # each window gives its share to a pixel, even if all are the identity of max


def test_a_window_is_refused_if_and_only_if_it_misses_the_input():
    """All small geometries along one axis, with gaps of dilated windows as long as the input and longer."""
    outcomes = {True: 0, False: 0}
    for H, K, D, S, ceil_mode in product(range(1, 5), range(1, 4), range(1, 5), range(1, 4), (False, True)):
        for P in product(range((K - 1) * D + 1), repeat=2):
            geometry = {"stride": S, "padding": P, "dilation": D, "ceil_mode": ceil_mode}
            H_out = reference.output_size(H, K, **geometry)
            if H_out == 0:
                continue
            I = np.arange(H).reshape(1, 1, H, 1)
            keywords = {**geometry, "stride": (S, 1), "padding": (P, 0), "dilation": (D, 1)}
            misses = [h for h in range(H_out) if not reference.taps(H, h, K, S, P[0], D)]
            outcomes[bool(misses)] += 1
            if misses:
                with pytest.raises(ValueError, match=f"along the height window {misses[0]} begins at"):
                    lectcode.max_pool2d(I, (K, 1), **keywords)
            else:
                np.testing.assert_array_equal(
                    lectcode.max_pool2d(I, (K, 1), **keywords), reference.max_pool2d(I, (K, 1), **keywords)
                )
    assert min(outcomes.values()) > 100


@given(
    pool=pools(dilated=False), dtype=dtypes, seed=seeds, include=st.booleans(), override=st.sampled_from([None, 1, -3])
)
def test_average_equals_the_definition(pool, dtype, seed, include, override):
    (shape, keywords), rng = pool, np.random.default_rng(seed)
    override = 1 if dtype is np.int64 else override
    keywords = {**keywords, "count_include_pad": include, "divisor_override": override}
    I = integers(rng, *shape, dtype=dtype)
    O = lectcode.avg_pool2d(I, **keywords)
    np.testing.assert_array_equal(O, reference.avg_pool2d(I, **keywords))  # one rounding: the sums are exact
    G = integers(rng, *O.shape, dtype=dtype)
    dI = lectcode.avg_pool2d_backward(G, I, **keywords)
    assert O.dtype == dI.dtype == dtype
    if override == 1:
        np.testing.assert_array_equal(dI, reference.avg_pool2d_backward(G, I, **keywords))
        assert np.vdot(G, O) == np.vdot(dI, I)
    # As fractions nothing rounds; a pixel sums at most 16 rounded quotients of size at most 9.
    exact = reference.avg_pool2d_backward(
        *(np.vectorize(Fraction, [object])(X.astype(int)) for X in (G, I)), **keywords
    )
    np.testing.assert_allclose(dI, exact.astype(float), rtol=0, atol=17 * 16 * 9 * np.finfo(np.float32).eps)


def test_average_counts_the_padding_but_never_the_overhang():
    I = np.full((1, 1, 3, 3), 12.0)
    keywords = {"kernel_size": 2, "stride": 2, "padding": ((1, 0), (1, 0)), "ceil_mode": True}
    assert lectcode.avg_pool2d(I, **keywords)[0, 0].tolist() == [[3.0, 6.0], [6.0, 12.0]]
    without = lectcode.avg_pool2d(I, **keywords, count_include_pad=False)
    assert (without == 12.0).all()
    overhang = lectcode.avg_pool2d(I, 2, stride=2, ceil_mode=True)
    assert (overhang == 12.0).all()


def norm(window):
    """Return the Euclidean length of a window."""
    return np.sqrt((window * window).sum())


def norm_partials(window):
    """Return the partial derivatives of `norm`."""
    return window / np.sqrt((window * window).sum())


def total(window):
    """Return the sum of a window, after overwriting the window, which is ours."""
    window *= 1
    return window.sum()


def total_partials(window):
    """Return the partial derivatives of `total`."""
    window[:] = 1
    return window


COMPILED = {f: numba.njit(f) for f in (norm, norm_partials, total, total_partials)}


@pytest.fixture(params=["plain", "compiled"])
def version(request, monkeypatch):
    """Return what turns a function into the version under test."""
    if request.param == "plain":
        return lambda f: f
    if numba.config.DISABLE_JIT:  # then Numba hands every function back as it is, and lectcode could not tell
        monkeypatch.setattr(lectcode.pool, "is_jitted", lambda f: True)
    return lambda f: COMPILED.get(f) or numba.njit(f)


@pytest.mark.parametrize(("kernel_size", "stride"), [((2, 3), None), (3, (1, 2)), ((1, 2), 4)])
def test_any_function_of_a_window(version, kernel_size, stride):
    rng = np.random.default_rng(0)
    for f, df, I in ((norm, norm_partials, reals(rng, 2, 3, 6, 7)), (total, total_partials, integers(rng, 2, 3, 6, 7))):
        before = I.copy()
        O = lectcode.pool2d(I, version(f), kernel_size, stride)
        np.testing.assert_allclose(O, reference.pool2d(I.copy(), f, kernel_size, stride), rtol=1e-15)
        G = integers(rng, *O.shape, dtype=I.dtype)
        dI = lectcode.pool2d_backward(G, I, version(df), kernel_size, stride)
        np.testing.assert_allclose(dI, reference.pool2d_backward(G, I.copy(), df, kernel_size, stride), rtol=1e-13)
        assert O.dtype == dI.dtype == I.dtype
        np.testing.assert_array_equal(I, before)


def test_general_pooling_contains_the_named_ones():
    I = integers(np.random.default_rng(0), 2, 3, 8, 9).astype(float)
    np.testing.assert_array_equal(lectcode.pool2d(I, np.max, 3, 2), lectcode.max_pool2d(I, 3, 2))
    np.testing.assert_array_equal(lectcode.pool2d(I, np.mean, (2, 4), 2), lectcode.avg_pool2d(I, (2, 4), 2))


def test_without_images_the_function_is_not_called():
    I = np.zeros((0, 2, 4, 5))
    assert lectcode.pool2d(I, None.__eq__, 2).shape == (0, 2, 2, 2)
    assert lectcode.pool2d_backward(np.zeros((0, 2, 2, 2)), I, None.__eq__, 2).shape == I.shape


def test_a_later_window_cannot_change_the_shape_of_the_derivative(version):
    def partials(window):
        return window[: 1 if window[0, 0] == 0 else 2]

    I = np.array([[[[1.0, 1.0, 0.0, 0.0], [1.0, 1.0, 0.0, 0.0]]]])
    with pytest.raises(ValueError, match="df must return an array of the window's shape"):
        lectcode.pool2d_backward(np.ones((1, 1, 1, 2)), I, version(partials), 2)


def test_gradients_by_central_differences():
    rng = np.random.default_rng(3)
    I = rng.permutation(2 * 3 * 6 * 7).reshape(2, 3, 6, 7) / 7  # no ties near by
    keywords = {"kernel_size": (2, 3), "stride": (2, 1), "padding": (1, 0)}
    check_gradient(
        lambda X: lectcode.max_pool2d(X, **keywords),
        lambda G: lectcode.max_pool2d_backward(G, I, **keywords),
        I,
        rng=rng,
    )
    check_gradient(
        lambda X: lectcode.avg_pool2d(X, **keywords),
        lambda G: lectcode.avg_pool2d_backward(G, I, **keywords),
        I,
        rng=rng,
    )
    check_gradient(
        lambda X: lectcode.pool2d(X, norm, 3, 2),
        lambda G: lectcode.pool2d_backward(G, I, norm_partials, 3, 2),
        I,
        rng=rng,
    )
