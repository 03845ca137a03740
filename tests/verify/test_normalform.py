"""The rules of the normal form, each on one expression, and what has no rule."""

import pytest
from sympy import Add, Integer, KroneckerDelta, S, Sum, Symbol, oo, sin

from lectcode.verify.difference import difference, matching, shifted
from lectcode.verify.errors import Unsupported
from lectcode.verify.expressions import (
    AtLeastZero,
    Divides,
    FloorQuotient,
    IsZero,
    Largest,
    ProductOver,
    Smallest,
    Window,
    WindowPartial,
    fresh,
    tensor,
)
from lectcode.verify.facts import Facts
from lectcode.verify.normalform import Term, entry_head, entry_indices, reduced, terms

N, M = (Symbol(s, integer=True, positive=True) for s in "NM")
Z = Symbol("Z", integer=True)
A, B = tensor("A"), tensor("B")
i, j, k = map(fresh, "ijk")

NO_RULE = [
    (A[N] ** 5, r"the power A\[N\]\*\*5"),
    (A[N] ** -2, r"the power A\[N\]\*\*\(-2\)"),
    ((A[N] + 1) ** -1, "the power 1/"),
    (sin(A[N]), r"sin in sin\(A\[N\]\)"),
    (Largest(N, M) + 1, r"Largest\(N, M\) outside the ends of a range"),
    (Smallest(N, M), r"Smallest\(N, M\) outside the ends of a range"),
    (oo, "oo outside the ends of a range"),
    (S.NaN, "nan outside"),
    (Add(*[A[n] for n in range(21)]) * Add(*[B[n] for n in range(21)]), "more than 400 terms"),
    (Sum(A[i], (i, 0, j), (j, i, N)), "the limits of Sum"),
    (Sum(A[i], (i, 0, i)), "the limits of Sum"),
    (Sum(B[i], (i, 0, A[N])), "a range that depends on a tensor: Sum"),
    (Divides(Z, N), "division by Z, which is not known to be a positive integer"),
    (AtLeastZero(N - FloorQuotient(M, Z)), "division by Z, which is not known"),
    (A[AtLeastZero(Z)], r"the index AtLeastZero\(Z\) of A"),
    (A[Sum(i, (i, 0, N))], "the index Sum"),
    (A[Largest(N, M)], "the index Largest"),
    (1 / A[IsZero(Z)], "the index IsZero"),
    (AtLeastZero(2 * Largest(N, M) - 3), r"Largest\(N, M\) in the guard"),
]


@pytest.mark.parametrize(("e", "message"), NO_RULE, ids=[n[1] for n in NO_RULE])
def test_what_has_no_rule_is_unsupported(e, message):
    with pytest.raises(Unsupported, match=message):
        terms(e)


RULES = [
    (A[N] ** 2, ["A[N] A[N]"]),
    (1 / A[N], ["1/A[N]"]),
    (KroneckerDelta(i, j), ["(1) [i - j = 0]"]),
    (Divides(N, Z), ["sum over q of (1) [-q*N + Z = 0]"]),
    (Sum(A[i], (i, 0, N)), ["sum over i of A[i] [-i + N >= 0] [i >= 0]"]),
    (AtLeastZero(N - Largest(M, Z)), ["(1) [-M + N >= 0] [N - Z >= 0]"]),
    (AtLeastZero(Smallest(M, Z) - N), ["(1) [-N + Z >= 0] [M - N >= 0]"]),
    (AtLeastZero(FloorQuotient(Z, N) - M), ["(1) [-M*N + Z >= 0]"]),
    (AtLeastZero(M - FloorQuotient(Z, N)), ["(1) [M*N + N - Z - 1 >= 0]"]),
    (AtLeastZero(Z - N * FloorQuotient(Z, N)), ["(1) [-N*FloorQuotient(Z, N) + Z >= 0]"]),
]


@pytest.mark.parametrize(("e", "wanted"), RULES, ids=[str(r[0]) for r in RULES])
def test_rules(e, wanted):
    assert [str(t) for t in terms(e)] == wanted


