"""Reads inside their tensors and theorems on sizes, by z3; every check is shown a fault."""

import sys

import pytest
import z3
from sympy import Symbol, sin

from lectcode.verify import Refuted, bounds
from lectcode.verify.bounds import check_bounds
from lectcode.verify.errors import Unsupported
from lectcode.verify.reader import read_book, read_text
from lectcode.verify.theorems import THEOREMS, prove_theorem
from tests.verify.test_reader import HEAD
from tests.verify.test_translate import gradient

KINDS = ("definition", "gradient", "identity")


def test_every_read_of_the_lecture(lecture):
    found = [check_bounds(f).reads for f in lecture.formulas if f.kind in KINDS]
    assert sum(found) == 184
    assert min(found) > 0


WRONG = [
    ("conv-forward", "conv-forward", r"\sum_{k_h = 0}^{K_h - 1}", r"\sum_{k_h = 0}^{K_h}"),
    ("conv-forward", "conv-forward", r"h_{start} & = h \cdot S", r"h_{start} & = h \cdot S + 1"),
    ("conv-forward", "conv-pad", r"P \leq i < H + P", r"P \leq i \leq H + P"),
    ("conv-forward", "conv-forward", r"\left\lfloor \frac{H + 2P - K_h}", r"\left\lfloor \frac{H + 2P + 1 - K_h}"),
    ("conv-gradient-input", "conv-grad-input", "x + P, y + P]}, \\quad", "x + 2 P + 1, y + P]}, \\quad"),
    ("conv-gradient-input", "conv-grad-padded-input", r"\cdot \mathbf{1}_{0 \leq u - h_{start} < K_h}", ""),
    ("pooling", "max-pool-grad", r"{x = h_{start} + \mathbf{A}_h[n, c, h, w]}", r"{x = \mathbf{A}_h[n, c, h + 1, w]}"),
    ("pooling", "max-pool-forward", r"\mathbf{A}_h & \in \{0, \ldots, K - 1\}", r"\mathbf{A}_h & \in \{0, \ldots, K\}"),
    ("pooling", "pool-grad", r"\partial_{x - h_{start}, y", r"\partial_{x - h_{start} + 1, y"),
]  # fmt: skip


@pytest.mark.parametrize(("page", "label", "old", "new"), WRONG, ids=[w[1] for w in WRONG])
def test_a_read_outside_is_refuted_by_a_model(altered, page, label, old, new):
    book = read_book(altered(page, old, new))
    for f in book.labelled(label):
        with pytest.raises(Refuted, match=r"leaves the range 0 to .*: for "):
            check_bounds(f)


@pytest.mark.parametrize(
    ("value", "count", "outside"),
    [
        (r"\frac{\mathbf{V}[e]}{\mathbf{V}[E - 1 - e]}", 2, r"\frac{\mathbf{V}[e]}{\mathbf{V}[E - e]}"),
        (r"\prod_{a=0}^{A-1} \mathbf{O}[a]", 1, r"\prod_{a=0}^{A} \mathbf{O}[a]"),
        (r"\mathbf{V}[\lfloor \frac{e}{A} \rfloor]^2", 1, r"\mathbf{V}[\lfloor \frac{e}{A} \rfloor + 1]"),
        (
            r"\mathbf{V}[e - (e \bmod A) + \lfloor \frac{e}{A} \rfloor - \lfloor \frac{e}{A} \rfloor]",
            1,
            r"\mathbf{V}[e + \lfloor \frac{e}{A} \rfloor]",
        ),
        (r"\mathbf{V}[e^2] \cdot \mathbf{1}_{e^2 < E}", 1, r"\mathbf{V}[e^2]"),
    ],
)
def test_reads_of_every_kind(value, count, outside):
    assert check_bounds(read_text(HEAD + gradient(value)).formulas[-1]).reads >= count
    with pytest.raises(Refuted, match=r"leaves the range 0 to [AE] - 1: for "):
        check_bounds(read_text(HEAD + gradient(outside)).formulas[-1])


def test_what_has_no_reads_or_no_numbers_is_unsupported(lecture):
    N = Symbol("N", integer=True)
    with pytest.raises(Unsupported, match="the reads of N"):
        list(bounds._reads_of(lecture.formulas[0].scope, N, (), ()))
    with pytest.raises(Unsupported, match=r"sin for z3: sin\(N\)"):
        bounds._z3(sin(N), {}, z3.Solver())


def test_reads_that_are_not_found_are_not_inside(monkeypatch, lecture):
    monkeypatch.setattr(bounds, "reads", lambda formula: [])
    with pytest.raises(Refuted, match="conv-grad-bias has tensors, but no reads were found"):
        check_bounds(lecture.labelled("conv-grad-bias")[0])


def test_what_z3_does_not_know_is_not_proved(monkeypatch, lecture):
    bounds._ask.cache_clear()
    monkeypatch.setattr(z3.Solver, "check", lambda self: z3.unknown)
    with pytest.raises(Refuted, match=r"could not be shown to stay in the range 0 to N - 1\n"):
        check_bounds(lecture.labelled("conv-grad-bias")[0])
    bounds._ask.cache_clear()


def test_z3_is_looked_for(monkeypatch):
    bounds.available.cache_clear()
    with monkeypatch.context() as hidden:
        hidden.setitem(sys.modules, "z3", None)
        assert not bounds.available()
    bounds.available.cache_clear()
    assert bounds.available()


@pytest.mark.parametrize("theorem", THEOREMS, ids=[t.name for t in THEOREMS])
def test_theorem_holds_and_its_wrong_version_does_not(theorem):
    assert " = " in prove_theorem(theorem)


def test_a_wrong_theorem_is_refused():
    theorem = THEOREMS[0]
    given, claim, wrong = theorem.claim()
    with pytest.raises(Refuted, match="z3 answers sat, not unsat"):
        prove_theorem(type(theorem)("wrong", lambda: (given, wrong, claim)))
    with pytest.raises(Refuted, match="z3 answers unsat, not sat"):
        prove_theorem(type(theorem)("empty", lambda: (given & (given.arg(0) != given.arg(0)), claim, wrong)))


def test_without_z3_a_theorem_is_not_ok(monkeypatch):
    monkeypatch.setattr("lectcode.verify.theorems.available", lambda: False)
    with pytest.raises(Refuted, match="not checked here"):
        prove_theorem(THEOREMS[0])
    assert bounds.available()
