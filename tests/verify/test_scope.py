"""What is known of sizes: their minima, and how defined sizes are written out and named."""

from sympy import Symbol

from lectcode.verify.expressions import FloorQuotient
from lectcode.verify.reader import read_text
from lectcode.verify.scope import Scope
from tests.verify.test_reader import BOX, HEAD


def scope_with(definition):
    use = BOX.replace(r"\sum_{a=0}^{A-1}", r"B \sum_{a=0}^{A-1}")
    return read_text(HEAD + f"$$\nB = {definition}\n$$\n" + use).formulas[-1].scope


def test_one_floor_is_named_by_its_size_two_are_not():
    one = scope_with(r"\lfloor \frac{A}{E} \rfloor + 1")
    A, E, B = map(one.size, "AEB")
    assert one.resolve(FloorQuotient(A, E)) == B - 1
    two = scope_with(r"\lfloor \frac{A}{E} \rfloor + \lfloor \frac{E}{A} \rfloor")
    assert two.resolve(FloorQuotient(A, E)) == FloorQuotient(A, E)
    assert two.resolve(B) == B
    three = scope_with("A + E")
    assert three.resolve(three.size("B")) == A + E


def test_without_definitions_an_expression_is_multiplied_out():
    n = Scope().size("n")
    assert Scope().resolve(n * (n + 1)) == n**2 + n


def test_minima_are_facts():
    scope = Scope(minima={"a": 3, "b": 0, "c": -2, "d": None})
    a, b, c, d = map(scope.size, "abcd")
    assert list(scope.facts()) == [a - 3, b, c + 2]
    assert (a.is_positive, b.is_nonnegative, c.is_nonnegative, d) == (True, True, None, Symbol("d", integer=True))
