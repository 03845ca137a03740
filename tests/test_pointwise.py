"""Few filters of one pixel: exact for every number of pixels, channels and tiles."""

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lectcode
from lectcode.kernels import pointwise
from lectcode.kernels.simd import lanes
from tests.geometry import Conv, among, reals, seeds
from tests.kernel_passes import check_exact, geometry_of

FLOATS = (np.float32, np.float64)
few = st.integers(1, pointwise.FEW - 1)


@pytest.fixture
def small_tasks(monkeypatch, always_threads):
    """Cut every plane into tiles of few pixels, and take threads for all of them."""
    monkeypatch.setattr(pointwise, "TILE", 32)


@st.composite
def cases(draw):
    """Draw a convolution with filters of one pixel, whose planes are one vector or more and have any remainder."""
    groups, channels, rows = draw(among(1, 2, 3)), draw(st.integers(1, 9)), draw(few)
    H, W = draw(among(1, 2, 3, 5, 8)), draw(st.integers(16, 35))
    return Conv(draw(among(1, 2, 3)), groups * channels, H, W, groups * rows, 1, 1, {"groups": groups})


@given(case=cases(), dtype=among(*FLOATS), seed=seeds)
def test_exact(case, dtype, seed):
    check_exact(pointwise, case, dtype, seed)


@pytest.mark.usefixtures("small_tasks")
@given(case=cases(), dtype=among(*FLOATS), seed=seeds)
def test_exact_in_tiles(case, dtype, seed):
    check_exact(pointwise, case, dtype, seed)


@pytest.mark.usefixtures("small_tasks")
@pytest.mark.parametrize("dtype", FLOATS)
def test_bitwise_the_same_for_any_number_of_threads(dtype):
    I, F, B, _ = Conv(3, 10, 9, 17, 4, 1, 1, {"groups": 2}).arrays(reals, 0, dtype)
    found = set()
    for number in (1, 2, 3):
        numba.set_num_threads(number)
        O = lectcode.conv2d(I, F, B, groups=2)
        found.add(b"".join(X.tobytes() for X in (O, *lectcode.conv2d_backward(O, I, F, groups=2))))
    assert len(found) == 1


def test_what_is_not_finite_stays_at_its_pixel_and_channel():
    I, F, B, _ = Conv(2, 5, 7, 9, 3, 1, 1).arrays(reals, 0, np.float32)
    clean = lectcode.conv2d(I, F, B)
    dF = lectcode.conv2d_grad_filters(clean, I, 1)
    I[1, 2, 6, 8], I[0, 2, 3, 0] = np.nan, np.inf
    O = lectcode.conv2d(I, F, B)
    assert np.isnan(O[1, :, 6, 8]).all()
    assert np.isinf(O[0, :, 3, 0]).all()
    O[1, :, 6, 8], O[0, :, 3, 0] = clean[1, :, 6, 8], clean[0, :, 3, 0]
    np.testing.assert_array_equal(O, clean)
    gradient = lectcode.conv2d_grad_filters(clean, I, 1)
    assert np.isnan(gradient[:, 2]).all()
    gradient[:, 2] = dF[:, 2]
    np.testing.assert_array_equal(gradient, dF)


@pytest.mark.parametrize(
    ("change", "applies"),
    [
        ({}, True),
        ({"H": 1, "W": lanes(np.float32) - 1}, False),
        ({"C_out": pointwise.FEW}, False),
        ({"K_w": 2}, False),
        ({"keywords": {"stride": (1, 2)}}, False),
        ({"keywords": {"padding": 1}}, False),
        ({"keywords": {"padding": ((0, 1), (0, 0))}}, False),
    ],
)
def test_the_rule_of_choice(change, applies, monkeypatch):
    case = Conv(**({"N": 1, "C_in": 2, "H": 4, "W": 7, "C_out": 3, "K_h": 1, "K_w": 1} | change))
    assert pointwise.applies(geometry_of(case), case.C_out, np.dtype(np.float32)) == applies
    called = []
    for name in ("forward", "grad_filters"):
        monkeypatch.setattr(pointwise, name, lambda *_, name=name: called.append(name))
    I, F, _, _ = case.arrays(reals, 0, np.float32)
    G = lectcode.conv2d(I, F, **case.keywords)
    lectcode.conv2d_grad_filters(G, I, F.shape[2:], **case.keywords)
    assert called == ["forward", "grad_filters"] * applies
