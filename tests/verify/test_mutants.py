"""A sample of wrong formulas, one small change each: all must be rejected. `make mutants` takes all of them."""

import runpy
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from lectcode.verify import Refuted, mutants
from lectcode.verify.mutants import Mutant, changes, main, sample, scoreboard, verdict
from lectcode.verify.reader import Book, read_text
from tests.verify.conftest import LECTURE
from tests.verify.test_reader import BOX, HEAD
from tests.verify.test_translate import gradient

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


def test_a_listed_mutant_is_counted_as_equivalent(monkeypatch):
    m = Mutant("sign", "label", 0, 0, 0, "+ 1", " - 1 ")
    monkeypatch.setattr(mutants, "EQUIVALENT", {("label", "+1 -> -1"): "there is nothing to add"})
    table = scoreboard([m, replace(m, label="other")], ["survived", "crashed: KeyError: 0"])
    assert table.rows[-1] == ("all", "2", "0", "0", "0", "0", "0", "1", "0", "1")
    assert table.notes == ("equivalent: label: sign: + 1 -> - 1 at 0: there is nothing to add",)


def test_a_difference_is_turned_round_where_it_is_one():
    for value, found in ((r"\mathbf{V}[e] - E", 1), (r"-\mathbf{V}[e] - E", 0), (r"\mathbf{V}[e] + E", 0)):
        formula = read_text(HEAD + gradient(value)).formulas[-1]
        assert sum(kind == "difference" for kind, *_ in changes(formula)) == found


def change(book, old, new):
    """The mutant of the toy page that replaces one text."""
    (number,) = (k for k, d in enumerate(book.sections[0].displays) if old in d.body)
    return Mutant("by hand", "toy", 0, number, book.sections[0].displays[number].body.index(old), old, new)


def test_a_claim_that_is_no_claim_any_more_is_rejected():
    shape = "$$\n\\mathbf{Y} \\in \\mathbb{R}^{E}\n$$\n"
    book = read_text(HEAD + shape + BOX)
    left = r"\frac{\partial L}{\partial \mathbf{V}[e]}"
    assert verdict(book, change(book, left, left)) == "survived"
    assert verdict(book, change(book, left, r"\mathbf{Y}[e]")) == "scope"


def test_a_statement_that_says_nothing_any_more_is_rejected():
    book = read_text(HEAD + "$$\nB = A + 1\n$$\n\n$$\n\\mathbf{Y} \\in \\mathbb{R}^{B}\n$$\n" + BOX)
    assert verdict(book, change(book, "B =", "2 B =")) == "scope"


def test_a_read_outside_is_rejected_by_the_bounds_where_they_are_checked(monkeypatch):
    def outside(formula):
        raise Refuted("a read outside")

    book = read_text(HEAD + BOX)
    same = change(book, r"\mathbf{G}[a]", r"\mathbf{G}[a]")
    assert verdict(book, same) == "survived"
    monkeypatch.setattr(mutants, "check_bounds", outside)
    assert verdict(book, same) == "bounds"
    monkeypatch.setattr(mutants, "available", lambda: False)
    assert verdict(book, same) == "survived"


@pytest.fixture
def in_threads(monkeypatch):
    monkeypatch.setattr(mutants, "ProcessPoolExecutor", ThreadPoolExecutor)


def test_command_line_counts_a_sample(in_threads, capsys):
    assert main(["--chapters", str(LECTURE), "--sample", "3"]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[-1].split()[:2] == ["all", "3"]
    assert out.splitlines()[0].split() == ["kind", "mutants", *mutants.WAYS]


def test_command_line_shows_what_survives_or_crashes(in_threads, capsys, monkeypatch):
    def judge(book, mutant):
        if mutant.kind == "sign":
            raise RuntimeError("broken")
        return "survived"

    toy = read_text(HEAD + gradient(r"\mathbf{V}[e] - E"))
    monkeypatch.setattr(mutants, "_source", lambda folder: toy)
    monkeypatch.setattr(mutants, "verdict", judge)
    assert main([]) == 1
    captured = capsys.readouterr()
    lines = captured.err.splitlines()
    assert sum("crashed: RuntimeError: broken: toy-grad: sign: - -> +" in line for line in lines) == 1
    assert any("survived: toy-grad: difference" in line for line in lines)
    monkeypatch.setattr(mutants, "reason", lambda mutant: "it is right")
    assert main([]) == 0


def test_command_line_refuses_a_book_without_formulas(capsys, monkeypatch):
    monkeypatch.setattr(mutants, "_source", lambda folder: Book())
    assert main([]) == 1
    assert "no mutants: the book has no formulas" in capsys.readouterr().err


@pytest.mark.parametrize("module", ["lectcode.verify.mutants", "lectcode.verify.__main__"])
def test_modules_are_programs(module, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["program", "--help"])
    monkeypatch.delitem(sys.modules, module, raising=False)
    with pytest.raises(SystemExit) as done:
        runpy.run_module(module, run_name="__main__")
    assert done.value.code == 0
    assert "--chapters DIR" in capsys.readouterr().out