def test_head_and_indices_of_every_kind_of_factor():
    f, X = Symbol("f"), Symbol("X")
    product = ProductOver(A[i], i, 0, N)
    partial = WindowPartial(f, X, N, (M, 2), (0,))
    assert [(entry_head(e), entry_indices(e)) for e in (A[N, M], 1 / A[N], product)] == [
        ("A/2", (N, M)),
        ("1/A/1", (N,)),
        ("prod", (Integer(0), N)),
    ]
    assert (entry_head(partial), entry_indices(partial)) == ("WindowPartial f X iww (2,)", (N, M, 0))
    assert entry_indices(Window(f, X, N, (M, 2))) == (N, M)


def test_an_index_fixed_by_an_equation_is_used_up():
    (t,) = terms(Sum(A[i] * IsZero(i - M), (i, 0, N)))
    steps = []
    assert str(reduced(t, Facts([N - M]), steps)) == "A[M]"
    assert [(s.bound, s.factors) for s in steps] == [((), (A[M],))]


def test_a_false_equation_or_guard_makes_the_term_zero():
    assert reduced(Term(zero=(Integer(1),)), Facts()) is None
    assert reduced(Term(at_least=(Integer(-1),)), Facts()) is None
    assert reduced(Term(coefficient=S.Zero), Facts()) is None
    assert reduced(Term(zero=(S.Zero,)), Facts()) == Term()


def test_an_index_that_only_counts_becomes_a_factor():
    """Between ends in order; not where the range may be empty, nor where the index is used or has a third guard."""
    count = Sum(A[N], (i, 0, N - 1))
    assert difference(count, N * A[N], Facts([N - 1])) == []
    assert difference(Sum(S.One, (i, 1, N), (j, 0, M - 1)), N * M, Facts([N - 1, M - 1])) == []
    for wrong in (N - 1, N + 1, M):
        assert difference(count, wrong * A[N], Facts([N - 1, M - 1]))
    assert difference(Sum(S.One, (i, 0, Z - 1)), Z, Facts())  # Z may be negative, and the sum is then 0
    assert difference(Sum(i, (i, 0, N - 1)), N * i, Facts([N - 1]))
    assert difference(Sum(AtLeastZero(M - i), (i, 0, N - 1)), N, Facts([N - 1, M - 1]))
    assert difference(Sum(AtLeastZero(2 * i - M) * AtLeastZero(N - i), (i, -5, 5)), N, Facts([N - 1]))


def test_six_free_indices_are_not_permuted():
    few, many = ([fresh(f"i{n}") for n in range(count)] for count in (2, 6))
    for indices, found in ((few, True), (many, False)):
        t = Term(bound=tuple(indices), factors=(A[N],), at_least=tuple(indices))
        assert (matching(t, t, Facts()) is not None) is found


def test_an_index_keeps_its_partner():
    """A[i] B[i] C[j] is not A[i] B[j] C[j], though each of their entries has one like it."""
    C = tensor("C")
    one, other = (Term(bound=(i, j), factors=(A[i], B[k], C[j])) for k in (i, j))
    assert matching(one, other, Facts()) is None
    assert matching(one, one, Facts()) == {i: i, j: j}


def test_a_sum_may_be_shifted():
    (t,) = terms(Sum(A[i + M], (i, 0, N)))
    assert "A[i]" in str(shifted(t))
    assert difference(Sum(A[i + M], (i, 0, N)), Sum(A[j], (j, M, N + M)), Facts()) == []
    assert difference(Sum(A[i + M], (i, 0, N)), Sum(A[j], (j, 0, N + M)), Facts())


def test_certificates_are_given_up_after_a_while(monkeypatch):
    a, b, c = (Symbol(s, integer=True) for s in "abc")
    known = Facts([a - b, b - c, c - N])
    assert known.imply(a - N)
    monkeypatch.setattr("lectcode.verify.facts._NODES", 1)
    assert not known.imply(a - N)
