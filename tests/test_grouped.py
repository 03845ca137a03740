"""Vectors across the groups: exact for every geometry, with idle lanes, bands of rows and any number of threads."""

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lectcode
from lectcode import shapes
from lectcode.kernels import block, grouped
from lectcode.kernels.simd import lanes
from tests.geometry import CONVS, Conv, among, convs, reals, seeds
from tests.kernel_passes import check_exact

FLOATS = (np.float32, np.float64)
PLANS = grouped.plan_forward, grouped.plan_grad_input, grouped.plan_grad_filters


@pytest.fixture
def small_tasks(monkeypatch, always_threads):
    """Cut every image into bands of few rows, and take threads for all of them."""
    monkeypatch.setattr(grouped, "NEAR", 3000)
    for plan in PLANS:
        plan.cache_clear()
    yield
    for plan in PLANS:
        plan.cache_clear()


HOLLOW = {name for name in CONVS if name.startswith("no-")}  # "gemm" keeps what is empty to itself
MANY = {
    "one-idle-lane": Conv(2, 31, 5, 7, 31, 3, 3, {"groups": 31, "padding": 1}),
    "one-lane-too-many": Conv(2, 17, 6, 4, 17, 3, 2, {"groups": 17, "stride": 2}),
    "three-rows-two-channels": Conv(1, 32, 5, 6, 48, 2, 3, {"groups": 16, "padding": ((1, 0), (2, 3))}),
    "more-taps-than-sums": Conv(2, 16, 9, 8, 16, 5, 5, {"groups": 16, "padding": 2, "stride": (1, 3)}),
    "planes-shorter-than-a-vector": Conv(3, 20, 2, 3, 20, 2, 2, {"groups": 20, "padding": 1}),
    "bands-of-padding": Conv(2, 32, 3, 4, 32, 2, 2, {"groups": 16, "padding": ((9, 7), (1, 0))}),
    "steps-without-taps": Conv(1, 18, 9, 7, 18, 2, 1, {"groups": 18, "stride": 4, "dilation": (2, 1)}),
}


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", sorted(set(CONVS) - HOLLOW) + sorted(MANY))
def test_exact_in_the_corners(name, dtype):
    check_exact(grouped, (CONVS | MANY)[name], dtype)


@given(case=convs(), dtype=among(*FLOATS), seed=seeds)
def test_exact(case, dtype, seed):
    if case.N > 0:
        check_exact(grouped, case, dtype, seed)


@pytest.mark.usefixtures("small_tasks")
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", sorted(MANY))
def test_exact_in_bands(name, dtype):
    check_exact(grouped, MANY[name], dtype)


@pytest.mark.usefixtures("small_tasks")
@given(data=st.data(), dtype=among(*FLOATS), seed=seeds)
def test_exact_in_random_bands(data, dtype, seed):
    case = data.draw(convs())
    if case.N > 0:
        check_exact(grouped, case, dtype, seed)


@pytest.mark.usefixtures("small_tasks")
@pytest.mark.parametrize("dtype", FLOATS)
def test_bitwise_the_same_for_any_number_of_threads(dtype):
    """Through the public functions, on numbers whose sums depend on the order of addition."""
    case = Conv(3, 36, 9, 8, 36, 3, 3, {"groups": 18, "padding": 1, "stride": (1, 2)})
    I, F, B, _ = case.arrays(reals, 0, dtype)
    found = set()
    for number in (1, 2, 3):
        numba.set_num_threads(number)
        O = lectcode.conv2d(I, F, B, **case.keywords, algorithm="gemm")
        gradients = lectcode.conv2d_backward(O, I, F, **case.keywords, algorithm="gemm")
        found.add(b"".join(X.tobytes() for X in (O, *gradients)))
    assert len(found) == 1


def test_what_is_not_finite_stays_in_its_group():
    case = MANY["one-idle-lane"]
    I, F, B, _ = case.arrays(reals, 0, np.float32)
    clean = lectcode.conv2d(I, F, B, **case.keywords)
    dI, dF, _ = lectcode.conv2d_backward(clean, I, F, **case.keywords)
    I[1, 4, 2, 3], F[9, 0, 1, 1] = np.inf, np.nan
    O = lectcode.conv2d(I, F, B, **case.keywords)
    assert np.isinf(O[1, 4, 1:4, 2:5]).all()
    assert np.isnan(O[:, 9]).all()
    O[1, 4, 1:4, 2:5], O[:, 9] = clean[1, 4, 1:4, 2:5], clean[:, 9]
    np.testing.assert_array_equal(O, clean)
    again, gradient, _ = lectcode.conv2d_backward(clean, I, F, **case.keywords)
    others = np.arange(31) != 9
    np.testing.assert_allclose(again[:, others], dI[:, others], rtol=1e-4, atol=1e-4)  # by other loops: F is not finite
    assert not np.isfinite(gradient[4]).any()
    others = np.arange(31) != 4
    np.testing.assert_array_equal(gradient[others], dF[others])


def test_the_rule_of_choice():
    dtype = np.float32
    L = lanes(dtype)

    def chosen(groups, rows=1, channels=1, K=3):
        F_shape = (groups * rows, channels, K, K)
        geometry = shapes.conv_geometry(groups * channels, (8, 8), F_shape, 1, 0, 1, groups)
        return grouped.chooses(geometry, rows, channels, np.dtype(dtype))

    assert chosen(L)
    assert chosen(L + 1)
    assert chosen(L // 2 + 1, block.ROWS)
    assert chosen(L // 2, block.ROWS - 1)
    assert not chosen(L // 2, block.ROWS)
    assert not chosen(max(L // 2 - 1, 1))
    assert not chosen(1)
    assert chosen(L, 24, 24)
    assert not chosen(L, 25, 24)
    assert chosen(L, 8, 8, K=1)
    assert not chosen(L, 9, 8, K=1)
    assert not chosen(L, 25, 24, K=5)


def test_gemm_follows_the_rule(monkeypatch):
    called = []
    for name in ("forward", "grad_input", "grad_filters"):
        monkeypatch.setattr(grouped, name, lambda *_, name=name: called.append(name))
    for groups, expected in ((1, []), (16, ["forward", "grad_input", "grad_filters"])):
        I, F = np.ones((1, 16, 4, 5), np.float32), np.ones((16, 16 // groups, 2, 2), np.float32)
        G = lectcode.conv2d(I, F, groups=groups, algorithm="direct")
        lectcode.conv2d(I, F, groups=groups)
        lectcode.conv2d_grad_input(G, F, (4, 5), groups=groups)
        lectcode.conv2d_grad_filters(G, I, 2, groups=groups)
        assert called == expected
