"""The ways to the gradient of the filters: each is exact wherever it applies, however the work is divided."""

import warnings

import numba
import numpy as np
import pytest

from lectcode import shapes
from lectcode.kernels import direct, filter_plans, gemm_filters

WAYS = "narrow", "windows", "filters", "inner", "dots"
# (N, C_in, size, C_out, kernel, stride, padding, dilation, groups)
CASES = {
    "one panel": (1, 16, (7, 7), 16, (3, 3), 1, 1, 1, 1),
    "one panel, whole": (2, 32, (5, 5), 8, (1, 1), 1, 0, 1, 1),
    "images in a panel": (5, 5, (4, 5), 20, (3, 2), 1, 1, 1, 1),
    "panels in an image": (2, 9, (18, 19), 19, (3, 3), 1, 1, 1, 1),
    "bands": (1, 1, (9, 700), 3, (2, 3), 1, ((0, 1), (2, 0)), 1, 1),
    "strides, dilation, groups": (3, 18, (11, 13), 34, (2, 3), (2, 3), 2, (2, 1), 2),
    "no padding": (2, 3, (12, 20), 17, (3, 3), (2, 1), 0, 1, 1),
    "few pixels": (7, 10, (3, 3), 18, (3, 3), 1, 0, 1, 1),
    "one element": (2, 5, (9, 9), 9, (1, 1), 1, 0, 1, 1),
    "one channel": (2, 2, (10, 12), 4, (1, 1), 1, 0, 1, 2),
}


