"""The blocked product behind the convolution and the gradient of its input: exact for every way to divide and copy."""

from unittest import mock

import numba
import numpy as np
import pytest

from lectcode import shapes
from lectcode.kernels import axes, correlation, direct, gemm, pointwise, threads
from lectcode.kernels.block import ROWS, VECTORS
from lectcode.kernels.correlation import DEPTH
from lectcode.kernels.simd import BYTES, lanes

# (N, C_in, size, C_out, kernel, stride, padding, dilation, groups)
CASES = {
    "whole planes": (2, 9, (7, 9), 17, (1, 1), 1, 0, 1, 1),
    "planes in bands": (1, 9, (31, 30), 8, (1, 1), 1, 0, 1, 1),
    "planes of few rows": (3, DEPTH + 9, (13, 14), 9, (1, 1), 1, 0, 1, 1),
    "full tiles": (1, 8, (12, 12), 16, (1, 1), 1, 0, 1, 1),
    "full tiles and a rest, two panels": (3, DEPTH + 9, (11, 13), 3 * ROWS, (1, 1), 1, 0, 1, 1),
    "full tiles and a rest, groups": (2, 4 * ROWS, (5, 31), 2 * ROWS, (1, 1), 1, 0, 1, 2),
    "full tiles from many rows": (1, 8, (9, 40), 2 * ROWS, (3, 3), 1, 0, 1, 1),
    "full tiles of one row, stride 2": (1, 8, (1, 203), 2 * ROWS, (1, 1), (1, 2), 0, 1, 1),
    "a pixel alone, two panels": (1, DEPTH + 9, (7, 7), 2 * ROWS + 3, (1, 1), 1, 0, 1, 1),
    "a pixel alone, groups": (1, 74, (7, 7), 4 * ROWS, (1, 1), 1, 0, 1, 2),
    "one pixel alone": (1, 35, (1, 1), 2 * ROWS + 1, (1, 1), 1, 0, 1, 1),
    "single pixels": (5, 20, (1, 1), 11, (1, 1), 1, 0, 1, 1),
    "rows that need no padding": (2, 8, (9, 40), 9, (3, 3), 1, 0, 1, 1),
    "short rows": (3, 10, (6, 5), 12, (2, 3), 1, 0, 1, 1),
    "padding": (3, 9, (8, 9), 10, (3, 3), 1, 1, 1, 1),
    "one side": (2, 8, (9, 10), 12, (3, 2), 1, ((2, 0), (0, 1)), 1, 1),
    "stride 2": (3, 10, (13, 14), 17, (3, 3), 2, 1, 1, 1),
    "stride 3": (2, 9, (17, 50), 12, (3, 2), 3, 1, 1, 1),
    "stride 4": (1, 8, (19, 90), 8, (5, 5), 4, 2, 1, 1),
    "stride 5": (2, 8, (23, 21), 9, (3, 3), 5, 0, 1, 1),
    "strides that leave gaps": (2, 8, (12, 13), 9, (1, 2), (3, 4), 0, 1, 1),
    "stride and dilation": (2, 8, (16, 19), 9, (3, 3), (2, 3), 2, (3, 2), 1),
    "groups": (2, 36, (9, 11), 34, (3, 3), (1, 2), 1, 1, 2),
    "less than a block": (2, 5, (9, 20), 3 * ROWS // 4, (3, 3), 1, 1, 1, 1),
    "one window": (4, 6, (3, 5), 19, (3, 5), 1, 0, 1, 1),
    "many filters, images in a tile": (5, 12, (7, 7), 130, (3, 3), 2, 1, 1, 1),
    "rows in bands": (1, 8, (40, 33), 8, (3, 3), 1, 1, 1, 1),
    "large planes": (2, 3, (41, 43), ROWS + 1, (3, 2), 1, 1, 1, 1),
}


def problem(case, dtype):
    """Return I, F, B, G, of whole numbers and read-only, and the geometry."""
    N, C_in, size, C_out, kernel, stride, padding, dilation, groups = CASES[case]
    rng = np.random.default_rng(0)
    F = rng.integers(-5, 6, (C_out, C_in // groups, *kernel)).astype(dtype)
    geometry = shapes.conv_geometry(C_in, size, F.shape, stride, padding, dilation, groups)
    I, B = rng.integers(-5, 6, (N, C_in, *size)).astype(dtype), rng.integers(-5, 6, C_out).astype(dtype)
    G = rng.integers(-5, 6, (N, C_out, *geometry.output_size)).astype(dtype)
    for array in (I, F, B, G):
        array.flags.writeable = False
    return I, F, B, G, geometry


@pytest.fixture(params=["packed", "packed without padding", "copied", "copied in small bands"])
def divided(request, monkeypatch, always_threads):
    """Divide even little work, and read the source either way, and the filters of a gradient; a second cache that holds
    next to nothing makes bands of few rows. Without padding, all planes count as large, and no source as near.
    """
    monkeypatch.setattr(correlation, "LARGE", 1 if request.param == "packed without padding" else 10**9)
    monkeypatch.setattr(correlation, "WORTH_PACKING", 1 if request.param == "packed without padding" else 10**9)
    monkeypatch.setattr(correlation, "NEAR", 0 if request.param == "packed without padding" else 10**9)

    def way(problem):
        y, x = problem.y, problem.x
        without = axes.without_padding if problem.finite else lambda axis: axis
        yield {
            "packed": (y, x, False, "blocks"),
            "packed without padding": (without(y), without(x), False, "blocks"),
            "copied": (y, x, True, "blocks"),
            "copied in small bands": (without(y), x, True, "blocks"),
        }[request.param]

    monkeypatch.setattr(correlation, "_ways", way)
    monkeypatch.setattr(correlation, "ASK", 1)
    if request.param == "copied in small bands":
        monkeypatch.setattr(correlation, "SECOND_LEVEL", 2_000)
    plans = correlation.plan_forward, correlation.plan_grad_input
    for plan in plans:
        plan.cache_clear()
    yield
    for plan in plans:
        plan.cache_clear()


@pytest.mark.usefixtures("divided")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", CASES)
def test_exact_with_any_number_of_threads(case, dtype):
    I, F, B, G, geometry = problem(case, dtype)
    O, dI = np.empty(G.shape, dtype), np.empty(I.shape, dtype)
    direct.forward(I, F, B, geometry, O)
    direct.grad_input(G, F, geometry, dI)
    for number in (1, 2, 3):
        numba.set_num_threads(min(number, numba.config.NUMBA_NUM_THREADS))
        actual = np.full_like(O, np.nan)
        gemm.forward(I, F, B, geometry, actual)
        np.testing.assert_array_equal(actual, O)
        actual = np.full_like(dI, np.nan)
        gemm.grad_input(G, F, geometry, actual)
        np.testing.assert_array_equal(actual, dI)


TURNED = {  # size, kernel, stride, padding, dilation
    "one element": ((5, 7), (1, 1), 1, 0, 1),
    "one element, stride 2": ((11, 12), (1, 1), 2, 0, 1),
    "one element, two strides": ((4, 19), (1, 1), (1, 3), 0, 1),
    "four pixels": ((2, 2), (1, 1), 1, 0, 1),
    "one element, padding": ((3, 4), (1, 1), 2, (2, 1), 1),
    "padding": ((5, 7), (3, 3), 1, 1, 1),
    "stride 2": ((11, 12), (3, 2), 2, 1, 1),
    "padding on one side, dilation": ((9, 8), (2, 3), (2, 1), ((3, 0), (0, 4)), (3, 2)),
    "taps that meet padding alone": ((2, 3), (3, 5), 1, (4, 9), (4, 3)),
    "gaps": ((13, 16), (2, 2), (5, 4), 0, 1),
}


@pytest.mark.usefixtures("always_threads")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("layer", TURNED.values(), ids=TURNED)
@pytest.mark.parametrize(("channels", "filters"), [(3, 49), (53, 70), (201, 210)])
def test_a_gradient_that_is_turned(monkeypatch, channels, filters, layer, dtype):
    monkeypatch.setattr(gemm, "PLANE", 512)
    monkeypatch.setattr(gemm, "NUMBERS", 1)
    monkeypatch.setattr(pointwise, "applies", lambda *_: False)
    turned = mock.Mock(wraps=gemm._grad_input_turned)
    monkeypatch.setattr(gemm, "_grad_input_turned", turned)
    size, kernel, *rest = layer
    monkeypatch.setitem(CASES, "turned", (1, channels, size, filters, kernel, *rest, 1))
    test_exact_with_any_number_of_threads("turned", dtype)
    assert turned.call_count == 3


def test_which_gradients_are_turned(monkeypatch):
    monkeypatch.setattr(gemm, "PLANE", 4 * 49)
    monkeypatch.setattr(gemm, "NUMBERS", 1000)

    def turned(N=1, filters=50, channels=20, size=7, kernel=1, groups=1, itemsize=4):
        shape = filters, channels // groups, kernel, kernel
        geometry = shapes.conv_geometry(channels, (size, size), shape, 1, kernel // 2, 1, groups)
        return gemm._is_turned(geometry, N, shape, itemsize)

    assert turned()
    assert turned(channels=40, size=2)
    assert turned(channels=4, kernel=3)
    assert turned(filters=49, channels=21)
    assert not any([turned(N=2), turned(channels=19), turned(size=8), turned(size=1), turned(itemsize=8)])
    assert not any([turned(filters=48, channels=40), turned(channels=40, groups=2)])


@pytest.mark.usefixtures("divided")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("stride", "size"), [(1, (12, 50)), (2, (11, 37)), (1, (3, 4)), (4, (13, 20))])
@pytest.mark.parametrize("number", [1, 2, 3, 5])
def test_few_filters(monkeypatch, number, stride, size, dtype):
    """Three at once, the last ones twice, or one after the other; in rows at once, the last ones twice, or single."""
    monkeypatch.setattr(correlation, "FEW", 6)
    monkeypatch.setitem(CASES, "few filters", (2, number, size, number, (3, 3), stride, 1, 1, 1))
    test_exact_with_any_number_of_threads("few filters", dtype)


def test_stripes_are_long_on_large_planes_or_for_few_rows(monkeypatch):
    """On large ones if one panel has all rows and the source is packed; for few rows if filters have one element."""
    for name, value in {"WAITING": 4 * ROWS, "CHANNELS": 300, "SPREAD": 15**2}.items():
        monkeypatch.setattr(correlation, name, value)

    def tiles(channels, size, kernel=1, rows=5 * ROWS, N=8):
        geometry = shapes.conv_geometry(channels, (size, size), (rows, channels, kernel, kernel), 1, kernel // 2, 1, 1)
        sizes = correlation.plan_forward.__wrapped__(N, rows, channels, geometry, 4, 1).sizes
        return sizes.stripe // (VECTORS * lanes(np.float32))

    assert tiles(correlation.SHALLOW, 91) == correlation.LONG
    assert tiles(correlation.SHALLOW, 90) == correlation.TILES
    assert tiles(correlation.SHALLOW + 1, 91) == correlation.TILES
    assert tiles(3, 112, kernel=3, rows=1) == correlation.TILES  # `narrow` copies the source
    assert tiles(300, 28, rows=4 * ROWS) == correlation.LONG
    assert tiles(300, 28) == tiles(300, 28, kernel=3, rows=4 * ROWS) == correlation.TILES
    assert tiles(301, 28, rows=4 * ROWS) == tiles(300, 15, rows=4 * ROWS) == correlation.TILES
    monkeypatch.setattr(correlation, "SPREAD", 0)
    assert tiles(300, 7, rows=4 * ROWS) == correlation.TILES  # a whole plane and the next
    assert tiles(300, 14, rows=4 * ROWS, N=1) == -(-14 * 14 // (VECTORS * lanes(np.float32)))  # no longer than needed


def plan_of(case, threads=1):
    I, F, _, _, geometry = problem(case, np.float32)
    return correlation.plan_forward.__wrapped__(I.shape[0], F.shape[0], F.shape[1], geometry, 4, threads).sizes


def test_each_way_to_read_the_source_occurs():
    assert not plan_of("whole planes").padded
    assert plan_of("rows that need no padding").padded
    assert not plan_of("short rows").padded
    assert not plan_of("stride 2").padded
    assert plan_of("rows in bands").padded
    assert plan_of("less than a block").A_packed  # the missing rows are written there
    assert plan_of("many filters, images in a tile").images > 1
    assert plan_of("full tiles").unpacked
    assert plan_of("a pixel alone, two panels").single


@pytest.mark.parametrize(
    ("N", "channels", "size", "filters", "unpacked"),
    [
        (1, 64, (64, 64), 4 * ROWS, True),
        (2, 64, (64, 64), 4 * ROWS, False),  # comes from farther than the second-level cache
        (1, 64, (64, 64), 5 * ROWS, False),  # is read too often to be far apart
        (1, 64, (64, 64), 4 * ROWS - 1, False),  # the last block computes a row again, which must not be added twice
    ],
)
def test_few_filters_of_one_pixel_read_a_near_source_where_it_is(N, channels, size, filters, unpacked):
    geometry = shapes.conv_geometry(channels, size, (filters, channels, 1, 1), 1, 0, 1, 1)
    assert correlation.plan_forward(N, filters, channels, geometry, 4, 1).sizes.unpacked == unpacked


@pytest.mark.parametrize(
    ("N", "size", "filters", "kernel", "single"),
    [
        (1, (7, 7), ROWS, 1, True),
        (2, (7, 7), ROWS, 1, False),  # where the second image begins depends on the number of tasks
        (1, (7, 8), ROWS, 1, False),
        (1, (9, 9), ROWS, 3, False),
        (1, (7, 7), ROWS - 1, 1, False),
    ],
)
def test_when_a_pixel_is_multiplied_alone(N, size, filters, kernel, single):
    geometry = shapes.conv_geometry(30, size, (filters, 30, kernel, kernel), 1, 0, 1, 1)
    assert correlation.plan_forward(N, filters, 30, geometry, 4, 1).sizes.single == single


@pytest.mark.usefixtures("always_threads")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_number_of_threads_changes_which_pixel_is_alone(dtype):
    rng = np.random.default_rng(0)
    I, F = rng.standard_normal((1, 50, 25, 25)).astype(dtype), rng.standard_normal((ROWS, 50, 1, 1)).astype(dtype)
    geometry = shapes.conv_geometry(50, (25, 25), F.shape, 1, 0, 1, 1)
    plans = [correlation.plan_forward(1, ROWS, 50, geometry, F.itemsize, number) for number in (1, 2, 3)]
    assert all(plan.sizes.single for plan in plans)
    assert [plan.sizes.bands for plan in plans] == [1, 2, 3]
    found = set()
    for number in (1, 2, 3):
        numba.set_num_threads(min(number, numba.config.NUMBA_NUM_THREADS))
        O = np.empty((1, ROWS, 25, 25), dtype)
        gemm.forward(I, F, np.zeros(ROWS, dtype), geometry, O)
        found.add(O.tobytes())
    assert len(found) == 1


def test_only_what_occupies_several_threads_is_divided(monkeypatch):
    assert plan_of("planes in bands", threads=2).bands == 1
    monkeypatch.setattr(threads, "WORTH_A_THREAD", 1)
    assert plan_of("planes in bands", threads=2).bands == 2


def test_few_rows_are_worth_a_thread_sooner():
    """Each reads the source for itself, so that one takes as long as three rows of a block."""

    def work(rows):
        geometry = shapes.conv_geometry(8, (28, 28), (rows, 8, 3, 3), 1, 1, 1, 1)
        return correlation.plan_forward(8, rows, 8, geometry, 4, 1).work

    assert ROWS * work(1) == 3 * work(ROWS) > 0


@pytest.mark.parametrize(
    ("channels", "size", "filters", "kernel", "stride", "packed"),
    [
        (64, 56, 64, 3, 2, True),  # a copy sorted by phase is dear
        (16, 10, 64, 3, 1, True),  # and so are many filters for what is between short rows
        (3, 224, 64, 3, 1, False),  # a copy's rows are written straight to O
        (16, 32, 2 * ROWS, 3, 1, False),  # for few filters a panel is dear
        (3, 227, 12 * ROWS, 11, 4, False),  # and so is packing each number for so many filter elements
    ],
)
def test_which_layers_are_packed(channels, size, filters, kernel, stride, packed):
    geometry = shapes.conv_geometry(
        channels, (size, size), (filters, channels, kernel, kernel), stride, kernel // 2, 1, 1
    )
    assert correlation.plan_forward(1, filters, channels, geometry, 4, 1).sizes.padded != packed


def test_products_with_padding_are_left_out_if_that_pays(monkeypatch):
    """Of the outer 4 rows and columns of 28 a third of the taps meet padding. Short vectors: rows only."""

    def parts_of(plan, size, dilation, *finite):
        geometry = shapes.conv_geometry(512, (size, size), (512, 512, 3, 3), 1, dilation, dilation, 1)
        found = plan(1, 512, 512, geometry, 4, 1, *finite)
        assert found.short == (len(found.told[1]) > 1)
        return found.told[1]

    for plan in (correlation.plan_grad_input, lambda *layer: correlation.plan_forward(*layer, True)):
        parts = parts_of(plan, 28, 4)
        products = sum((bottom - top) * (right - left) * taps for top, bottom, left, right, *_, taps in parts)
        assert products == (3 * 28 - 8) * (3 * 28 - 8 if BYTES == 64 else 3 * 28)
    assert len(parts_of(correlation.plan_forward, 28, 4)) == 1  # its zeros may meet inf
    assert len(parts_of(correlation.plan_grad_input, 2, 1)) == 1  # four pixels fill a vector, one or two do not
    ways = correlation._ways
    monkeypatch.setattr(correlation, "_ways", lambda problem: [way for way in ways(problem) if way[2]])
    parts = parts_of(correlation.plan_grad_input.__wrapped__, 28, 4)
    assert [tuple(part[2:4]) for part in parts] == [(0, 28)] * 3  # parts of a copy are whole rows


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # of NumPy's scalars, without the JIT
@pytest.mark.parametrize("value", [np.inf, np.nan])
@pytest.mark.parametrize("ask", [1, 10**9])
def test_padding_is_not_left_out_where_an_infinite_filter_meets_it(value, ask, monkeypatch):
    """0 inf is NaN, also where the element meets nothing but padding."""
    monkeypatch.setattr(correlation, "ASK", ask)
    monkeypatch.setattr(correlation, "_cycles", lambda problem, y, x, padded, kernel: y.terms * x.terms)
    rng = np.random.default_rng(0)
    I = rng.integers(-5, 6, (3, 9, 28, 28)).astype(np.float32)
    F = rng.integers(-5, 6, (12, 9, 3, 3)).astype(np.float32)
    B = np.zeros(12, np.float32)
    for dilation in (4, 28):
        for filters in (F, np.where(rng.random(F.shape) < 0.01, value, F).astype(np.float32)):
            geometry = shapes.conv_geometry(9, (28, 28), F.shape, 1, dilation, dilation, 1)
            layer = 3, 12, 9, geometry, 4, 1
            assert correlation.plan_forward(*layer, correlation.worth_asking(geometry, 3)).short == (ask == 1)
            expected, O = np.empty((2, 3, 12, 28, 28), np.float32)
            direct.forward(I, filters, B, geometry, expected)
            gemm.forward(I, filters, B, geometry, O)
            np.testing.assert_array_equal(O, expected)
            assert np.isnan(O).any() == (filters is not F)


def plan_of_gradient(N, rows, channels, size=28, kernel=3, stride=1, threads=1):
    shape = channels, rows, kernel, kernel
    geometry = shapes.conv_geometry(rows, (size, size), shape, stride, kernel // 2, 1, 1)
    return correlation.plan_grad_input(N, rows, channels, geometry, 4, threads)


def test_filters_of_a_gradient_are_packed_if_they_are_used_often():
    assert plan_of_gradient(1, 64, 64, size=6).sizes.A_packed
    assert not plan_of_gradient(1, 64, 64, size=5).sizes.A_packed
    assert plan_of_gradient(25, 64, 64, size=5).sizes.A_packed
    assert plan_of_gradient(1, ROWS - 1, 8, size=5).sizes.A_packed  # less than a block is filled up


def test_filters_that_one_panel_uses_are_packed_a_few_blocks_at_a_time():
    few, all_at_once = plan_of_gradient(1, 512, 512, size=7).sizes, plan_of_gradient(8, 512, 512, size=7).sizes
    assert few.A_fresh < -(-512 // ROWS)
    assert few.workspace[2] == few.A_fresh * ROWS * few.depth
    assert not all_at_once.A_fresh
    assert all_at_once.workspace[2] >= 9 * 512 * 512


def test_packed_filters_are_never_larger_than_all_arrays():
    """With few pixels the threads share the filters among them, each of which is packed once."""
    for N in (1, 8, 64):
        for number in (1, 2, 4, 16, 64):
            plan = plan_of_gradient(N, 512, 512, size=14, stride=2, threads=number)
            numbers = 9 * 512 * 512 + N * 512 * (7 * 7 + 14 * 14)
            assert plan.sizes.A_packed or number > 16
            assert min(plan.tasks, number) * plan.sizes.workspace[2] <= numbers, (N, number)


def test_filters_of_a_convolution_are_packed_if_each_is_in_a_page_of_its_own_or_they_are_many(monkeypatch):
    def packed(N, filters, channels):
        geometry = shapes.conv_geometry(channels, (7, 7), (filters, channels, 1, 1), 1, 0, 1, 1)
        return correlation.plan_forward.__wrapped__(N, filters, channels, geometry, 4, 1).sizes.A_packed

    monkeypatch.setattr(correlation, "FAR", 4 * 512 * 512)
    assert packed(42, 512, 512)
    assert not packed(41, 512, 512)  # 2009 pixels
    assert not packed(42, 511, 512)
    monkeypatch.setattr(correlation, "FAR", np.inf)
    assert not packed(42, 512, 512)

    assert packed(8, correlation.PAGES, correlation.PAGE // 4)
    assert not packed(8, correlation.PAGES - 1, correlation.PAGE // 4)
    assert not packed(8, correlation.PAGES, correlation.PAGE // 4 - 1)
    assert not packed(1, correlation.PAGES, correlation.PAGE // 4)


@pytest.mark.usefixtures("always_threads")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize(
    ("N", "size", "kernel", "stride", "groups"),
    [(1, (7, 6), (1, 1), 1, 1), (1, (9, 8), (3, 3), 2, 2), (6, (9, 8), (3, 3), 2, 1), (6, (7, 8), (3, 2), 1, 2)],
)
def test_exact_with_packed_filters(monkeypatch, N, size, kernel, stride, groups, number, dtype):
    """For each panel, a block or two at a time, or all before the first; those of each remainder by themselves."""
    monkeypatch.setattr(correlation, "SECOND_LEVEL", 2_000)
    channels = groups * (correlation.SHALLOW // (kernel[0] * kernel[1]) + 5), groups * (3 * ROWS + 1)
    case = N, channels[1], size, channels[0], kernel, stride, 1, 1, groups
    monkeypatch.setitem(CASES, "packed filters", case)
    _, F, _, G, geometry = problem("packed filters", dtype)
    numba.set_num_threads(min(number, numba.config.NUMBA_NUM_THREADS))
    dI, expected = (np.full((N, channels[1], *size), np.nan, dtype) for _ in range(2))
    gemm.grad_input(G, F, geometry, dI)
    direct.grad_input(G, F, geometry, expected)
    np.testing.assert_array_equal(dI, expected)


# Without the JIT the kernels are NumPy scalars, and those warn where compiled code is silent.
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning" if numba.config.DISABLE_JIT else "error")
@pytest.mark.parametrize("size", [3, 7])
@pytest.mark.parametrize("fault", [np.inf, np.nan])
def test_filters_that_are_not_finite(size, fault):
    """Zeros around G must not make NaN of them, whether that is seen in F or, where it has fewer numbers, in dI."""
    F, G = np.ones((2, 20, 3, 3), np.float32), np.ones((1, 2, size, size), np.float32)
    F[1, 1, 0, 2] = fault
    geometry = shapes.conv_geometry(20, (size, size), F.shape, 1, 1, 1, 1)
    for array in (F, G):
        array.flags.writeable = False
    expected, actual = np.empty((2, 1, 20, size, size), np.float32)
    assert (F.size > actual.size) == (size == 3)
    direct.grad_input(G, F, geometry, expected)
    gemm.grad_input(G, F, geometry, actual)
    np.testing.assert_array_equal(actual, expected)
    assert np.isfinite(expected[0, 1]).sum() == 2 * size - 1  # the row and the column that the fault never meets


def test_one_window_over_the_whole_image_is_a_product():
    for case in CASES:
        *_, geometry = problem(case, np.float32)
        assert (correlation.one_window(geometry) is not None) == (
            case in ("one window", "single pixels", "one pixel alone")
        ), case


@pytest.mark.parametrize("plan", [correlation.plan_forward, correlation.plan_grad_input])
@pytest.mark.parametrize(("N", "channels", "size", "threads"), [(1, 64, 56, 2), (1, 64, 56, 4), (8, 256, 14, 2)])
def test_no_thread_gets_more_tasks_than_another(plan, N, channels, size, threads):
    """The sizes of the caches alone would make three tasks, which take two threads as long as four."""
    F_shape = (channels, channels, 3, 3)
    geometry = shapes.conv_geometry(channels, (size, size), F_shape, 1, 2, 2, 1)
    assert plan(N, channels, channels, geometry, 4, threads).tasks % threads == 0
