"""SciPy and the ONNX specification as outside oracles; both are always there."""

import numpy as np
import pytest
from hypothesis import given
from scipy.signal import convolve, correlate

import lectcode
from lectcode import reference
from tests import tolerance
from tests.geometry import convs, integers, reals, seeds


def by_scipy(I, F, B, *, stride, padding, dilation, groups):
    """Convolve with SciPy, which knows no stride, dilation or groups: spread the filter, take a subset."""
    (S_h, S_w), (D_h, D_w) = reference.pair(stride), reference.pair(dilation)
    (top, bottom), (left, right) = reference.sides(padding)
    I_pad = np.pad(I, [(0, 0), (0, 0), (top, bottom), (left, right)])
    C_out, C_in, K_h, K_w = F.shape
    spread = np.zeros((C_out, C_in, (K_h - 1) * D_h + 1, (K_w - 1) * D_w + 1), F.dtype)
    spread[:, :, ::D_h, ::D_w] = F
    O = []
    for image in I_pad:
        for c_out in range(C_out):
            c_0 = c_out // (C_out // groups) * C_in
            full = correlate(image[c_0 : c_0 + C_in], spread[c_out], mode="valid", method="direct")
            O.append(full[0, ::S_h, ::S_w] + B[c_out])
    return np.array(O, I.dtype).reshape(len(I), C_out, *(O[0].shape if O else (0, 0)))


@given(case=convs(named_padding=False), seed=seeds)
def test_forward_equals_correlate(case, seed):
    I, F, B, _ = case.arrays(integers, seed)
    if case.N:
        tolerance.count("SciPy correlate")
        np.testing.assert_array_equal(lectcode.conv2d(I, F, B, **case.keywords), by_scipy(I, F, B, **case.keywords))


@given(case=convs(named_padding=False), seed=seeds)
def test_forward_is_close_to_correlate_on_real_numbers(case, seed):
    I, F, B, _ = case.arrays(reals, seed, np.float64)
    if case.N:
        tolerance.count("SciPy correlate")
        magnitude = reference.conv2d(abs(I), abs(F), abs(B), **case.keywords)
        O, expected = lectcode.conv2d(I, F, B, **case.keywords), by_scipy(I, F, B, **case.keywords)
        tolerance.assert_close(O, expected, magnitude, F[0].size + 1, peer="SciPy correlate")


def test_gradients_are_a_correlation_and_a_convolution():
    rng = np.random.default_rng(0)
    I, F = integers(rng, 1, 1, 8, 9), integers(rng, 1, 1, 3, 4)
    G = integers(rng, 1, 1, 6, 6)
    dI, dF, _ = lectcode.conv2d_backward(G, I, F)
    np.testing.assert_array_equal(dF[0, 0], correlate(I[0, 0], G[0, 0], mode="valid", method="direct"))
    np.testing.assert_array_equal(dI[0, 0], convolve(G[0, 0], F[0, 0], mode="full", method="direct"))


# The examples of the operator Conv in the ONNX specification (onnx/onnx, docs/Operators.md): x = 0, ..., 34 in seven
# rows, a filter of nine ones; pads are written (top, left, bottom, right).
ONNX_CONV = [
    ({"strides": 2, "pads": (1, 1, 1, 1)}, [[12, 27, 24], [63, 108, 81], [123, 198, 141], [112, 177, 124]]),
    ({"strides": 2, "pads": (0, 0, 0, 0)}, [[54, 72], [144, 162], [234, 252]]),
    ({"strides": 2, "pads": (1, 0, 1, 0)}, [[21, 33], [99, 117], [189, 207], [171, 183]]),
]


@pytest.mark.parametrize(("attributes", "expected"), ONNX_CONV)
def test_conv2d_equals_the_examples_of_the_onnx_specification(attributes, expected):
    top, left, bottom, right = attributes["pads"]
    I, F = np.arange(35.0).reshape(1, 1, 7, 5), np.ones((1, 1, 3, 3))
    O = lectcode.conv2d(I, F, stride=attributes["strides"], padding=((top, bottom), (left, right)))
    assert O[0, 0].tolist() == expected


def test_onnx_pads_begin_and_end_of_each_axis():
    """Each of the four pads moves the output as its own rows of zeros would."""
    rng = np.random.default_rng(0)
    I, F = integers(rng, 2, 3, 5, 7), integers(rng, 4, 3, 2, 3)
    for pads in np.ndindex(3, 3, 3, 3):
        (top, left, bottom, right) = pads
        framed = np.pad(I, [(0, 0), (0, 0), (top, bottom), (left, right)])
        for stride in (1, (2, 3)):
            O = lectcode.conv2d(I, F, stride=stride, padding=((top, bottom), (left, right)))
            np.testing.assert_array_equal(O, lectcode.conv2d(framed, F, stride=stride))