def problem(case, seed, dtype=np.float64):
    """Return G and I, of whole numbers, the geometry and an unwritten dF."""
    N, C_in, size, C_out, kernel, stride, padding, dilation, groups = case
    dF = np.full((C_out, C_in // groups, *kernel), np.nan, dtype)
    geometry = shapes.conv_geometry(C_in, size, dF.shape, stride, padding, dilation, groups)
    rng = np.random.default_rng(seed)
    G = rng.integers(-5, 6, (N, C_out, *geometry.output_size)).astype(dtype)
    return G, rng.integers(-5, 6, (N, C_in, *size)).astype(dtype), geometry, dF


@pytest.fixture
def divided(monkeypatch, always_threads):
    """Divide even little work, and plan anew."""
    for name, value in {"WORTH_DIVIDING": 1, "PIXELS": 16, "ACCUMULATORS": 5_000}.items():
        monkeypatch.setattr(filter_plans, name, value)
    filter_plans.plan_filters.cache_clear()
    yield
    filter_plans.plan_filters.cache_clear()


def only(monkeypatch, way):
    """Leave one way, or skip the test where it does not apply."""
    costs = filter_plans._costs

    def chosen(problem, finite):
        applies = costs(problem, finite)
        if way not in applies and finite:
            pytest.skip(f"{way} does not apply")
        return {way: applies[way]} if way in applies else applies

    monkeypatch.setattr(filter_plans, "_costs", chosen)
    filter_plans.plan_filters.cache_clear()


@pytest.mark.usefixtures("divided")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_each_way_is_exact_with_any_number_of_threads(case, way, dtype, monkeypatch):
    only(monkeypatch, way)
    G, I, geometry, dF = problem(case, 0, dtype)
    expected = np.empty_like(dF)
    direct.grad_filters(G, I, geometry, expected)
    for number in (1, 2):
        numba.set_num_threads(number)
        dF[...] = np.nan
        gemm_filters.grad_filters(G, I, geometry, dF)
        np.testing.assert_array_equal(dF, expected)


@pytest.mark.usefixtures("divided")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_number_of_threads_changes_no_bit(case, way, monkeypatch):
    only(monkeypatch, way)
    G, I, geometry, dF = problem(case, 1)
    G += np.random.default_rng(2).standard_normal(G.shape)
    results = []
    for number in (1, 2):
        numba.set_num_threads(number)
        gemm_filters.grad_filters(G, I, geometry, dF)
        results.append(dF.tobytes())
    assert results[0] == results[1]


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
@pytest.mark.usefixtures("divided")
def test_what_is_not_finite_meets_the_padding(case, way, value, monkeypatch):
    """A corner of G meets the padding, whose zeros make NaN of inf; "inner" leaves these products out."""
    only(monkeypatch, way)
    G, I, geometry, dF = problem(case, 3)
    G[-1, -1, 0, 0] = value
    expected = np.empty_like(dF)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of NumPy's scalars, without the JIT
        direct.grad_filters(G, I, geometry, expected)
        gemm_filters.grad_filters(G, I, geometry, dF)
    assert not np.isfinite(expected).all()
    np.testing.assert_array_equal(dF, expected)


def test_every_way_is_chosen_somewhere():
    usual = [
        ("inner", (8, 64, (14, 14), 64, (3, 3), 1, 1, 1, 1)),
        ("windows", (1, 512, (7, 7), 512, (1, 1), 1, 0, 1, 1)),
        ("filters", (8, 64, (28, 28), 64, (3, 3), 1, 0, 1, 1)),
        ("dots", (1, 5, (50, 50), 1, (1, 1), 1, 0, 1, 1)),
        ("narrow", (1, 8, (28, 28), 8, (3, 3), 1, 1, 1, 8)),
    ]
    for way, (N, C_in, size, C_out, kernel, stride, padding, dilation, groups) in usual:
        shape = C_out, C_in // groups, *kernel
        geometry = shapes.conv_geometry(C_in, size, shape, stride, padding, dilation, groups)
        assert filter_plans.plan_filters(N, C_out // groups, C_in // groups, geometry, 4).way == way


def test_few_sums_are_written_at_once():
    geometry = shapes.conv_geometry(512, (7, 7), (512, 512, 1, 1), 1, 0, 1, 1)
    assert filter_plans.plan_filters(1, 512, 512, geometry, 4).sizes.direct
    assert not filter_plans.plan_filters(8, 512, 512, geometry, 4).sizes.direct


def test_when_pixels_are_scattered():
    """Filters of one element, far from each other, on images of which a panel holds several, and many filters."""

    def scattered(N, size, rows, kernel=(1, 1), stride=2, padding=0):
        geometry = shapes.conv_geometry(3, size, (rows, 3, *kernel), stride, padding, 1, 1)
        return gemm_filters._are_scattered(geometry, N, rows)

    assert scattered(2, (14, 14), gemm_filters.OFTEN)
    assert scattered(2, (14, 14), gemm_filters.OFTEN, stride=(1, 3))
    assert not scattered(1, (14, 14), gemm_filters.OFTEN)
    assert not scattered(2, (14, 14), gemm_filters.OFTEN - 1)
    assert not scattered(2, (32, 32), gemm_filters.OFTEN)
    assert not scattered(2, (14, 14), gemm_filters.OFTEN, stride=1)
    assert not scattered(2, (14, 14), gemm_filters.OFTEN, kernel=(1, 2))
    assert not scattered(2, (14, 14), gemm_filters.OFTEN, padding=((0, 1), (0, 0)))


@pytest.mark.usefixtures("divided")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("groups", [1, 2])
def test_scattered_pixels_are_gathered(dtype, groups, monkeypatch):
    """What lies between them does not matter, not even if it is not finite."""
    monkeypatch.setattr(gemm_filters, "OFTEN", 1)
    for size, stride in (((9, 8), 2), ((7, 12), (3, 2)), ((5, 4), (1, 3))):
        G, I, geometry, dF = problem((3, 6, size, 40, (1, 1), stride, 0, 1, groups), 0, dtype)
        assert gemm_filters._are_scattered(geometry, len(I), 40 // groups)
        met = np.zeros(size, np.bool_)
        met[:: geometry.stride[0], :: geometry.stride[1]] = True
        I[:, :, ~met] = np.nan
        expected = np.empty_like(dF)
        direct.grad_filters(G, I, geometry, expected)
        assert np.isfinite(expected).all()
        for count in (1, 2):
            numba.set_num_threads(count)
            dF[...] = np.nan
            gemm_filters.grad_filters(G, I, geometry, dF)
            np.testing.assert_array_equal(dF, expected)
