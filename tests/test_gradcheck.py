"""The gradient checkers accept right gradients and see wrong ones."""

import numpy as np
import pytest

import lectcode
from lectcode import nn
from lectcode.gradcheck import central_difference, check_adjoint, check_gradient
from tests.geometry import CONVS, integers, reals

CASE = CONVS["strided-left-over"]


def passes(make):
    """Return I, and conv2d and its gradient by I as functions of one array."""
    I, F, B, rng = CASE.arrays(make, dtype=np.float64)

    def backward(G):
        return lectcode.conv2d_grad_input(G, F, I.shape[2:], **CASE.keywords)

    return I, lambda X: lectcode.conv2d(X, F, B, **CASE.keywords), backward, rng


@pytest.mark.parametrize("fault", [None, "sign", "shift", "scale", "nan"])
def test_check_gradient(fault):
    I, forward, backward, rng = passes(reals)
    wrong = {
        None: backward,
        "sign": lambda G: -backward(G),
        "shift": lambda G: np.roll(backward(G), 1, axis=2),
        "scale": lambda G: backward(G) * 1.0001,
        "nan": lambda G: backward(G) * np.nan,
    }[fault]
    if fault is None:
        assert check_gradient(forward, wrong, I, rng=rng) < 1e-9
    else:
        with pytest.raises(AssertionError, match=r"gradient check failed along direction \d: difference quotient"):
            check_gradient(forward, wrong, I, rng=rng)


def test_check_gradient_by_filters_and_bias():
    I, F, B, rng = CASE.arrays(reals, dtype=np.float64)
    gradients = lambda G: lectcode.conv2d_backward(G, I, F, **CASE.keywords)  # noqa: E731 - two lines below
    check_gradient(lambda X: lectcode.conv2d(I, X, B, **CASE.keywords), lambda G: gradients(G).dF, F, rng=rng)
    check_gradient(lambda X: lectcode.conv2d(I, F, X, **CASE.keywords), lambda G: gradients(G).dB, B, rng=rng)


def test_the_relative_error_is_what_the_docstring_says():
    """For forward(x) = x and a gradient half too large: |1 - 1.5| |G| |v| / (|G| |v| + 1.5 |G| |v|) = 0.2."""
    with pytest.raises(AssertionError, match=r"relative error 2\.0e-01 > 1\.0e-06"):
        check_gradient(np.copy, lambda G: 1.5 * G, np.ones(1), rng=np.random.default_rng(0))


def test_a_constant_function_has_gradient_zero():
    rng = np.random.default_rng(0)
    assert check_gradient(lambda x: np.zeros(2), lambda G: np.zeros(3), np.ones(3), rng=rng) == 0


def test_float32_needs_its_own_tolerance():
    x = np.linspace(0, 1, 5, dtype=np.float32)
    error = check_gradient(np.sin, lambda G: G * np.cos(x), x, rng=np.random.default_rng(0), tolerance=1e-3)
    assert error > 1e-6


def test_central_difference_is_exact_for_quadratics():
    x, direction = np.array([1.0, 2.0]), np.array([3.0, -1.0])
    np.testing.assert_array_equal(central_difference(np.square, x, direction, step=0.5), 2 * x * direction)


@pytest.mark.parametrize("fault", [None, "shift", "off by one"])
def test_check_adjoint(fault):
    I, F, _, rng = CASE.arrays(integers)
    O = lectcode.conv2d(I, F, **CASE.keywords)
    G = integers(rng, *O.shape)

    def backward(G):
        dI = lectcode.conv2d_grad_input(G, F, I.shape[2:], **CASE.keywords)
        if fault == "off by one":
            dI[0, 0, 0, 0] += 1
        return np.roll(dI, 1, axis=3) if fault == "shift" else dI

    I[0, 0, 0, 0] = 1
    if fault is None:
        check_adjoint(lambda X: lectcode.conv2d(X, F, **CASE.keywords), backward, I, G)
    else:
        with pytest.raises(AssertionError, match="adjoint check failed"):
            check_adjoint(lambda X: lectcode.conv2d(X, F, **CASE.keywords), backward, I, G)


