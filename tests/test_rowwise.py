"""Products that are written straight to their rows: exact for all widths, however rows are divided into tasks."""

import numba
import numpy as np
import pytest

from lectcode import shapes
from lectcode.kernels import correlation, direct, gemm, rowwise
from lectcode.kernels.block import ROWS, VECTORS
from lectcode.kernels.simd import lanes

F32 = np.dtype(np.float32)


def geometry_of(channels, size, F_shape, stride=1, padding=0, dilation=1, groups=1):
    return shapes.conv_geometry(channels, size, F_shape, stride, padding, dilation, groups)


def plan(N, channels, size, filters, kernel, **keywords):
    """Return the plan of a convolution with square windows."""
    geometry = geometry_of(channels, size, (filters, channels, kernel, kernel), **keywords)
    return correlation.plan_forward(N, filters, channels, geometry, F32.itemsize, 1)


@pytest.mark.parametrize(
    ("layer", "kernel"),
    [
        ((8, 3, (32, 32), 32, 5, {"padding": 2}), "rows"),
        ((8, 3, (224, 224), 64, 7, {"padding": 3, "stride": 2}), "rows"),
        ((8, 1, (28, 28), ROWS, 3, {"padding": 1}), "rows"),
        ((8, 1, (28, 28), ROWS - 1, 3, {"padding": 1}), "blocks"),  # a block would write rows that do not exist
        ((8, 3, (32, 32), 1, 5, {"padding": 2}), "filters"),
        ((8, 3, (32, lanes(F32) - 1), 32, 3, {"padding": 1}), "blocks"),  # no vector fits into a row
        ((8, 3, (32, lanes(F32)), 32, 3, {"padding": 1}), "rows"),
        ((8, 64, (32, 32), 64, 1, {}), "blocks"),  # one long row needs no copy
        ((8, correlation.ROWWISE // 9 + 1, (32, 32), 16, 3, {"padding": 1}), "blocks"),  # sums of several parts
    ],
)
def test_which_layers_are_computed_row_by_row(layer, kernel):
    *sizes, keywords = layer
    assert plan(*sizes, **keywords).kernel == kernel


def test_a_gradient_is_not():
    geometry = geometry_of(16, (32, 32), (3, 16, 5, 5), padding=2)
    assert correlation.plan_grad_input(8, 16, 3, geometry, F32.itemsize, 1).kernel == "blocks"


@pytest.fixture(params=["whole images", "bands of few rows", "short stripes"])
def by_rows(request, monkeypatch, always_threads):
    """Compute everything row by row, and divide even little work; images, bands and stripes of vectors as named."""
    monkeypatch.setattr(correlation, "_ways", lambda problem: [(problem.y, problem.x, True, "rows")])
    if request.param == "bands of few rows":
        monkeypatch.setattr(correlation, "SECOND_LEVEL", 2_000)
    if request.param == "short stripes":
        monkeypatch.setattr(correlation, "LONGEST", 1)
    correlation.plan_forward.cache_clear()
    yield
    correlation.plan_forward.cache_clear()


LAYERS = {
    "one channel": (3, 1, ROWS, (3, 3), {"padding": 1}),
    "more rows than a block": (2, 3, 2 * ROWS + 1, (3, 2), {"padding": (1, 0)}),
    "stride 2": (2, 3, ROWS, (3, 3), {"stride": 2, "padding": 1}),
    "stride 3 and dilation": (2, 2, ROWS + 3, (2, 3), {"stride": (2, 3), "dilation": (3, 2), "padding": 2}),
    "groups": (2, 6, 3 * ROWS, (3, 3), {"groups": 3, "padding": 1}),
    "one image": (1, 4, 3 * ROWS, (5, 5), {"padding": 2}),
}


@pytest.mark.usefixtures("by_rows")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("more", [0, 1, 7])
@pytest.mark.parametrize("vectors", [1, 2, 3])
@pytest.mark.parametrize("layer", LAYERS)
def test_exact_for_all_widths(layer, vectors, more, dtype):
    """Widths of whole vectors, and of some pixels more; of 7 rows, which are never whole tiles and bands."""
    N, channels, filters, kernel, keywords = LAYERS[layer]
    width, rng = vectors * lanes(dtype) + more, np.random.default_rng(0)
    groups = keywords.get("groups", 1)
    one = geometry_of(channels, (99, 999), (filters, channels // groups, *kernel), **keywords)
    span = [D * (K - 1) + 1 for K, D in zip(kernel, one.dilation, strict=True)]
    size = [
        (count - 1) * S + K - before - after
        for count, S, K, before, after in zip((7, width), one.stride, span, one.before, one.after, strict=True)
    ]
    F = rng.integers(-5, 6, (filters, channels // groups, *kernel)).astype(dtype)
    geometry = geometry_of(channels, tuple(size), F.shape, **keywords)
    I, B = rng.integers(-5, 6, (N, channels, *size)).astype(dtype), rng.integers(-5, 6, filters).astype(dtype)
    for array in (I, F, B):
        array.flags.writeable = False
    expected = np.empty((N, filters, 7, width), dtype)
    direct.forward(I, F, B, geometry, expected)
    for number in (1, 2, 3):
        numba.set_num_threads(min(number, numba.config.NUMBA_NUM_THREADS))
        room = np.full(expected.size + 64, np.nan, dtype)  # what is behind O must stay
        O = room[: expected.size].reshape(expected.shape)
        gemm.forward(I, F, B, geometry, O)
        np.testing.assert_array_equal(O, expected)
        assert np.isnan(room[expected.size :]).all()


@pytest.mark.parametrize("columns", [16, 17, 31, 35])
def test_the_list_of_vectors_covers_every_pixel_of_its_rows_and_no_other(columns):
    list_vectors = numba.njit(lambda *arguments: rowwise._list_vectors(*arguments))
    rows, line, row, lanes_ = 5, 40, 37, 16
    met, place = np.zeros((rows, row), int), (0, 0)
    vectors = rows * -(-columns // lanes_)
    for v in range(0, vectors, 2 * VECTORS):
        count = min(2 * VECTORS, -(-(vectors - v) // VECTORS) * VECTORS)
        sources, targets = np.zeros((2, count), np.int64)
        place = list_vectors(place, count, rows, columns, lanes_, line, row, sources, targets)
        for source, target in zip(sources, targets, strict=True):
            (y, x), (from_y, from_x) = divmod(int(target), row), divmod(int(source), line)
            assert (y, x) == (from_y, from_x)
            met[y, x : x + lanes_] += 1
            assert x + lanes_ <= columns
    assert (met[:, :columns] > 0).all()
    assert (met[:, columns:] == 0).all()
