"""A sample of wrong formulas, one small change each: all must be rejected. `make mutants` takes all of them."""

from dataclasses import replace

import pytest

from lectcode.verify import mutants
from lectcode.verify.mutants import Mutant, sample, scoreboard, verdict

KINDS = {"abbreviation", "axes", "comparison", "difference", "extremum", "factor", "floor", "index", "indicator"}
KINDS |= {"number", "product", "sign", "size", "sum", "tensor", "term"}


def test_a_sample_of_every_kind_is_rejected(lecture):
    chosen = sample(lecture, 50)
    verdicts = [verdict(lecture, m) for m in chosen]
    survivors = [str(m) for m, v in zip(chosen, verdicts, strict=True) if v == "survived" and not mutants.reason(m)]
    assert survivors == []
    assert len({m.kind for m in chosen}) >= 10


def test_there_are_mutants_of_every_kind_and_every_formula(lecture):
    everything = list(mutants.mutants(lecture))
    assert {m.kind for m in everything} == KINDS
    assert {m.label for m in everything} == {f.name for f in lecture.formulas}
    assert len(everything) > 5000
    assert len(set(everything)) == len(everything)
    for m in everything:
        mutants.mutated(lecture.sections[m.section], m)


def test_what_is_not_changed_survives(lecture):
    """The judge itself: a change that changes nothing is not rejected."""
    m = next(m for m in mutants.mutants(lecture) if m.label == "conv-grad-bias")
    assert verdict(lecture, replace(m, new=f" {m.old} ")) == "survived"
    m = next(m for m in mutants.mutants(lecture) if m.label == "avg-pool-forward")
    assert verdict(lecture, replace(m, new=f" {m.old} ")) == "survived"


def test_a_mutant_that_does_not_fit_is_an_error(lecture):
    m = next(mutants.mutants(lecture))
    with pytest.raises(ValueError, match="does not fit the page"):
        verdict(lecture, replace(m, start=m.start + 1))


def test_the_scoreboard_counts():
    m = Mutant("sign", "label", 0, 0, 0, "+", " - ")
    table = scoreboard([m, m, replace(m, kind="size")], ["proof", "survived", "bounds"])
    assert table.rows == [
        ("sign", "2", "0", "0", "1", "0", "0", "0", "1", "0"),
        ("size", "1", "0", "0", "0", "0", "1", "0", "0", "0"),
        ("all", "3", "0", "0", "1", "0", "1", "0", "1", "0"),
    ]