def sine(**wrong):
    """Check a wrong gradient, and say so if nothing is compared."""
    good = {"x": np.ones(2), "rng": np.random.default_rng(0)}
    return check_gradient(np.sin, lambda G: 55 * G, **good | wrong)


def test_a_layer_that_keeps_what_it_saw_last_is_checked_at_x():
    """The gradient would be taken at x - step v otherwise, and be off by as much as the tolerance is small."""
    rng = np.random.default_rng(0)
    network, loss = nn.Sequential(nn.Linear(6, 3, rng=rng, dtype=np.float64)), nn.SoftmaxCrossEntropy()

    def forward(x):
        return np.array(loss.forward(network.forward(x), [0, 1, 2, 0]))

    error = check_gradient(forward, lambda G: G * network.backward(loss.backward()), rng.normal(size=(4, 6)), rng=rng)
    assert error < 1e-9


def test_a_step_of_any_float_type_leaves_the_dtype_alone():
    x, seen = np.ones(3, np.float32), set()
    check_gradient(lambda x: seen.add(x.dtype) or x, np.copy, x, rng=np.random.default_rng(0), step=np.float64(0.5))
    assert seen == {np.dtype(np.float32)}


def test_check_adjoint_does_not_overflow():
    big = np.array([2**62, 2**62, 2**62])
    assert check_adjoint(np.copy, np.copy, big, big) == 3 * 2**124


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: central_difference(np.sin, [1.0], [1.0], 0.1), TypeError, "x must be an array of floats, got list"),
        (
            lambda: central_difference(np.sin, np.array([1]), np.array([1]), 0.1),
            TypeError,
            "x must be an array of floats",
        ),
        (
            lambda: central_difference(np.sin, np.ones(2), np.ones(3), 0.1),
            ValueError,
            r"shape of x, \(2,\), got \(3,\)",
        ),
        (
            lambda: central_difference(np.sin, np.ones(2), np.ones(2), 0.0),
            ValueError,
            "step must be positive and finite, got 0.0",
        ),
        (
            lambda: check_gradient(np.sin, np.sum, np.ones(2), rng=np.random.default_rng(0)),
            ValueError,
            r"the gradient must have the shape of x, \(2,\), got \(\)",
        ),
        (
            lambda: check_adjoint(np.sum, np.copy, np.ones(2), np.ones(2)),
            ValueError,
            r"shape of forward\(x\), \(\), got \(2,\)",
        ),
        (lambda: check_adjoint(np.copy, np.copy, np.ones(2) / 3, np.ones(2)), ValueError, "needs whole numbers"),
        (lambda: check_adjoint(np.copy, np.copy, np.ones(1) * np.inf, np.ones(1)), ValueError, "needs whole numbers"),
        (
            lambda: check_adjoint(np.copy, np.copy, [1], np.ones(1)),
            TypeError,
            r"x must be a NumPy array, got list: \[1",
        ),
        (
            lambda: central_difference(np.sin, np.ones(1), [1.0], 0.5),
            TypeError,
            r"direction must be an array of floats, got list: \[1.0",
        ),
        (lambda: central_difference(np.sin, np.ones(1), np.ones(1), "1"), TypeError, "step must be a number, got str"),
        (lambda: sine(directions=0), ValueError, "directions must be at least 1, got 0"),
        (lambda: sine(rng=None), TypeError, "rng must be a numpy.random.Generator, got NoneType: None"),
        (lambda: sine(x=np.array([1, 2])), TypeError, "x must be an array of floats, got ndarray"),
        (lambda: sine(x=[1.0]), TypeError, r"x must be an array of floats, got list: \[1.0"),
        (lambda: sine(step=np.inf), ValueError, "step must be positive and finite, got inf"),
        (lambda: sine(tolerance=None), TypeError, "tolerance must be a number, got NoneType: None"),
    ],
)
def test_refuses(call, error, words):
    with pytest.raises(error, match=words):
        call()
