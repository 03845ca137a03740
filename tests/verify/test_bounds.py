"""Reads inside their tensors and theorems on sizes, by z3; every check is shown a fault."""

import pytest

from lectcode.verify import Refuted, bounds
from lectcode.verify.bounds import check_bounds
from lectcode.verify.reader import read_book
from lectcode.verify.theorems import THEOREMS, prove_theorem

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
