"""Each way through the kernels of pooling: against the definition, and against one another."""

from itertools import cycle, product

import numpy as np
import pytest
from numba import njit

import lectcode
from lectcode import reference, shapes
from lectcode.kernels import (
    abreast,
    average,
    maximum,
    plain,
    pooling,
    quarters,
    simd,
    small,
    threes,
    threes_long,
    threes_short,
    whole,
    winners,
)
from lectcode.kernels.simd import lanes
from tests.geometry import DTYPES, integers

GEOMETRIES = [(K, S, P) for K, S in product(range(1, 6), repeat=2) for P in range(K // 2 + 1)]


def few_values(rng, *shape, dtype):
    """Whole numbers of which most windows have several largest."""
    return rng.integers(-1, 2, shape).astype(dtype)


def check_max(I, **keywords):
    """Compare both directions with the definition, with winners and without."""
    O = lectcode.max_pool2d(I, **keywords)
    expected, places = reference.max_pool2d(I, **keywords, return_winners=True)
    np.testing.assert_array_equal(O, expected)
    O, winners = lectcode.max_pool2d(I, **keywords, return_winners=True)
    np.testing.assert_array_equal(O, expected)
    np.testing.assert_array_equal(winners, places)
    assert winners.dtype == f"i{I.itemsize}"
    G = integers(np.random.default_rng(1), *O.shape, dtype=I.dtype)
    expected = reference.max_pool2d_backward(G, I, **keywords)
    np.testing.assert_array_equal(lectcode.max_pool2d_backward(G, I, **keywords), expected)
    np.testing.assert_array_equal(lectcode.max_pool2d_backward(G, I, **keywords, winners=winners), expected)


def forget():
    """Let the loops be chosen anew, since what the choice depends on is not what it was."""
    for choice in (
        pooling.max_forward_loops,
        pooling.max_winners_loops,
        pooling.max_backward_loops,
        pooling.avg_forward_loops,
        pooling.avg_backward_loops,
    ):
        choice.cache_clear()


@pytest.fixture(autouse=True)
def chosen_anew(always_threads):
    """Keep no choice from test to test."""
    forget()
    yield
    forget()


@pytest.fixture(params=["abreast", "one by one", "in registers"])
def route(request, monkeypatch):
    """Send all floats one way, however many planes there are; `in registers` only small windows."""
    if request.param == "in registers" and simd.BYTES < 32:
        pytest.skip("needs vectors of at least four numbers")
    for kernel in (threes, small):
        monkeypatch.setattr(kernel, "BYTES", 64 if request.param == "in registers" else 0)
    monkeypatch.setattr(
        pooling, "abreast_applies", lambda count, dtype, **_: dtype.kind == "f" and request.param == "abreast"
    )


@pytest.mark.usefixtures("route")
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_kernel_stride_and_padding(dtype):
    """Both axes go through all pairs of kernel and stride, each with another partner."""
    rng = np.random.default_rng(0)
    for (K_h, S_h, P_h), (K_w, S_w, P_w) in zip(GEOMETRIES, GEOMETRIES[17:] + GEOMETRIES[:17], strict=True):
        keywords = {"kernel_size": (K_h, K_w), "stride": (S_h, S_w), "padding": (P_h, P_w)}
        for ceil_mode in (False, True):
            check_max(few_values(rng, 1, 2, 7, 8, dtype=dtype), ceil_mode=ceil_mode, **keywords)
            I = integers(rng, 1, 2, 8, 7, dtype=dtype)
            sums = {**keywords, "ceil_mode": ceil_mode, "divisor_override": 1}
            O = lectcode.avg_pool2d(I, **sums)
            np.testing.assert_array_equal(O, reference.avg_pool2d(I, **sums))
            G = integers(rng, *O.shape, dtype=dtype)
            np.testing.assert_array_equal(
                lectcode.avg_pool2d_backward(G, I, **sums), reference.avg_pool2d_backward(G, I, **sums)
            )


@pytest.mark.usefixtures("route")
@pytest.mark.parametrize("W", [31, 32, 33, 47, 64, 65, 95])
@pytest.mark.parametrize("dtype", DTYPES)
def test_rows_around_the_length_of_a_block(W, dtype):
    rng = np.random.default_rng(W)
    for H, keywords in ((2, {}), (5, {}), (6, {"stride": 1}), (7, {"kernel_size": 3, "stride": 2, "padding": 1})):
        check_max(few_values(rng, 1, 2, H, W, dtype=dtype), **{"kernel_size": 2, **keywords})


def test_many_bands():
    """Planes of more rows than are worked on together, with rows short and long."""
    rng = np.random.default_rng(0)
    for shape in ((1, 1, 300, 20), (1, 2, 45, 130)):
        for keywords in ({"kernel_size": 3, "stride": 2, "padding": 1}, {"kernel_size": (4, 2), "stride": (3, 1)}):
            check_max(few_values(rng, *shape, dtype=np.float32), **keywords)


@pytest.mark.usefixtures("route")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kernel_size", [2, 3])
def test_special_numbers_everywhere(dtype, kernel_size):
    """NaN of both signs, infinities and both zeros, in borders and blocks: one place wins, the first."""
    rng = np.random.default_rng(0)
    special = np.array([np.nan, -np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-42, -1e-42, 1.0], dtype)
    for numbers, width in ((special, 40), (special[2:], 40), (special[4:6], 9), (special[3:4], 9), (special[:2], 9)):
        I = rng.choice(numbers, (2, 3, 6, width))
        for padding in (0, 1):
            check_max(I, kernel_size=kernel_size, stride=2, padding=padding)
            check_max(I, kernel_size=kernel_size, stride=1, padding=padding)


@pytest.mark.usefixtures("route")
@pytest.mark.parametrize("dtype", DTYPES)
def test_windows_far_larger_than_the_image(dtype):
    """A frame around the image would be large here, and no memory is spent on one."""
    keywords = {"kernel_size": 2, "dilation": 500, "padding": ((500, 0), (0, 500)), "stride": 1}
    geometry = shapes.pool_geometry((3, 4), 2, 1, keywords["padding"], 500)
    assert not pooling.dense(geometry)
    check_max(few_values(np.random.default_rng(0), 2, 3, 3, 4, dtype=dtype), **keywords)


def both_ways(monkeypatch, function, *arguments, **keywords):
    """Return what a function computes for planes abreast, and for planes one by one."""
    results = []
    for kernel in (threes, small):
        monkeypatch.setattr(kernel, "BYTES", 0)
    for together in (True, False):
        monkeypatch.setattr(pooling, "abreast_applies", lambda count, dtype, together=together, **_: together)
        forget()
        results.append(function(*arguments, **keywords))
    return results


LAYERS = [
    ((6, 7), {"kernel_size": 3, "stride": 1, "padding": 1}),
    ((9, 5), {"kernel_size": (4, 3), "stride": (3, 2), "padding": ((3, 1), (0, 2)), "ceil_mode": True}),
    ((8, 8), {"kernel_size": 3, "stride": 2, "ceil_mode": True}),
    ((7, 7), {"kernel_size": 7}),
    ((3, 2), {"kernel_size": 2, "stride": 1}),  # planes smaller than a vector
    ((12, 6), {"kernel_size": (5, 1), "stride": (1, 4), "padding": (2, 0)}),
    ((11, 5), {"kernel_size": 2, "stride": (6, 3)}),  # bands that no window reaches
]


@pytest.mark.parametrize("vectors", [abreast.VECTORS, 40])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("size", "keywords"), LAYERS)
def test_any_number_of_planes(vectors, dtype, size, keywords, monkeypatch):
    """Groups that are full and not, in one part and in bands, equal the same planes one by one."""
    monkeypatch.setattr(abreast, "VECTORS", vectors)
    rng, full = np.random.default_rng(0), lanes(dtype)
    for count in (1, 2 * full + 1):
        I = few_values(rng, 1, count, *size, dtype=dtype)
        for O, expected in zip(
            *both_ways(monkeypatch, lectcode.max_pool2d, I, **keywords, return_winners=True), strict=True
        ):
            np.testing.assert_array_equal(O, expected)
        for forward, backward in (
            (lectcode.max_pool2d, lectcode.max_pool2d_backward),
            (lectcode.avg_pool2d, lectcode.avg_pool2d_backward),
        ):
            O, expected = both_ways(monkeypatch, forward, I, **keywords)
            np.testing.assert_array_equal(O, expected)  # the sums are exact, and are rounded once
            G = integers(rng, *O.shape, dtype=dtype)
            exact = {"divisor_override": 1} if forward is lectcode.avg_pool2d else {}
            dI, expected = both_ways(monkeypatch, backward, G, I, **keywords, **exact)
            np.testing.assert_array_equal(dI, expected)


def test_a_dilated_window_abreast(monkeypatch):
    rng = np.random.default_rng(0)
    keywords = {"kernel_size": (3, 2), "stride": (2, 1), "padding": ((3, 1), (2, 0)), "dilation": (2, 3)}
    for vectors in (abreast.VECTORS, 40):
        monkeypatch.setattr(abreast, "VECTORS", vectors)
        forget()
        check_max(few_values(rng, 1, lanes(np.float32), 11, 9, dtype=np.float32), **keywords)


def test_when_planes_are_abreast(monkeypatch):
    """Half a vector of planes of floats, or two where winners are sought; without them the loops of one plane run."""
    half = lanes(np.float32) // 2
    assert pooling.abreast_applies(half, np.dtype(np.float32))
    assert not pooling.abreast_applies(half - 1, np.dtype(np.float32))
    assert not pooling.abreast_applies(1000, np.dtype(np.int64))
    assert pooling.abreast_applies(2, np.dtype(np.float32), winners=True)
    assert not pooling.abreast_applies(1, np.dtype(np.float32), winners=True)
    assert not pooling.abreast_applies(1000, np.dtype(np.int64), winners=True)
    calls = []
    monkeypatch.setattr(pooling, "share", lambda kernel, *_, **__: calls.append(kernel))
    for count in (half, max(half - 1, 2), 1):
        I = np.zeros((1, count, 6, 6), np.float32)
        G = np.zeros((1, count, 2, 2), np.float32)
        lectcode.max_pool2d(I, 3), lectcode.avg_pool2d(I, 3), lectcode.avg_pool2d_backward(G, I, 3)
        lectcode.max_pool2d_backward(G, I, 3), lectcode.max_pool2d(I, 3, return_winners=True)
    abreast_, one_by_one = [abreast.forward, abreast.forward, abreast.backward], [maximum.forward, average.forward]
    assert calls[:5] == [*abreast_, winners.backward, winners.forward]
    if half > 2:
        assert calls[5:10] == [*one_by_one, average.backward, winners.backward, winners.forward]
    assert calls[10:] == [*one_by_one, average.backward, plain.max_backward, plain.max_forward]


def test_when_a_window_is_a_quarter():
    geometry, floats = shapes.pool_geometry((6, 7), 2, None), np.dtype(np.float32)
    assert quarters.applies(geometry, floats)
    assert not quarters.applies(geometry, np.dtype(np.int64))
    assert not quarters.applies(shapes.pool_geometry((5, 32), 2, None, ceil_mode=True), floats)  # reaches outside
    for other in ((3, 2), (2, 1), (2, 2, 1), (2, 2, 0, 2)):
        assert not quarters.applies(shapes.pool_geometry((9, 40), *other), floats)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("W", range(2, 36))
def test_quarters_in_rows_short_and_long(W, dtype):
    """Rows shorter than a vector, a vector long and longer; even and odd heights; rows after which the array ends."""
    rng = np.random.default_rng(W)
    for planes, H in ((1, 2), (2, 5), (5, 4)):
        check_max(few_values(rng, planes, 1, H, W, dtype=dtype), kernel_size=2)
        check_max(rng.choice(np.array([np.nan, -np.inf, np.inf, -0.0, 1], dtype), (planes, 1, H, W)), kernel_size=2)


@pytest.mark.parametrize("H", [4, 5, 6, 7])
@pytest.mark.parametrize("W", [4, 5, 10, 14, 15, 20, 28])
def test_quarters_leave_other_planes_alone(W, H):
    """Another thread may have written them already."""
    I, G = np.ones((9, H, W), np.float32), np.ones((9, H // 2, W // 2), np.float32)
    dI = np.full(I.shape, 7, np.float32)
    quarters.backward(G, I, dI, 1, 4)
    assert np.all(dI[[0, 4, 5, 6, 7, 8]] == 7)
    assert np.sum(dI[1:4]) == 3 * (H // 2) * (W // 2)


def test_when_the_window_is_the_plane():
    floats = np.dtype(np.float32)
    assert whole.applies(shapes.pool_geometry((6, 7), (6, 7), None), floats)
    assert not whole.applies(shapes.pool_geometry((6, 8), (6, 7), None), floats)  # a pixel outside of the window
    assert not whole.applies(shapes.pool_geometry((6, 7), (6, 7), 1, 1), floats)
    assert not whole.applies(shapes.pool_geometry((6, 14), (6, 7), None), floats)
    reaches_outside = shapes.pool_geometry((5, 5), 5, None, ((0, 4), (0, 4)), 2)
    assert not whole.applies(reaches_outside, floats)
    assert not whole.applies(shapes.pool_geometry((6, 7), (6, 7), None), np.dtype(np.int64))
    assert not whole.applies(shapes.pool_geometry((1, 1), 1, None), floats)  # shorter than a vector


@pytest.mark.parametrize("pixels", [whole.PIXELS, 128])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [(1, 1), (2, 3), (7, 7), (9, 8)])
def test_one_window_a_plane(pixels, dtype, size, monkeypatch):
    """Planes shorter and longer than a vector, and than a word, of which many are computed together, or two, or one."""
    monkeypatch.setattr(whole, "PIXELS", pixels)  # with the JIT on, a constant of the machine code
    rng, full = np.random.default_rng(0), lanes(dtype)
    special = np.array([np.nan, -np.nan, np.inf, -np.inf, -0.0, 0.0], dtype)
    for count in (full // 2, 2 * full + 1):
        check_max(few_values(rng, 1, count, *size, dtype=dtype), kernel_size=size)
        check_max(rng.choice(special, (1, count, *size)), kernel_size=size)
        check_max(rng.choice(special[3:], (1, count, *size)), kernel_size=size)
        G = integers(rng, 1, count, 1, 1, dtype=dtype)
        for divisor in (1, 4):  # the quotients are exact
            dI = lectcode.avg_pool2d_backward(G, np.zeros((1, count, *size), dtype), size, divisor_override=divisor)
            np.testing.assert_array_equal(dI, np.broadcast_to(G / divisor, dI.shape))
            I = integers(rng, 1, count, *size, dtype=dtype)
            O = lectcode.avg_pool2d(I, size, divisor_override=divisor)
            np.testing.assert_array_equal(O, I.sum(axis=(2, 3), keepdims=True) / divisor)
    check_max(few_values(rng, 1, full, 30, 40, dtype=dtype), kernel_size=(30, 40))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("words", [0, 1, 2])
def test_one_window_a_plane_with_its_winner_anywhere(words, dtype):
    """Planes of all sizes around a vector, a word and two words; the largest number is at each place, or at several.

    The planes before and after belong to others.
    """
    rng, full = np.random.default_rng(0), lanes(dtype)
    word = min(64, 8 * full)
    sizes = range(full, full + 3) if words == 0 else range(words * word - 1, words * word + 2)
    for size in sizes:
        I = rng.integers(-9, 0, (size + 2, 1, size)).astype(dtype)
        for largest in (0, np.inf, np.nan):
            for second in (np.arange(size + 2) % size, rng.integers(0, size, size + 2)):
                I[np.arange(size + 2), 0, second] = largest
                I[np.arange(size + 2), 0, np.arange(size + 2) % size] = largest
                dI, G = np.full(I.shape, 7, dtype), integers(rng, size + 2, 1, 1, dtype=dtype)
                whole.max_backward(G, I, dI, 1, size + 1)
                assert np.all(dI[[0, -1]] == 7)
                expected = reference.max_pool2d_backward(G[None], I[None], (1, size))[0]
                np.testing.assert_array_equal(dI[1:-1], expected[1:-1])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sums_of_whole_planes(dtype):
    """Of all sizes around one, two and five vectors, in groups of planes that are full, or are not; others' stay."""
    rng, full = np.random.default_rng(0), lanes(dtype)
    for size in {count * full + more for count in (1, 2, 5) for more in (-1, 0, 1) if count + more > 0}:
        for planes in (1, full - 1, full, 2 * full + 1, 3 * full):
            I = integers(rng, planes, 1, size, dtype=dtype)
            I[0] = -0.0
            if planes > 2:
                I[1, 0, -1], I[planes // 2, 0, :2] = np.nan, (np.inf, -np.inf)[: min(size, 2)]
            for divisors in (pooling.no_divisors(np.dtype(dtype)), np.full((1, 1), 4, dtype)):
                O, workspace = np.full((planes + full, 1, 1), 7, dtype), np.full(2 * full**2, np.nan, dtype)
                with np.errstate(invalid="ignore"):  # inf - inf
                    whole.avg_forward(I, divisors, O[:planes], workspace, 0, -(-planes // full))
                    expected = I.sum(axis=(1, 2)) / (4 if divisors.size else 1)
                np.testing.assert_array_equal(O[:planes, 0, 0], expected)
                assert np.signbit(O[0, 0, 0])
                assert np.all(O[planes:] == 7)


def test_sums_of_whole_planes_leave_other_groups_alone():
    full = lanes(np.float32)
    I, O = np.ones((3 * full, 2, full), np.float32), np.full((3 * full, 1, 1), 7, np.float32)
    whole.avg_forward(I, pooling.no_divisors(I.dtype), O, np.zeros(2 * full**2, np.float32), 1, 2)
    assert np.all(O[:full] == 7)
    assert np.all(O[full : 2 * full] == 2 * full)
    assert np.all(O[2 * full :] == 7)


def test_when_three_by_three_windows_stay_in_registers(monkeypatch):
    floats = np.dtype(np.float32)
    monkeypatch.setattr(threes, "BYTES", 64)
    for stride, padding in ((1, 0), (1, 1), (2, 0), (2, ((1, 0), (0, 1)))):
        assert threes.applies(shapes.pool_geometry((9, 8), 3, stride, padding), floats)
    for other in ((3, (1, 2)), (3, 3), (3, 2, ((2, 0), (0, 0))), (3, 1, 0, 2), ((2, 3), 2)):
        assert not threes.applies(shapes.pool_geometry((9, 8), *other), floats)
    assert threes.applies(shapes.pool_geometry((1, 8), 3, 1, ((0, 2), (0, 0))), floats)
    assert not threes.applies(shapes.pool_geometry((1, 8), 3, 1, 1), floats)  # no row to write instead of that above
    assert not threes.applies(shapes.pool_geometry((9, 8), 3, 1), np.dtype(np.int64))
    monkeypatch.setattr(threes, "BYTES", 32)
    assert not threes.applies(shapes.pool_geometry((9, 8), 3, 1), floats)


@pytest.mark.skipif(simd.BYTES < 32, reason="needs vectors of at least four numbers")
def test_which_rows_of_three_by_three_windows_are_short():
    """Two or four planes at once if their windows fit into a vector; of windows one apart one lane stays free."""
    for dtype in (np.dtype(np.float32), np.dtype(np.float64)):
        full = lanes(dtype)
        for stride, padding, W, kernel, *more in (
            (2, 0, full // 2, threes_short.two_apart, True, True),
            (2, 0, full // 2 + 1, threes_short.two_apart, True, None),
            (2, 0, full, threes_short.two_apart, True, None),
            (2, 0, full + 1, threes_short.two_apart, None, None),
            (2, 1, full - 1, threes_short.two_apart, True, None),
            (2, 1, full, threes_short.two_apart, None, None),
            (2, 0, 2 * full, threes_short.two_apart, None, None),
            (2, 1, 2 * full, threes_long.two_apart),
            (1, 1, full - 1, threes_short.one_apart, None),
            (1, 1, full, threes_long.one_apart),
            (1, 0, 3 * full, threes_long.one_apart),
            (1, ((0, 2), (0, 2)), full, threes_long.one_apart),
        ):
            if W + 2 * max(np.ravel(padding)) >= 3:  # on some hosts half a vector is shorter than a window
                found, (_, *told) = threes.backward(shapes.pool_geometry((9, W), 3, stride, padding), dtype)
                assert found is kernel
                assert told == more
    geometry = shapes.pool_geometry((9, lanes(np.float32) // 2 - 1), 3, 1, 1)
    assert threes.backward(geometry, np.dtype(np.float32)) == (threes_short.one_apart, ((1, 1), True))


@pytest.mark.skipif(simd.BYTES < 32, reason="needs vectors of at least four numbers")
@pytest.mark.parametrize("padding", [0, 1, ((0, 1), (1, 0)), ((1, 0), (0, 1))])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_three_by_three_in_rows_short_and_long(dtype, stride, padding, monkeypatch):
    """All lengths up to several vectors, with padding that must not win; 1, 2 or 4 planes at once, and a rest."""
    monkeypatch.setattr(threes, "BYTES", 64)
    rng, keywords = np.random.default_rng(0), {"kernel_size": 3, "stride": stride, "padding": padding}
    for W in range(3, 3 * lanes(dtype) + 2):
        for H in (3 + W % 2, 6 + W % 3):
            I = few_values(rng, 5 + (W + H) % 3, 1, H, W, dtype=dtype)
            I[I < 0] = -np.inf
            for ceil_mode in (False, True):
                check_max(I, ceil_mode=ceil_mode, **keywords)


@pytest.mark.skipif(simd.BYTES < 32, reason="needs vectors of at least four numbers")
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_three_by_three_in_images_smaller_than_the_window(dtype, stride, monkeypatch):
    """Rows that are all padding, above and below, in images of one row and more; many windows end in the padding."""
    monkeypatch.setattr(threes, "BYTES", 64)
    rng, checked = np.random.default_rng(0), 0
    for H, W in product(range(1, 5), (1, 2, lanes(dtype) // 2 - 1, lanes(dtype) - 1, lanes(dtype))):
        for before, after, ceil_mode in product((0, 1), (0, 1, 2), (False, True)):
            if before + min(H, W) + after < 3:
                continue
            I = few_values(rng, 3, 1, H, W, dtype=dtype)
            I[I < 0] = -np.inf
            padding = ((before, after), (before, after))
            check_max(I, kernel_size=3, stride=stride, padding=padding, ceil_mode=ceil_mode)
            checked += 1
    assert checked > 100


@pytest.mark.skipif(simd.BYTES < 32, reason="needs vectors of at least four numbers")
@pytest.mark.parametrize("W", [5, 16, 40])
@pytest.mark.parametrize("stride", [1, 2])
def test_three_by_three_leave_other_planes_alone(stride, W):
    """Another thread may have written them already; planes with a NaN go another way than those before and after."""
    H = 40
    geometry = shapes.pool_geometry((H, W), 3, stride, 1)
    I = np.random.default_rng(0).permutation(6 * H * W).reshape(6, H, W).astype(np.float32)
    I[3, 7, 2] = np.nan
    G, dI = np.ones((6, *geometry.output_size), np.float32), np.full(I.shape, 7, np.float32)
    kernel, arguments = threes.backward(geometry, I.dtype)
    kernel(G, I, *arguments, dI, 1, 5)
    assert np.all(dI[[0, 5]] == 7)
    expected = reference.max_pool2d_backward(G[None], I[None], 3, stride, 1)[0]
    np.testing.assert_array_equal(dI[1:5], expected[1:5])


def test_one_nan_is_found_wherever_it_is():
    has_nan = njit(lambda x, begin, end: plain.has_nan(x, begin, end))
    for dtype in (np.float32, np.float64):
        for size in (1, 3, 2 * lanes(dtype), 5 * lanes(dtype) + 1):
            for place in range(size + 2):
                x = np.zeros(size + 2, dtype)
                x[place] = np.nan
                assert has_nan(x, 1, size + 1) == (0 < place <= size)


def test_the_same_divisors_for_the_same_layer():
    """They are kept from call to call, so nobody may write into them."""
    geometry = shapes.pool_geometry((6, 7), 3, 2, 1)
    kept = shapes.divisors(geometry, False, None, np.dtype(np.float32))
    assert not kept.flags.writeable
    assert kept is shapes.divisors(geometry, False, None, np.dtype(np.float32))
    assert kept is not shapes.divisors(geometry, True, None, np.dtype(np.float32))


def test_when_windows_are_small(monkeypatch):
    """At most nine pixels, one or two columns apart, more than half a vector of them in a row that shares no pixels."""
    monkeypatch.setattr(small, "BYTES", 64)
    floats = np.dtype(np.float32)
    W = 2 * lanes(floats)
    for window in ((2, 2, 1), ((3, 1), (3, 1)), ((2, 3), (3, 2)), ((2, 1), (5, 1), 0, (4, 1))):
        assert small.applies(shapes.pool_geometry((9, W), *window), floats)
    for window in ((2, (1, 2)), ((2, 5), 2), (2, (2, 3)), (2, 2, 0, (1, 2)), ((2, 1), (4, 1), 0, (4, 1))):
        assert not small.applies(shapes.pool_geometry((9, W), *window), floats)
    assert not small.applies(shapes.pool_geometry((9, W), 2, 2, 1), np.dtype(np.int64))
    assert not small.applies(shapes.pool_geometry((9, lanes(floats)), 2, (2, 2)), floats)  # half a vector
    monkeypatch.setattr(small, "BYTES", 32)
    assert not small.applies(shapes.pool_geometry((9, W), 2, 2, 1), floats)


def test_rows_of_small_windows_are_short_if_a_vector_holds_what_they_see():
    """The windows, the pixels that are first in a window, and what would come around from the other end."""

    def short(W, *window):
        (*_, banding), _ = small.plan(shapes.pool_geometry((9, W), *window), 16)
        return banding is None

    assert short(32, (2, 3), (3, 2))
    assert not short(33, (2, 3), (3, 2))
    assert not short(32, 2, 2, ((0, 0), (1, 0)))  # the last pixel belongs to no window
    assert not short(32, (2, 3), (3, 2), 0, 1, True)  # the last window ends one place farther
    assert short(15, (3, 2), (3, 1), ((0, 0), (1, 0)))
    assert not short(16, (3, 2), (3, 1), ((0, 0), (1, 0)))


SMALL = [
    {"kernel_size": (2, 3), "stride": (3, 2)},
    {"kernel_size": (2, 4), "stride": (2, 2), "padding": ((1, 0), (2, 1)), "ceil_mode": True},
    {"kernel_size": 2, "stride": 2, "padding": 1},
    {"kernel_size": (3, 2), "stride": (5, 1), "padding": (2, (0, 1)), "dilation": (2, 1)},
    {"kernel_size": (1, 3), "stride": (2, 1), "padding": (0, 1)},
    {"kernel_size": (3, 1), "stride": (3, 1)},
]


def check_small(I, window):
    """Compare planes in the midst of others, which may belong to another thread, with the definition."""
    geometry = shapes.pool_geometry(I.shape[1:], **window)
    told, room = small.plan(geometry, lanes(I.dtype))
    G = integers(np.random.default_rng(1), len(I), *geometry.output_size, dtype=I.dtype)
    dI = np.full(I.shape, 7, I.dtype)
    workspace = np.random.default_rng(2).choice(np.array([-1, 1], f"i{I.itemsize}"), room)  # as floats: NaN and 1e-45
    small.backward(G, I, *told, dI, workspace, 1, len(I) - 1)
    assert np.all(dI[[0, -1]] == 7)
    expected = reference.max_pool2d_backward(G[None], I[None], **window)[0]
    np.testing.assert_array_equal(dI[1:-1], expected[1:-1])
    dI[-1] = 7
    small.backward(G, I, *told, dI, workspace, len(I) - 1, len(I))  # after this plane there is nothing
    np.testing.assert_array_equal(dI[-1], expected[-1])


@pytest.mark.parametrize("windows", [small.WINDOWS, 40])
@pytest.mark.parametrize("window", SMALL)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_small_windows_in_rows_short_and_long(dtype, window, windows, monkeypatch):
    """Rows around one and two vectors of windows, and of pixels; bands of a few rows, and more rows than windows."""
    monkeypatch.setattr(small, "WINDOWS", windows)
    rng, full = np.random.default_rng(0), lanes(dtype)
    lengths = {max(count * full + more, 5) for count in (1, 2, 4) for more in range(-3, 3)}
    for W, H in zip(sorted({*lengths, 5}), cycle((5, 8, 11)), strict=False):
        check_small(few_values(rng, 4, H, W, dtype=dtype), window)


@pytest.mark.parametrize(("full", "more"), [(1, -3), (2, 3)], ids=["short", "long"])
@pytest.mark.parametrize("window", SMALL)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_small_windows_with_special_numbers(dtype, window, full, more):
    """NaN anywhere, also as the last pixel of a window, and -inf, which padding must not beat."""
    rng, W = np.random.default_rng(0), max(full * lanes(dtype) + more, 5)
    for numbers in ([np.nan, -np.inf, np.inf, -0.0, 1], [-np.inf], [-np.inf, 1], [-np.inf, -1e30], [0.0, -0.0]):
        check_small(rng.choice(np.array(numbers, dtype), (5, 9, W)), window)
    for place in range(9 * W):
        I = few_values(rng, 3, 9, W, dtype=dtype)
        I[1].flat[place] = np.nan
        check_small(I, window)


def test_small_windows_of_a_layer():
    """By the public functions, with odd numbers of planes."""
    rng = np.random.default_rng(0)
    for window in SMALL:
        check_max(few_values(rng, 3, 5, 12, 41, dtype=np.float32), **window)
