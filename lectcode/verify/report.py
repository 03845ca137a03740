"""The checks of a formula, and how a page, a terminal and a test see them.

Each formula climbs the same ladder: read (it has a meaning), proved for all sizes, reads in bounds, run against the
kernels, run against the independent definitions. A rung that was not climbed is never called ok: it says why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from html import escape
from pathlib import Path

from lectcode.verify.bounds import Bounds, available, check_bounds
from lectcode.verify.errors import Refuted, Unsupported, VerificationError
from lectcode.verify.identities import prove_all
from lectcode.verify.letters import OUTPUT_SIZES
from lectcode.verify.loopnest import loop_nest
from lectcode.verify.oracle import Oracle, Run
from lectcode.verify.prover import Proof, prove_formula
from lectcode.verify.reader import Book, Formula, read_book
from lectcode.verify.sources import contents, find_book
from lectcode.verify.theorems import THEOREMS, prove_theorem
from lectcode.verify.world import real

NOT_CHECKED = "not checked here (z3-solver is not installed)"
_CLAIMS = ("gradient", "identity", "size")


@dataclass
class Row:
    """One formula and what was found out about it; None on a rung that does not apply."""

    formula: Formula
    proof: Proof | None = None
    bounds: Bounds | None = None
    run: Run | None = None
    failures: list[str] = field(default_factory=list)
    bounds_skipped: bool = False

    def cells(self) -> tuple[str, ...]:
        """Formula, chapter, proved, reads in bounds, kernels, definitions: one line of the ledger."""
        f = self.formula
        proved = "for all sizes" if self.proof else ("-" if not claims_something(f) else "NO")
        if self.bounds_skipped:
            inside = NOT_CHECKED
        elif self.bounds:
            inside = f"{self.bounds.reads} of {self.bounds.reads}" if self.bounds.reads else "no reads"
        else:
            inside = "-" if f.kind == "size" else "NO"
        kernels = definitions = "NO" if self.run is None else "-"
        if self.run and self.run.kernels:
            kernels = f"{', '.join(self.run.kernels)}: {self.run.shapes} shapes"
        if self.run and self.run.references:
            definitions = f"{', '.join(self.run.references)}: {self.run.reference_shapes} shapes"
        if self.run and f.kind == "identity":
            kernels = f"both sides equal: {self.run.shapes} shapes"
        return (self.title, Path(f.page).stem, f.kind, proved, inside, kernels, definitions)

    @property
    def title(self) -> str:
        """The label, with the name of the quantity where one label stands for several."""
        f = self.formula
        return f"{f.label} ({f.tensor})" if f.kind == "size" and f.label else f.name


HEAD = ("formula", "chapter", "kind", "proved", "reads in bounds", "equals the kernels", "equals the definitions")


class Table:
    """A small table that a notebook shows as HTML and a terminal as text; the same input gives the same characters."""

    def __init__(self, head: tuple[str, ...], rows: list[tuple[str, ...]], notes: tuple[str, ...] = ()):
        self.head, self.rows, self.notes = head, rows, notes

    def __repr__(self):
        table = [self.head, *self.rows]
        widths = [max(len(r[k]) for r in table) for k in range(len(self.head))]
        lines = ["  ".join(c.ljust(w) for c, w in zip(r, widths, strict=True)).rstrip() for r in table]
        lines.insert(1, "  ".join("-" * w for w in widths))
        return "\n".join([*lines, *self.notes])

    def _repr_markdown_(self):
        def line(cells):
            return "| " + " | ".join(c.replace("|", "\\|") for c in cells) + " |"

        lines = [line(self.head), "|" + " --- |" * len(self.head), *map(line, self.rows)]
        return "\n".join([*lines, *("\n" + n for n in self.notes)])

    def _repr_html_(self):
        def line(cells, tag):
            return "<tr>" + "".join(f"<{tag}>{escape(c)}</{tag}>" for c in cells) + "</tr>"

        head, body = line(self.head, "th"), "".join(line(r, "td") for r in self.rows)
        notes = "".join(f"<p>{escape(n)}</p>" for n in self.notes)
        return f'<table class="verified"><thead>{head}</thead><tbody>{body}</tbody></table>{notes}'


def claims_something(f: Formula) -> bool:
    """Is there anything to prove? A definition is what proofs start from; an auxiliary size is one as well."""
    return f.kind in ("gradient", "identity") or (f.kind == "size" and f.tensor in OUTPUT_SIZES)


def verify_formula(oracle: Oracle, formula: Formula, with_bounds: bool = True) -> Row:
    """Climb the ladder with one formula; failures are collected, not raised."""
    row = Row(formula)

    def attempt(check: Callable):
        try:
            return check()
        except VerificationError as problem:
            row.failures.append(str(problem))
            return None

    if claims_something(formula):
        row.proof = attempt(lambda: prove_formula(formula))
    if formula.kind != "size":
        if with_bounds and available():
            row.bounds = attempt(lambda: check_bounds(formula))
        else:
            row.bounds_skipped = True
    row.run = attempt(lambda: oracle.run(formula))
    return row


def checkable(book: Book) -> list[Formula]:
    """What the ledger lists: everything but the abbreviations, which are read wherever they are used."""
    return [f for f in book.formulas if f.kind != "abbreviation"]


@lru_cache(maxsize=4)
def _book(folder: Path, stamp: tuple) -> tuple[Book, Oracle]:
    book = read_book(folder)
    if not any(f.boxed for f in book.formulas):
        raise Refuted(f"{folder}: the book has no boxed formula, so there is nothing to check")
    return book, Oracle(book)


def open_book(folder: Path | str | None = None) -> tuple[Book, Oracle]:
    """The book and its oracle; read anew when a page has changed."""
    folder = Path(folder) if folder else find_book()
    stamp = tuple((p, p.stat().st_mtime_ns, p.stat().st_size) for p in (folder / "_toc.yml", *contents(folder)))
    return _book(folder.resolve(), stamp)


def _raise_failures(rows: list[Row]):
    failures = [m for r in rows for m in r.failures]
    if failures:
        raise Refuted("\n".join(failures))


def check(label: str, folder: Path | str | None = None) -> Table:
    """Check the formula with this label and show what was checked; raise `Refuted` if anything does not hold.

    Parameters
    ----------
    label : str
        The label of a displayed formula, such as "conv-grad-filters".
    folder : path, optional
        The book; by default the one around this package or inside it.

    Returns
    -------
    Table
        One line for each check. Bounds need z3-solver; without it their line says that they were not checked here.
    """
    book, oracle = open_book(folder)
    rows = [verify_formula(oracle, f) for f in book.labelled(label) if f.kind != "abbreviation"]
    _raise_failures(rows)
    lines: dict[tuple[str, str], None] = {}
    for r in rows:
        if r.proof:
            lines["proved from the printed definitions", "for all sizes"] = None
        if r.bounds_skipped:
            lines["every read lies inside its tensor", NOT_CHECKED] = None
        elif r.bounds and r.bounds.reads:
            lines["every read lies inside its tensor", f"for all sizes ({r.bounds.reads} indices)"] = None
        for names, shapes in ((r.run.kernels, r.run.shapes), (r.run.references, r.run.reference_shapes)):
            for name in names:
                lines[f"run as loops, equals {name}", f"on {shapes} shapes"] = None
        if r.formula.kind == "identity":
            lines["run as loops, both sides are equal", f"on {r.run.shapes} shapes"] = None
    if not lines:
        lines["nothing to check alone", "it is checked in the formulas that use it"] = None
    return Table((f"({label})", "checked"), list(lines))


def loops(label: str, folder: Path | str | None = None) -> str:
    """The formulas with this label as the loops that `check` runs, in Python.

    A tensor is read by ``read(X, index)``; whole numbers are multiplied, added up and divided by ``times``,
    ``exact`` and ``divided``. They stand in ``lectcode/verify/steps.py`` and raise where an index lies outside or a
    result is not exact. An index has the name that it has in the formula; a prime becomes ``_prime``.

    Parameters
    ----------
    label : str
        The label of a displayed formula, such as "conv-grad-filters".
    folder : path, optional
        The book; by default the one around this package or inside it.

    Raises
    ------
    Unsupported
        If the label belongs to an identity, or to an abbreviation.

    Examples
    --------
    >>> print(loops("conv-grad-bias"))
    def formula(out, G, C_out, N, H_out, W_out):
        for c_out in range(C_out):
            total = 0
            for n in range(N):
                for h in range(H_out):
                    for w in range(W_out):
                        total = exact(total + read(G, (n, c_out, h, w)))
            out[c_out] = exact(total)
    """
    book, _ = open_book(folder)
    nests = [
        loop_nest(f.right, tuple(f.indices.values()), f.shape, compiled=False, real=real(f) == 1)
        for f in book.labelled(label)
        if f.kind not in ("abbreviation", "identity")
    ]
    if not nests:
        raise Unsupported(f"{label} is no formula that gives the entries of one tensor: it has no loops of its own")
    return "\n\n".join(nest.source.rstrip() for nest in nests)


def check_chapter(name: str, folder: Path | str | None = None) -> Table:
    """Check all formulas of one page; raise `Refuted` if anything does not hold.

    Parameters
    ----------
    name : str
        The name of the page's file, such as "conv-gradients".
    folder : path, optional
        The book; by default the one around this package or inside it.

    Returns
    -------
    Table
        One line for each formula: what it is, and how far it was proved, kept in bounds and run.

    Raises
    ------
    KeyError
        If no page of this name has a formula.
    """
    book, oracle = open_book(folder)
    mine = [f for f in checkable(book) if Path(f.page).stem == Path(name).stem]
    if not mine:
        raise KeyError(f"no formulas on a page called {name!r}; pages: {', '.join(p.name for p in book.pages)}")
    rows = [verify_formula(oracle, f) for f in mine]
    _raise_failures(rows)
    return Table(HEAD[:1] + HEAD[2:], [c[:1] + c[2:] for r in rows for c in [r.cells()]])


def verify_all(
    folder: Path | str | None = None, with_bounds: bool = True, progress: Callable[[list], Iterator] = iter
) -> list[Row]:
    """Climb the ladder with every formula of the book; failures are in the rows."""
    book, oracle = open_book(folder)
    return [verify_formula(oracle, f, with_bounds) for f in progress(checkable(book))]


def ledger(folder: Path | str | None = None) -> Table:
    """The ledger of the book, every formula with its checks; raise `Refuted` if anything does not hold.

    Parameters
    ----------
    folder : path, optional
        The book; by default the one around this package or inside it.

    Returns
    -------
    Table
        One line for each formula, with the number of formulas, proofs and reads below. It takes a minute or two.
    """
    rows = verify_all(folder)
    _raise_failures(rows)
    return ledger_table(rows)


def identity_table() -> Table:
    """Identities of the convolution layer and theorems on sizes, each with the wrong versions that were rejected.

    Returns
    -------
    Table
        One line for each statement. Theorems on sizes need z3-solver; without it their line says that they were not
        checked here.
    """
    rows = [(o.name, o.scope, f"{o.rejected} rejected") for o in prove_all()]
    for theorem in THEOREMS:
        if available():
            prove_theorem(theorem)
            rows.append((theorem.name, "for all sizes (z3)", "1 refuted by a model"))
        else:
            rows.append((theorem.name, NOT_CHECKED, "-"))
    return Table(("statement", "proved", "wrong versions"), rows)


def ledger_table(rows: list[Row]) -> Table:
    """Rows as a table, counted below."""
    proofs = sum(r.proof is not None for r in rows)
    reads = sum(r.bounds.reads for r in rows if r.bounds)
    notes = [f"{len(rows)} formulas, {proofs} proved for all sizes, {reads} reads in bounds"]
    if any(r.bounds_skipped for r in rows):
        notes.append(f"bounds: {NOT_CHECKED}")
    return Table(HEAD, [r.cells() for r in rows], tuple(notes))
