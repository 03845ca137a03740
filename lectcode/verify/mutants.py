r"""Wrong formulas, made from the right ones by one small change each: the checker has to reject them all.

`python -m lectcode.verify.mutants [--chapters DIR] [--sample N] [--jobs J]` makes the mutants of every boxed formula,
of every definition (also unboxed ones such as the cases of I_pad), of every size and of every index abbreviation, in
the LaTeX of the page, and puts each through the checks: grammar and scope, proof, oracle, bounds. It prints how many
of which kind were rejected where, and exits 1 if one survives that is not listed in `EQUIVALENT` with the reason why
it is not wrong.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from tqdm import tqdm

from lectcode.verify import syntax as ast
from lectcode.verify.bounds import available, check_bounds
from lectcode.verify.errors import LatexError, VerificationError
from lectcode.verify.grammar import parse, plain_name, tokens
from lectcode.verify.latex import latex_name
from lectcode.verify.letters import OUTPUT_SIZES
from lectcode.verify.oracle import Oracle
from lectcode.verify.prover import prove_size, residue
from lectcode.verify.reader import Book, Formula, Section, read_section
from lectcode.verify.report import Table, open_book

# Mutants that are not wrong: (label, kind, original, mutated) -> why. The texts are compared without spaces.
EQUIVALENT: dict[tuple[str, str], str] = {}


@dataclass(frozen=True)
class Mutant:
    """One change: ``new`` stands for ``old`` at ``start`` of the text of a display."""

    kind: str
    label: str
    section: int
    display: int
    start: int
    old: str
    new: str

    def __str__(self):
        old, new = (" ".join(t.split()) or "nothing" for t in (self.old, self.new))
        return f"{self.label}: {self.kind}: {old} -> {new} at {self.start}"


_FACTORS = (
    ast.Entry,
    ast.Indicator,
    ast.Kronecker,
    ast.Quotient,
    ast.FunctionPartial,
    ast.Partial,
    ast.Elementary,
)
_RELATIONS = ("<", r"\leq", ">", r"\geq", "=")


def mutants(book: Book) -> Iterator[Mutant]:
    """All mutants of a book."""
    for formula in book.formulas:
        section = book.sections[formula.section]
        number = next(k for k, d in enumerate(section.displays) if d is formula.row.display)
        seen = set()
        for kind, start, end, new in changes(formula):
            old = formula.row.text[start:end]
            if old == new or (start, end, new) in seen:
                continue
            seen.add((start, end, new))
            at = formula.row.offset + start
            old = formula.row.display.body[at : at + end - start]  # with the row ends that the row leaves out
            yield Mutant(kind, formula.name, formula.section, number, at, old, f" {new} ")


def changes(formula: Formula) -> Iterator[tuple[str, int, int, str]]:
    """Every small change of one formula: kind, span in its row, new text."""
    yield from _token_changes(formula)
    for statement in parse(formula.row.text):
        for node in statement.walk():
            yield from _node_changes(formula.row.text, node)


def _token_changes(formula: Formula):
    text, scope = formula.row.text, formula.scope
    found = list(tokens(text))
    # Names as they are spelled in the formula and in the definitions it may use.
    spelled: dict[str, str] = {}
    for kind, start, end in found:
        if kind == "NAME":
            spelled.setdefault(plain_name(text[start:end]), text[start:end])
    used = {n.text for s in parse(text) for n in s.walk() if isinstance(n, ast.Name)}
    used |= {n for a in scope.abbreviations.values() for n in scope.names_in(a.tree)}
    groups = {
        "size": sorted(scope.sizes),
        "tensor": sorted(scope.shapes),
        "abbreviation": sorted(scope.abbreviations),
        "index": sorted(
            n
            for n in used
            if not scope.is_size(n) and n not in scope.abbreviations and n not in scope.shapes and n != "L"
        ),
    }
    for kind, start, end in found:
        token = text[start:end]
        if kind == "NAME":
            name = plain_name(token)
            for group, names in groups.items():
                if name not in names:
                    continue
                others = names if group != "abbreviation" else [*names, *groups["index"]]
                for other in others:
                    if other != name:
                        yield group, start, end, spelled.get(other, latex_name(other))
        elif kind == "DIGIT":
            for other in {int(token) + 1, int(token) - 1} - {-1}:
                yield "number", start, end, str(other)
        elif kind == "SIGN":
            yield "sign", start, end, "-" if token == "+" else "+"
        elif kind == "CDOT":
            yield "product", start, end, "+"
        elif kind == "RELATION" and token in (*_RELATIONS, r"\le", r"\ge"):
            if start != _main_equals(text):
                for other in _RELATIONS:
                    if other != token:
                        yield "comparison", start, end, other
        elif kind == "ELEMENTARY":
            yield "function", start, end, r"\log" if token == r"\exp" else r"\exp"
        elif kind == "EXTREMUM":
            yield "extremum", start, end, r"\min" if token == r"\max" else r"\max"
        elif token == r"\lfloor":
            closing = next(e for k, s, e in found if text[s:e] == r"\rfloor" and s > start)
            inside = text[end : closing - len(r"\rfloor")]
            yield "floor", start, closing, rf"\lceil{inside}\rceil"
            yield "floor", start, closing, f"({inside})"
        elif token == r"\lceil":
            closing = next(e for k, s, e in found if text[s:e] == r"\rceil" and s > start)
            inside = text[end : closing - len(r"\rceil")]
            yield "floor", start, closing, rf"\lfloor{inside}\rfloor"
            yield "floor", start, closing, f"({inside})"


def _main_equals(text: str) -> int:
    """Where the equals sign of the statement stands: it is what makes it a statement."""
    relation = next(s for s in parse(text) if isinstance(s, ast.Relation))
    return text.index("=", relation.sides[0].end)


def _node_changes(text: str, node: ast.Node):
    if isinstance(node, ast.Sum):
        yield "sum", node.start, node.body.start, ""
    if isinstance(node, ast.Product) and len(node.factors) > 1:
        for f in node.factors:
            if isinstance(f, _FACTORS):
                kind = "indicator" if isinstance(f, (ast.Indicator, ast.Kronecker)) else "factor"
                yield kind, f.start, f.end, "1"
                yield kind, f.start, f.end, rf"2 \cdot {text[f.start : f.end]}"
                yield kind, f.start, f.end, f"(-{text[f.start : f.end]})"
    if isinstance(node, ast.Add) and len(node.terms) > 1:
        for _, t in node.terms:
            yield "term", t.start, t.end, "0"
            more = rf"2 \cdot {text[t.start : t.end]}" if not isinstance(t, ast.Number) else f"{t.value + 2}"
            yield "term", t.start, t.end, more
    if isinstance(node, ast.Entry):
        for a, b in zip(node.indices, node.indices[1:], strict=False):
            yield "axes", a.start, b.end, text[b.start : b.end] + text[a.end : b.start] + text[a.start : a.end]
        for i in node.indices:
            if not isinstance(i, ast.Slice):
                yield "index", i.start, i.end, f"{text[i.start : i.end]} + 1"
    if isinstance(node, ast.Slice):
        yield "index", node.lower.start, node.lower.end, f"{text[node.lower.start : node.lower.end]} + 1"
        yield "index", node.upper.start, node.upper.end, f"{text[node.upper.start : node.upper.end]} + 1"
    if isinstance(node, ast.Add) and len(node.terms) == 2 and node.terms[1][0] < 0:
        a, b = node.terms[0][1], node.terms[1][1]
        if node.terms[0][0] > 0:
            yield "difference", a.start, b.end, f"{text[b.start : b.end]} - {text[a.start : a.end]}"


# --- judging ---


@lru_cache(maxsize=2)
def _source(folder: Path | None) -> Book:
    return open_book(folder)[0]


def mutated(section: Section, mutant: Mutant) -> Section:
    """The section with the change in it."""
    display = section.displays[mutant.display]
    body = display.body
    if body[mutant.start : mutant.start + len(mutant.old)] != mutant.old:
        raise ValueError(f"{mutant} does not fit the page")
    body = body[: mutant.start] + mutant.new + body[mutant.start + len(mutant.old) :]
    displays = list(section.displays)
    displays[mutant.display] = replace(display, body=body)
    return Section(section.minima, displays, section.axes)


def _claims(book: Book) -> Counter:
    return Counter(f.page for f in book.formulas if f.boxed and f.kind in ("gradient", "identity"))


def verdict(book: Book, mutant: Mutant) -> str:
    """Where a mutant is rejected: grammar, scope, proof, oracle or bounds; or "survived"."""
    section = book.sections[mutant.section]
    original = [f for f in book.formulas if f.section == mutant.section]
    try:
        changed = read_section(mutated(section, mutant))
    except LatexError as problem:
        return "grammar" if "not understood" in problem.message or "too early" in problem.message else "scope"
    if _claims(changed) != Counter(f.page for f in original if f.boxed and f.kind in ("gradient", "identity")):
        return "scope"
    touched = [f for f in changed.formulas if f.row.display is not None and _touches(f, mutant, changed)]
    if not touched:
        return "scope"
    claimed = all(f.kind in ("gradient", "identity") for f in touched)
    try:
        for f in touched if claimed else changed.formulas:
            if f.kind in ("gradient", "identity") and residue(f)[0]:
                return "proof"
            if f.kind == "size" and f.tensor in OUTPUT_SIZES:
                prove_size(f)
    except VerificationError:
        return "proof"
    oracle = Oracle(changed, compile_loops=False, shapes=8)
    try:
        for f in touched if claimed else changed.formulas:
            if f.kind != "abbreviation":
                oracle.run(f)
    except VerificationError:
        return "oracle"
    if available():
        try:
            for f in touched if claimed else changed.formulas:
                if f.kind not in ("abbreviation", "size"):
                    check_bounds(f)
        except VerificationError:
            return "bounds"
    return "survived"


def _touches(formula: Formula, mutant: Mutant, book: Book) -> bool:
    display = book.sections[0].displays[mutant.display]
    row = formula.row
    return row.display is display and row.offset <= mutant.start <= row.offset + len(row.text)


def _judge(task: tuple[Path | None, Mutant]) -> str:
    folder, mutant = task
    try:
        return verdict(_source(folder), mutant)
    except Exception as problem:  # a crash is not a refusal: it is shown, and counts as not rejected
        return f"crashed: {type(problem).__name__}: {problem}"


def sample(book: Book, count: int, seed: int = 0) -> list[Mutant]:
    """A fixed sample that has mutants of every kind and of every formula."""
    everything = list(mutants(book))
    random.Random(seed).shuffle(everything)
    picked, rest, seen = [], [], set()
    for m in everything:
        key = (m.kind, m.label)
        (rest if key in seen else picked).append(m)
        seen.add(key)
    return (picked + rest)[:count]


def reason(mutant: Mutant) -> str | None:
    """Why a mutant is equivalent to the original, if it is listed."""
    return EQUIVALENT.get((mutant.label, f"{''.join(mutant.old.split())} -> {''.join(mutant.new.split())}"))


def main(arguments: list[str] | None = None) -> int:
    """Put mutants of the book through its checks; 0 if all are rejected, else 1."""
    parser = argparse.ArgumentParser(prog="python -m lectcode.verify.mutants", description=main.__doc__)
    parser.add_argument(
        "--chapters", type=Path, metavar="DIR", help="a folder with _toc.yml and its pages (default: the book)"
    )
    parser.add_argument("--sample", type=int, metavar="N", help="only a fixed sample of that many")
    parser.add_argument("--jobs", type=int, default=1, metavar="J", help="processes (default 1)")
    options = parser.parse_args(arguments)
    book = _source(options.chapters)
    chosen = sample(book, options.sample) if options.sample else list(mutants(book))
    if not chosen:
        print("no mutants: the book has no formulas", file=sys.stderr)
        return 1
    tasks = [(options.chapters, m) for m in chosen]
    with ProcessPoolExecutor(options.jobs) as pool:
        found = pool.map(_judge, tasks, chunksize=8)
        verdicts = list(tqdm(found, total=len(tasks), file=sys.stderr, unit="mutant", leave=False))
    print(scoreboard(chosen, verdicts))
    bad = [(m, v) for m, v in zip(chosen, verdicts, strict=True) if v not in WAYS[:5] and not reason(m)]
    for m, v in bad:
        print(f"{v}: {m}", file=sys.stderr)
    return 1 if bad else 0


WAYS = ("grammar", "scope", "proof", "oracle", "bounds", "equivalent", "survived", "crashed")


def scoreboard(chosen: list[Mutant], verdicts: list[str]) -> Table:
    """Mutants by kind, and where they were rejected."""
    counts: dict[str, Counter] = {}
    for m, v in zip(chosen, verdicts, strict=True):
        way = v if v in WAYS else "crashed"
        counts.setdefault(m.kind, Counter())["equivalent" if v == "survived" and reason(m) else way] += 1
    rows = [(k, str(sum(c.values())), *(str(c[w]) for w in WAYS)) for k, c in sorted(counts.items())]
    total = sum(counts.values(), Counter())
    rows.append(("all", str(len(chosen)), *(str(total[w]) for w in WAYS)))
    listed = sorted(
        {
            f"equivalent: {m}: {reason(m)}"
            for m, v in zip(chosen, verdicts, strict=True)
            if v == "survived" and reason(m)
        }
    )
    return Table(("kind", "mutants", *WAYS), rows, tuple(listed))


if __name__ == "__main__":
    sys.exit(main())
