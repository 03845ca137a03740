"""The vocabulary: what decides itself, and derivatives."""

import pytest
from sympy import Function, Integer, Symbol, diff, sin

from lectcode.verify.differentiate import derivative
from lectcode.verify.errors import Unsupported
from lectcode.verify.expressions import (
    AtLeastZero,
    Divides,
    FloorQuotient,
    IsZero,
    ProductOver,
    Window,
    WindowPartial,
    fresh,
    tensor,
)

N = Symbol("N", integer=True, positive=True)
A, X = tensor("A"), tensor("X")
i = fresh("i")
WINDOW = (Symbol("f"), Symbol("X"), i, (0, N))


def test_constants_are_decided():
    assert [AtLeastZero(Integer(n)) for n in (-1, 0, 1)] == [0, 1, 1]
    assert [IsZero(Integer(n)) for n in (-1, 0, 1)] == [0, 1, 0]
    assert [FloorQuotient(Integer(n), Integer(2)) for n in (-3, 3, 4)] == [-2, 1, 2]
    assert FloorQuotient(N, Integer(1)) == N
    assert FloorQuotient(N, Integer(2)).func is FloorQuotient


@pytest.mark.parametrize("e", [AtLeastZero(A[i]), IsZero(A[i]), Divides(N, A[i]), FloorQuotient(A[i], N)])
def test_conditions_and_floors_are_locally_constant(e):
    assert diff(e, A[i]) == 0


def test_windows_depend_on_the_tensor_that_they_are_cut_from():
    assert diff(Window(*WINDOW), A[i]) == 0
    by_entry = diff(Window(*WINDOW), X[i, 0])
    assert by_entry.has(WindowPartial)
    with pytest.raises(Unsupported, match="a second derivative of the pooling function"):
        diff(by_entry, X[i, 0])


def test_a_product_over_a_range_has_no_derivative_by_its_factors():
    e = ProductOver(X[i], i, 0, N)
    assert diff(e, A[N]) == 0
    for factor in (X[i], Window(*WINDOW)):
        with pytest.raises(Unsupported, match=r"the derivative of a product over a range by X\[0, 0\]"):
            diff(ProductOver(factor, i, 0, N), X[0, 0])


def test_what_sympy_leaves_undone_is_no_derivative():
    g = Function("g")
    assert derivative(sin(N) * A[0], A[0]) == sin(N)
    with pytest.raises(Unsupported, match=r"the derivative of g\(A\[0\]\) by A\[0\]"):
        derivative(g(A[0]), A[0])
