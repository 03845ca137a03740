"""The definitions: numbers worked by hand, and numbers of every type. Nothing but NumPy and SymPy is trusted here."""

from fractions import Fraction

import numpy as np
import pytest
import sympy as sp

from lectcode import reference
from tests.geometry import CONVS, integers


def test_output_by_hand():
    """I = 1..9 in three rows, F = [[1, 2], [3, 4]], B = 100: the first entry is 1 + 4 + 12 + 20 + 100."""
    I, F = np.arange(1, 10).reshape(1, 1, 3, 3), np.array([[[[1, 2], [3, 4]]]])
    assert reference.conv2d(I, F, np.array([100]))[0, 0].tolist() == [[137, 147], [167, 177]]
    assert reference.conv2d(I, F, stride=2, padding=1)[0, 0].tolist() == [[4, 18], [36, 77]]


def test_gradients_by_hand():
    I, F = np.arange(1, 10).reshape(1, 1, 3, 3), np.array([[[[1, 2], [3, 4]]]])
    dI, dF, dB = reference.conv2d_backward(np.array([[[[1, 0], [0, 10]]]]), I, F)
    assert dI[0, 0].tolist() == [[1, 2, 0], [3, 14, 20], [0, 30, 40]]
    assert dF[0, 0].tolist() == [[51, 62], [84, 95]]
    assert dB.tolist() == [11]


def test_pooling_by_hand():
    I = np.array([[[[1.0, 3.0, 2.0], [4.0, 0.0, 9.0]]]])
    G = np.array([[[[1.0, 10.0]]]])
    assert reference.max_pool2d(I, 2, 1).tolist() == [[[[4.0, 9.0]]]]
    assert reference.max_pool2d_backward(G, I, 2, 1)[0, 0].tolist() == [[0.0, 0.0, 0.0], [1.0, 0.0, 10.0]]
    assert reference.avg_pool2d(I, 2, 1).tolist() == [[[[2.0, 3.5]]]]
    assert reference.avg_pool2d_backward(4 * G, I, 2, 1)[0, 0].tolist() == [[1.0, 11.0, 10.0], [1.0, 11.0, 10.0]]
    assert reference.pool2d(I, np.max, 2, 1).tolist() == [[[[4.0, 9.0]]]]
    assert reference.pool2d_backward(G, I, np.copy, 2, 1)[0, 0].tolist() == [[1.0, 33.0, 20.0], [4.0, 0.0, 90.0]]


def test_transposed_convolution_by_hand():
    I, F = np.array([[[[1, 2]]]]), np.array([[[[1, 10, 100]]]])
    assert reference.conv_transpose2d(I, F, np.array([5]), stride=2).tolist() == [[[[6, 15, 107, 25, 205]]]]


@pytest.mark.parametrize("number", [int, Fraction, sp.Rational, np.float32])
def test_any_type_of_number(number):
    case = CONVS["strided-left-over"]
    I, F, B, rng = case.arrays(integers)
    O = reference.conv2d(I, F, B, **case.keywords)
    G = integers(rng, *O.shape)
    cast = np.vectorize(number, otypes=[object if number is not np.float32 else np.float32])
    X, Y, Z = cast(I), cast(F), cast(G)
    for actual, expected in (
        (reference.conv2d(X, Y, cast(B), **case.keywords), O),
        *zip(
            reference.conv2d_backward(Z, X, Y, **case.keywords),
            reference.conv2d_backward(G, I, F, **case.keywords),
            strict=True,
        ),
        (reference.max_pool2d(X, 2, padding=1), reference.max_pool2d(I, 2, padding=1)),
        (reference.conv_transpose2d(Z, Y, padding=1), reference.conv_transpose2d(G, F, padding=1)),
    ):
        assert (actual == expected).all()
        assert isinstance(actual.flat[0], number)
    tenths = reference.avg_pool2d(cast(I), 2, divisor_override=number(10))
    assert (tenths * 10 == reference.avg_pool2d(I, 2, divisor_override=1)).all() or number in (int, np.float32)


def symbols(name, *shape):
    """Return an array of different symbols."""
    return np.array([sp.Symbol(f"{name}{i}") for i in range(np.prod(shape))], object).reshape(shape)


def gradient(L, X):
    """Differentiate an expression by every entry of an array."""
    return np.vectorize(lambda x: sp.diff(L, x), otypes=[object])(X)


def assert_identical(actual, expected):
    assert actual.shape == expected.shape
    assert all(sp.expand(a - e) == 0 for a, e in zip(actual.flat, expected.flat, strict=True))


@pytest.mark.parametrize(
    "keywords", [{}, {"stride": (2, 1), "padding": ((1, 0), (0, 2))}, {"dilation": (1, 2), "groups": 2}]
)
def test_gradients_are_the_derivatives_of_the_definition(keywords):
    groups = keywords.get("groups", 1)
    I, F, B = symbols("I", 1, 2, 3, 4), symbols("F", 2, 2 // groups, 2, 2), symbols("B", 2)
    O = reference.conv2d(I, F, B, **keywords)
    G = symbols("G", *O.shape)
    L = (G * O).sum()  # any loss, to first order
    for actual, X in zip(reference.conv2d_backward(G, I, F, **keywords), (I, F, B), strict=True):
        assert_identical(actual, gradient(L, X))


def test_a_wrong_derivative_is_seen():
    I, F = symbols("I", 1, 1, 2, 3), symbols("F", 1, 1, 1, 2)
    O = reference.conv2d(I, F)
    G = symbols("G", *O.shape)
    with pytest.raises(AssertionError):
        assert_identical(reference.conv2d_grad_input(G, F[..., ::-1], (2, 3)), gradient((G * O).sum(), I))


def test_gradients_of_pooling_are_the_derivatives_of_their_definitions():
    I = symbols("I", 1, 1, 3, 4)
    keywords = {"kernel_size": (2, 3), "stride": 1, "padding": 1, "count_include_pad": False}
    O = reference.avg_pool2d(I, **keywords)
    G = symbols("G", *O.shape)
    assert_identical(reference.avg_pool2d_backward(G, I, **keywords), gradient((G * O).sum(), I))
    O = reference.pool2d(I, lambda window: (window**3).sum(), 2, 1)
    G = symbols("G", *O.shape)
    assert_identical(reference.pool2d_backward(G, I, lambda window: 3 * window**2, 2, 1), gradient((G * O).sum(), I))


def test_the_transposed_convolution_is_the_adjoint():
    F = symbols("F", 2, 1, 2, 3)
    I, X = symbols("I", 1, 2, 2, 3), symbols("X", 1, 2, 4, 7)
    keywords = {"stride": 2, "padding": ((0, 1), (1, 0)), "groups": 2}
    O = reference.conv_transpose2d(I, F, output_padding=1, **keywords)
    L = (X[:, :, : O.shape[2], : O.shape[3]] * O).sum()
    R = (I * reference.conv2d(X[:, :, : O.shape[2], : O.shape[3]], F, **keywords)).sum()
    assert sp.expand(L - R) == 0
