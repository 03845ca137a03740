"""The blocked product behind the convolution and the gradient of its input: exact for every way to divide and copy."""

import numba
import numpy as np
import pytest

from lectcode import shapes
from lectcode.kernels import axes, correlation, direct, gemm, prefetch, threads
from lectcode.kernels.block import ROWS, VECTORS
from lectcode.kernels.simd import lanes, within

# (N, C_in, size, C_out, kernel, stride, padding, dilation, groups)
CASES = {
    "whole planes": (2, 9, (7, 9), 17, (1, 1), 1, 0, 1, 1),
    "planes in bands": (1, 9, (31, 30), 8, (1, 1), 1, 0, 1, 1),
    "full tiles": (1, 8, (12, 12), 16, (1, 1), 1, 0, 1, 1),
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
    next to nothing makes bands of few rows. Without padding, all planes count as large.
    """
    monkeypatch.setattr(correlation, "LARGE", 1 if request.param == "packed without padding" else 10**9)
    monkeypatch.setattr(correlation, "WORTH_PACKING", 1 if request.param == "packed without padding" else 10**9)

    def way(problem):
        y, x = problem.y, problem.x
        without = axes.without_padding if problem.gradient else lambda axis: axis
        yield {
            "packed": (y, x, False, "blocks"),
            "packed without padding": (without(y), without(x), False, "blocks"),
            "copied": (y, x, True, "blocks"),
            "copied in small bands": (without(y), x, True, "blocks"),
        }[request.param]

    monkeypatch.setattr(correlation, "_ways", way)
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


@pytest.mark.usefixtures("divided")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("stride", "size"), [(1, (12, 50)), (2, (11, 37)), (1, (3, 4)), (4, (13, 20))])
@pytest.mark.parametrize("number", [1, 2, 3, 5])
def test_few_filters(monkeypatch, number, stride, size, dtype):
    """Three at once, the last ones twice, or one after the other; in rows at once, the last ones twice, or single."""
    monkeypatch.setattr(correlation, "FEW", 6)
    monkeypatch.setitem(CASES, "few filters", (2, number, size, number, (3, 3), stride, 1, 1, 1))
    test_exact_with_any_number_of_threads("few filters", dtype)


def test_stripes_are_long_on_large_planes():
    """If one panel has all rows, and the source is packed."""

    def tiles(channels, size, kernel=1, rows=ROWS):
        geometry = shapes.conv_geometry(channels, (size, size), (rows, channels, kernel, kernel), 1, kernel // 2, 1, 1)
        sizes = correlation.plan_forward(8, rows, channels, geometry, 4, 1).sizes
        return sizes.stripe // (VECTORS * lanes(np.float32))

    assert tiles(correlation.DEPTH, 91) == correlation.LONG
    assert tiles(correlation.DEPTH, 90) == correlation.TILES
    assert tiles(correlation.DEPTH + 1, 91) == correlation.TILES
    assert tiles(3, 112, kernel=3, rows=1) == correlation.TILES  # `narrow` copies the source


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
    """Of the outer 4 rows and columns of 28 a third of the taps meet padding."""

    def parts_of(plan, size, dilation):
        geometry = shapes.conv_geometry(512, (size, size), (512, 512, 3, 3), 1, dilation, dilation, 1)
        return plan(1, 512, 512, geometry, 4, 1).told[1]

    parts = parts_of(correlation.plan_grad_input, 28, 4)
    products = sum((bottom - top) * (right - left) * taps for top, bottom, left, right, *_, taps in parts)
    assert products == (3 * 28 - 8) ** 2
    assert len(parts_of(correlation.plan_forward, 28, 4)) == 1  # its zeros may meet inf
    assert len(parts_of(correlation.plan_grad_input, 2, 1)) == 1  # four pixels fill a vector, one or two do not
    ways = correlation._ways
    monkeypatch.setattr(correlation, "_ways", lambda problem: [way for way in ways(problem) if way[2]])
    parts = parts_of(correlation.plan_grad_input.__wrapped__, 28, 4)
    assert [tuple(part[2:4]) for part in parts] == [(0, 28)] * 3  # parts of a copy are whole rows


def test_filters_of_a_gradient_are_packed_if_they_are_used_often_and_small():
    def packed(N, rows, channels):
        geometry = shapes.conv_geometry(rows, (28, 28), (channels, rows, 3, 3), 1, 1, 1, 1)
        return correlation.plan_grad_input(N, rows, channels, geometry, 4, 1).sizes.A_packed

    assert packed(16, 64, 64)
    assert not packed(8, 64, 64)
    assert not packed(16, 512, 512)
    assert packed(1, ROWS - 1, 8)  # less than a block is filled up


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
        assert (correlation.one_window(geometry) is not None) == (case in ("one window", "single pixels")), case


@pytest.mark.parametrize("plan", [correlation.plan_forward, correlation.plan_grad_input])
@pytest.mark.parametrize(("N", "channels", "size", "threads"), [(1, 64, 56, 2), (1, 64, 56, 4), (8, 256, 14, 2)])
def test_no_thread_gets_more_tasks_than_another(plan, N, channels, size, threads):
    """The sizes of the caches alone would make three tasks, which take two threads as long as four."""
    F_shape = (channels, channels, 3, 3)
    geometry = shapes.conv_geometry(channels, (size, size), F_shape, 1, 2, 2, 1)
    assert plan(N, channels, channels, geometry, 4, threads).tasks % threads == 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("kernel", "stride"), [(1, 1), (2, 1), (3, 2), (5, 1)])
def test_filters_that_are_called_for_are_those_of_the_block(monkeypatch, kernel, stride, dtype):
    """All of them, to a line of memory, and nothing outside of the array."""
    rows, channels, called = 2 * ROWS, 7, []
    geometry = shapes.conv_geometry(rows, (9, 9), (channels, rows, kernel, kernel), stride, kernel // 2, 1, 1)
    plan = correlation.plan_grad_input(1, rows, channels, geometry, np.dtype(dtype).itemsize, 1)
    monkeypatch.setattr(prefetch, "_call_for", lambda F, place: called.append(place))
    columns = plan.told[3]
    F, start, row = np.zeros(rows * channels * kernel**2, dtype), ROWS * kernel**2, plan.sizes.filters[0]
    call = getattr(prefetch.call_for_filters, "py_func", prefetch.call_for_filters)
    call(F, start, row, columns, 2, columns.size - 2)
    assert 0 <= min(called) <= max(called) < F.size
    read = start + row * np.arange(ROWS)[:, None] + columns[2:]
    distance = np.abs(read[..., None] - np.array(called)).min(axis=-1)
    assert distance.max() * F.itemsize < prefetch.LINE


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_exact_where_filters_are_called_for(monkeypatch, dtype):
    called, channels = [], 900
    if numba.config.DISABLE_JIT:  # else both are constants of the machine code
        monkeypatch.setattr(gemm, "SECOND_LEVEL", 0)
        monkeypatch.setattr(prefetch, "within", lambda *arguments: called.append(within(*arguments)))
        channels = 2
    monkeypatch.setitem(CASES, "large filters", (1, 3 * ROWS + 1, (9, 10), channels, (3, 3), 1, 1, 1, 1))
    _, F, _, G, geometry = problem("large filters", dtype)
    dI, expected = (np.full((1, 3 * ROWS + 1, 9, 10), np.nan, dtype) for _ in range(2))
    gemm.grad_input(G, F, geometry, dI)
    direct.grad_input(G, F, geometry, expected)
    np.testing.assert_array_equal(dI, expected)
    assert bool(called) == bool(numba.config.DISABLE_JIT)
