"""Read a book: every statement of every page, classified, in the scope that is in force where it stands.

A statement is one of

size           N = .. or H_out = floor(..) + 1, a size given by sizes
abbreviation   h_start = h S, a name for an index expression, read anew where it is used
definition     X[..] = .., the first equation for a tensor whose shape is declared; or L = .., the loss itself
gradient       dL/dX[..] = .., to be proved from the definitions
identity       any other boxed equation, to be proved; so is a boxed second equation for a defined tensor

Declarations (X in R^.., S >= 1, f: R^.. -> R, G = dL/dO in R^..) and the ranges of indices are read as well.
Declaring a tensor again with another shape starts a new section, in which only statements like S >= 1 stay in force;
declaring it again with the same shape lets it be defined anew (pooling has several functions). A boxed statement that
is none of these is an error; so are labels, definitions and sizes given twice, and definitions that nothing uses. The
shape of a tensor may follow its (unboxed) definition on the same page, but has to be there before the tensor is used.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from sympy import Expr, Indexed, Symbol

from lectcode.verify import syntax as ast
from lectcode.verify.errors import LatexError, MeaningError, Place, Unsupported, VerificationError
from lectcode.verify.expressions import FloorQuotient, normal, tensors_of
from lectcode.verify.grammar import GrammarError, parse
from lectcode.verify.letters import OUTPUT_SIZES, is_setting
from lectcode.verify.rows import Row, rows
from lectcode.verify.scope import Abbreviation, Definition, Scope
from lectcode.verify.sources import Display, Page, contents, cut, read_page
from lectcode.verify.translate import polynomial

ANY_NUMBER = -1  # of proofs on a page that promises none


@dataclass
class Formula:
    """A statement that defines or claims something, with the scope in which it was read."""

    kind: str  # size, abbreviation, definition, gradient, identity
    label: str | None
    row: Row
    tree: ast.Relation
    scope: Scope
    section: int
    tensor: str | None = None
    indices: dict[str, Symbol] = field(default_factory=dict)
    left: Expr | None = None
    right: Expr | None = None

    @property
    def boxed(self) -> bool:
        """Does it stand in a box?"""
        return self.row.boxed

    @property
    def page(self) -> str:
        """The file it stands in."""
        return self.row.display.file

    @property
    def place(self) -> Place:
        """Where it stands."""
        return self.row.place(len(self.row.text) - len(self.row.text.lstrip(" \n\t&")))

    @property
    def latex(self) -> str:
        """The statement as it is printed, on one line."""
        return " ".join(self.row.text.replace("&", " ").split()).rstrip(" .,")

    @property
    def shape(self) -> tuple[Expr, ...]:
        """The lengths of its indices."""
        return tuple(self.scope.shapes[self.tensor]) if self.indices else ()

    @property
    def name(self) -> str:
        """The label, or the place where there is none."""
        return self.label or str(self.place)

    def error(self, message: str) -> LatexError:
        """An error at this formula."""
        return LatexError(self.place, message, self.latex)


@dataclass
class Section:
    """A stretch of displays between two new declarations of a tensor, and what was known of sizes at its start."""

    minima: dict[str, int | None]
    displays: list[Display] = field(default_factory=list)
    axes: dict[str, dict[str, None]] = field(default_factory=dict)  # by page: names that are the length of an axis


@dataclass
class Book:
    """What a reader of the whole book knows at its end."""

    formulas: list[Formula] = field(default_factory=list)
    sections: list[Section] = field(default_factory=list)
    pages: list[Page] = field(default_factory=list)
    unread: list[tuple[Row, str]] = field(default_factory=list)

    def labelled(self, label: str) -> list[Formula]:
        """The formulas under a label; an unknown label is an error that lists the labels."""
        found = [f for f in self.formulas if f.label == label]
        if not found:
            known = ", ".join(sorted({f.label for f in self.formulas if f.label})) or "none"
            raise KeyError(f"no formula is labelled {label!r}; the labels are {known}")
        return found

    def section_of(self, formula: Formula) -> list[Formula]:
        """The formulas of the same section."""
        return [f for f in self.formulas if f.section == formula.section]


def read_book(folder: Path) -> Book:
    """Read all pages of a book in the order of its contents."""
    return read_pages([read_page(path, folder) for path in contents(folder)])


def read_text(text: str, file: str = "text", promised: bool = True) -> Book:
    """Read one MyST text as a book of its own; without ``promised``, its front matter need not count the proofs."""
    page = cut(text, file)
    if not promised:
        page.proofs = ANY_NUMBER
    return read_pages([page])


def read_pages(pages: list[Page]) -> Book:
    """Read pages in the given order."""
    reader = _Reader(Book(pages=pages))
    for page in pages:
        reader.page(page)
    reader.finish_section()
    return reader.book


def read_section(section: Section) -> Book:
    """Read one section by itself, as it stands in its book."""
    reader = _Reader(Book(), section.minima)
    page = None
    for display in section.displays:
        if display.file != page:
            reader.finish_page()
            page = display.file
            reader.scope.axes = section.axes[page]
        reader.labelled(display)
    reader.finish_page()
    reader.finish_section()
    return reader.book


class _Reader:
    """Reads statement after statement; ``scope`` is what is known so far."""

    def __init__(self, book: Book, minima: dict[str, int | None] | None = None):
        self.book = book
        self.scope = Scope(minima=dict(minima or {}))
        book.sections.append(Section(dict(self.scope.minima)))
        self.section = 0
        self.labels: dict[str, Place] = {}
        self.last: Formula | None = None
        self.pending: list[tuple[Row, ast.Relation]] = []
        self.undeclared: dict[str, tuple[Row, ast.Relation, str | None]] = {}  # definitions that wait for a shape

    def page(self, page: Page):
        first = len(self.book.formulas)
        self.scope.axes = _axes(page)
        for display in page.displays:
            self.labelled(display)
        self.finish_page()
        boxes = [f for f in self.book.formulas[first:] if f.boxed]
        claims = [f for f in boxes if f.kind in ("gradient", "identity")]
        if boxes and page.proofs is None:
            raise LatexError(
                Place(page.file, 1), f"proofs: {len(claims)} is missing in the front matter of a page with boxes"
            )
        if page.proofs is not None and page.proofs not in (len(claims), ANY_NUMBER):
            raise LatexError(
                Place(page.file, 1), f"the front matter promises {page.proofs} proofs, the page has {len(claims)}"
            )

    def labelled(self, display: Display):
        if display.label:
            if display.label in self.labels:
                where = self.labels[display.label]
                raise LatexError(display.place(0), f"label {display.label} is already used at {where}")
            self.labels[display.label] = display.place(0)
        self.display(display, rows(display))

    def finish_page(self):
        if self.pending:
            row, relation = self.pending[0]
            raise self.problem(row, MeaningError(_range_index(relation), "no formula uses this index"))
        for tensor, (row, r, _) in self.undeclared.items():
            raise self.problem(row, MeaningError(r.sides[0], f"the shape of {tensor} is not declared"))
        self.last = None

    def problem(self, row: Row, problem: MeaningError) -> LatexError:
        node = problem.node
        if node is None or node.end == 0:
            return LatexError(row.place(), problem.message)
        return LatexError(row.place(node.start), problem.message, row.text[node.start : node.end])

    # --- one display ---

    def display(self, display: Display, all_rows: list[Row]):
        read, label = [], display.label
        for row in all_rows:
            try:
                read.append((row, parse(row.text)))
            except GrammarError as problem:
                if row.boxed:
                    raise LatexError(row.place(problem.offset), problem.message, problem.token) from None
                self.book.unread.append((row, f"{problem.message}: {problem.token}"))
        self.begin_section_if_needed(read)
        self.book.sections[-1].displays.append(display)
        self.book.sections[-1].axes[display.file] = self.scope.axes
        boxes_before = len(self.book.formulas)
        for row, statements in read:
            try:
                self.statements(row, _joined(statements), label)
            except MeaningError as problem:
                raise self.problem(row, problem) from None
            except Unsupported as problem:
                raise LatexError(row.place(), str(problem), row.text.strip()) from None
        for row in all_rows:
            if row.boxed and not any(f.row is row for f in self.book.formulas[boxes_before:]):
                raise LatexError(
                    row.place(), "boxed, but neither a definition nor a gradient nor an identity", row.text.strip()
                )

    def begin_section_if_needed(self, read):
        """A tensor declared anew with another shape starts a new section, and this display is its first."""
        for row, statements in read:
            for tensor, dims in _declared(statements):
                if tensor not in self.scope.shapes:
                    continue
                trial = self.scope.snapshot()
                try:
                    new = tuple(self.dimension(trial, d) for d in dims)
                except MeaningError as problem:
                    raise self.problem(row, problem) from None
                if tuple(map(trial.resolve, new)) != self.scope.shape(tensor):
                    self.finish_section()
                    self.scope = self.scope.fresh_section()
                    self.section += 1
                    self.book.sections.append(Section(dict(self.scope.minima)))
                    self.last = None
                    return

    def finish_section(self):
        mine = [f for f in self.book.formulas if f.section == self.section]
        self.refuse_what_nothing_uses(mine)
        self.refuse_late_settings(mine)

    def refuse_what_nothing_uses(self, mine: list[Formula]):
        """Nothing may be defined or stated in vain: nobody would check it."""
        used = set()
        for shape in self.scope.shapes.values():
            used |= {s.name for n in shape for s in n.free_symbols}
        for name, d in self.scope.size_definitions.items():
            used |= {s.name for s in d.value.free_symbols}
            if (
                not d.used
                and name not in used
                and not any(f.boxed for f in mine if f.kind == "size" and f.tensor == name)
            ):
                raise next(f for f in mine if f.kind == "size" and f.tensor == name).error(f"nothing uses {name}")
        for name in self.scope.stated:
            if name not in self.scope.sizes:
                where = mine[0].place if mine else Place(self.book.sections[-1].displays[0].file, 1)
                raise LatexError(where, f"the section that begins here says something of {name}, but nothing uses it")
        for name, a in self.scope.abbreviations.items():
            if not a.used:
                raise next(f for f in mine if f.kind == "abbreviation" and f.tensor == name).error(
                    f"nothing uses {name}"
                )
        for f in mine:
            if f.kind == "definition" and not f.boxed and not f.scope.definitions[f.tensor].used:
                raise f.error(f"nothing uses {f.tensor}")

    def refuse_late_settings(self, mine: list[Formula]):
        """An output size depends on how its window slides, so all that is said of that has to be said before it."""
        for f in mine:
            if f.kind == "size" and f.tensor in OUTPUT_SIZES:
                known = f.scope.named_sizes()
                for name in self.scope.sizes:
                    if is_setting(name) and name not in known:
                        raise f.error(f"{name} appears later in this section; say what it is before {f.tensor}")

    # --- one row ---

    def statements(self, row: Row, statements: list[ast.Node], label: str | None):
        head, claimed = None, False
        for statement in statements:
            if isinstance(statement, ast.Mapping):
                self.mapping(statement)
            elif isinstance(statement, ast.Relation):
                if claimed and _is_range(statement):
                    self.range_of(head, row, statement)
                elif claimed:
                    raise MeaningError(statement, "after a formula only the ranges of its indices may follow")
                else:
                    formula = self.relation(row, statement, label)
                    if formula:
                        head, claimed = formula, True
                        self.last = formula
                        for pending_row, pending in self.pending:
                            self.range_of(formula, pending_row, pending)
                        self.pending = []
            elif row.boxed:
                raise MeaningError(statement, "boxed, but no statement")

    def relation(self, row: Row, r: ast.Relation, label: str | None) -> Formula | None:
        left, sign, right = r.sides[0], r.signs[0], r.sides[1]
        if sign == "in":
            self.membership(row, left, right)
            return None
        if sign != "=":
            self.inequality(row, r)
            return None
        if r.signs[-1] == "in":
            tail = r.sides[-1]
            if isinstance(left, ast.Name) and isinstance(right, ast.Partial) and isinstance(tail, ast.Reals):
                self.upstream(left, right, tail)
                return None
            if not isinstance(tail, ast.Integers):
                raise MeaningError(tail, "only a size can be said to be an integer here")
            r = ast.Relation(r.sides[:-1], r.signs[:-1], start=r.start, end=r.sides[-2].end)
        if isinstance(left, ast.Shape):
            items = right.items if isinstance(right, ast.Tuple) else (right,)
            self.declare(left, left.tensor.text, items)
            return None
        if len(r.sides) != 2:
            if row.boxed:
                raise MeaningError(r, "a boxed formula has one equals sign")
            self.book.unread.append((row, "a chain of equations"))
            return None
        return self.equation(row, r, label)

    def equation(self, row: Row, r: ast.Relation, label: str | None) -> Formula | None:
        left, right = r.sides
        if left == ast.Name("L"):
            return self.loss(row, r, label)
        if isinstance(left, ast.Name) and left.text not in self.scope.shapes:
            return self.name_equation(row, r, left, right, label)
        if isinstance(left, ast.Entry) and all(isinstance(i, ast.Name) for i in left.indices):
            if left.tensor not in self.scope.shapes and not row.boxed and left.tensor not in self.undeclared:
                self.undeclared[left.tensor] = row, r, label
                return None
            if left.tensor not in self.scope.shapes:
                raise MeaningError(left, f"the shape of {left.tensor} is not declared")
            if left.tensor not in self.scope.definitions or left.tensor in self.scope.redeclared:
                return self.definition(row, r, label)
            before = self.scope.definitions[left.tensor].where
            if not row.boxed:
                raise MeaningError(left, f"{left.tensor} is already defined at {before}")
            known = next(f for f in reversed(self.book.formulas) if f.kind == "definition" and f.tensor == left.tensor)
            if known.tree == r:
                raise MeaningError(left, f"{left.tensor} is already defined, in the same words, at {before}")
        if not row.boxed:
            self.book.unread.append((row, "an equation without a box"))
            return None
        if (
            isinstance(left, ast.Partial)
            and isinstance(left.numerator, ast.Name)
            and isinstance(left.denominator, ast.Entry)
        ):
            return self.gradient(row, r, label)
        return self.identity(row, r, label)

    def name_equation(self, row, r, left, right, label) -> Formula:
        scope, name = self.scope, left.text
        for known in (scope.abbreviations.get(name), scope.size_definitions.get(name)):
            if known:
                raise MeaningError(left, f"{name} is already defined at {known.where}")
        where = str(row.place(left.start))
        names = scope.names_in(right)
        if all(scope.is_size(n) for n in names) and names:
            value = normal(scope.expression(right))
            if not polynomial(value):
                raise MeaningError(right, r"a size must be a whole number: round it, as in \lfloor H / S \rfloor")
            try:
                scope.define_size(name, value, where)
            except MeaningError as problem:
                raise MeaningError(left, problem.message) from None
            return self.add(
                Formula("size", label, row, r, scope.snapshot(), self.section, name, {}, scope.size(name), value)
            )
        if scope.is_size(name):
            unknown = sorted(n for n in names if not scope.is_size(n))
            raise MeaningError(right, f"{name} is a size, so {', '.join(unknown) or 'its value'} cannot give it")
        if row.boxed:
            raise MeaningError(left, "an abbreviation is not boxed")
        if name in names:
            raise MeaningError(right, f"{name} is defined by itself")
        scope.abbreviations[name] = Abbreviation(right, where)
        return self.add(Formula("abbreviation", label, row, r, scope, self.section, name))

    def definition(self, row, r, label) -> Formula:
        left, right = r.sides
        if left.tensor in self.scope.upstream.values():
            raise MeaningError(left, f"{left.tensor} is the given derivative, so it cannot be defined")
        if left.tensor in self.scope.integer_ranges:
            raise MeaningError(left, f"{left.tensor} is declared by the range of its numbers, so it cannot be defined")
        self.refuse_if_read(left)
        indices = self.scope.bind(left)
        value = self.scope.expression(right, indices)
        mentioned = {x.tensor for x in right.walk() if isinstance(x, ast.Entry)}
        if left.tensor in mentioned:
            raise MeaningError(left, f"{left.tensor} is defined by itself")
        definition = Definition(left.tensor, tuple(indices.values()), value, str(row.place(left.start)))
        self.scope.definitions[left.tensor] = definition
        self.scope.redeclared.pop(left.tensor, None)
        f = Formula("definition", label, row, r, self.scope.snapshot(), self.section, left.tensor, indices)
        f.left, f.right = self.scope.expression(left, indices), value
        definition.used = False
        return self.add(f)

    def loss(self, row, r, label) -> Formula:
        """L = ..: the loss as a tensor without axes, from which gradients then follow without a given G."""
        left, right = r.sides
        scope = self.scope
        if "L" in scope.definitions:
            raise MeaningError(left, f"L is already defined at {scope.definitions['L'].where}")
        if scope.upstream:
            raise MeaningError(left, "L is given by its derivative here, so it cannot be defined as well")
        scope.shapes["L"] = ()
        scope.definitions["L"] = Definition("L", (), scope.expression(right), str(row.place(left.start)))
        f = Formula("definition", label, row, r, scope.snapshot(), self.section, "L")
        f.left, f.right = Symbol("L"), scope.definitions["L"].value
        return self.add(f)

    def gradient(self, row, r, label) -> Formula:
        left, right = r.sides
        if "L" in self.scope.definitions:
            self.scope.definitions["L"].used = True
        tensor, indices = left.denominator.tensor, self.scope.bind(left.denominator)
        if tensor in self.scope.integer_ranges:
            raise MeaningError(left, f"{tensor} holds whole numbers, so there is no derivative by it")
        sides = [self.scope.expression(e, indices) for e in (left, right)]
        if sides[0].base in {x.base for x in sides[1].atoms(Indexed)}:
            raise MeaningError(right, f"the gradient of {tensor} is given by itself")
        f = Formula("gradient", label, row, r, self.scope.snapshot(), self.section, tensor, indices, *sides)
        return self.add(f)

    def identity(self, row, r, label) -> Formula:
        left, right = r.sides
        indices = self.scope.bind(left) if isinstance(left, ast.Entry) else {}
        sides = [self.scope.expression(e, indices) for e in (left, right)]
        if normal(sides[0]) == normal(sides[1]):
            raise MeaningError(r, "both sides are the same expression")
        tensor = getattr(left, "tensor", None)
        f = Formula("identity", label, row, r, self.scope.snapshot(), self.section, tensor, indices, *sides)
        return self.add(f)

    def refuse_if_read(self, left: ast.Entry):
        """A tensor is defined before a formula reads it, and not anew while a definition in force reads it."""
        if left.tensor in self.scope.redeclared:
            others = [d for d in self.scope.definitions.values() if d.tensor != left.tensor]
            reading = next((d.where for d in others if left.tensor in tensors_of(d.value)), None)
        else:
            mine = (f for f in self.book.formulas if f.section == self.section and f.right is not None)
            reading = next((f.place for f in mine if left.tensor in tensors_of(f.right)), None)
        if reading:
            raise MeaningError(left, f"{left.tensor} is read at {reading}; define it before that")

    def add(self, formula: Formula) -> Formula:
        if formula.boxed and not formula.label:
            raise LatexError(formula.place, "a boxed formula needs a label: $$ (label)", formula.latex)
        self.book.formulas.append(formula)
        return formula

    # --- declarations ---

    def dimension(self, scope: Scope, d: ast.Node) -> Expr:
        if isinstance(d, ast.Name) and d.text not in scope.abbreviations:
            if d.text == "L":
                raise MeaningError(d, "L is the loss, so it cannot be a size")
            scope.size(d.text)
        n = normal(scope.expression(d))
        if n.has(FloorQuotient):
            raise MeaningError(d, "give this size a name first")
        return n

    def declare(self, node: ast.Node, tensor: str, dims):
        scope = self.scope
        if scope.is_size(tensor) or tensor in scope.abbreviations or tensor == "L":
            raise MeaningError(node, f"{tensor} cannot be a tensor: it already has a meaning")
        shape = tuple(self.dimension(scope, d) for d in dims)
        if tensor in scope.definitions:
            scope.redeclared[tensor] = None
        scope.shapes[tensor] = shape
        if tensor in self.undeclared:
            row, r, label = self.undeclared.pop(tensor)
            try:
                self.last = self.definition(row, r, label)
            except MeaningError as problem:
                raise self.problem(row, problem) from None

    def membership(self, row: Row, left: ast.Node, right: ast.Node):
        if not isinstance(left, ast.Name):
            raise MeaningError(left, "a name is expected before this sign")
        if isinstance(right, ast.Reals) and right.dims:
            self.declare(left, left.text, right.dims)
        elif isinstance(right, ast.SetOf) and right.dims:
            low, high = self.set_ends(right)
            self.declare(left, left.text, right.dims)
            self.scope.integer_ranges[left.text] = (low, high)
        elif isinstance(right, ast.Integers):
            if left.text in self.scope.shapes or left.text in self.scope.abbreviations:
                raise MeaningError(left, f"{left.text} already has a meaning")
            self.scope.state_minimum(left.text, right.least)
        elif isinstance(right, ast.SetOf):
            self.standalone_range(row, ast.Relation((left, right), ("in",), start=left.start, end=right.end))
        else:
            self.book.unread.append((row, "a membership that declares nothing"))

    def set_ends(self, s: ast.SetOf, indices=None):
        items = [x for x in s.items if not isinstance(x, ast.Dots)]
        dotted = [k for k, x in enumerate(s.items) if isinstance(x, ast.Dots)]
        if len(dotted) != 1 or dotted[0] != len(s.items) - 2 or not 2 <= len(items) <= 3:
            raise MeaningError(s, r"a range is written \{0, \ldots, n\}")
        if any(x != ast.Number(k) for k, x in enumerate(items[:-1])):
            raise MeaningError(s, "a range counts 0, 1, ..")
        return normal(self.scope.expression(items[0])), normal(self.scope.expression(items[-1]))

    def inequality(self, row: Row, r: ast.Relation):
        if r.signs in ((">=",), (">",)) and isinstance(r.sides[0], ast.Name) and isinstance(r.sides[1], ast.Number):
            name = r.sides[0].text
            if name in self.scope.shapes or name in self.scope.abbreviations:
                raise MeaningError(r.sides[0], f"{name} already has a meaning")
            self.scope.state_minimum(name, r.sides[1].value + (r.signs[0] == ">"))
        elif _is_range(r):
            self.standalone_range(row, r)
        else:
            self.book.unread.append((row, "an inequality that declares nothing"))

    def upstream(self, left: ast.Name, partial: ast.Partial, space: ast.Reals):
        if partial.numerator != ast.Name("L") or not isinstance(partial.denominator, ast.Name):
            raise MeaningError(partial, r"the given derivative is \frac{\partial L}{\partial \mathbf{O}}")
        if "L" in self.scope.definitions:
            raise MeaningError(partial, f"L is defined at {self.scope.definitions['L'].where}: nothing is given")
        output = partial.denominator.text
        if output not in self.scope.shapes:
            raise MeaningError(partial.denominator, f"the shape of {output} is not declared")
        self.declare(left, left.text, space.dims)
        if self.scope.shape(left.text) != self.scope.shape(output):
            raise MeaningError(space, f"{left.text} must have the shape of {output}")
        others = {name: G for name, G in self.scope.upstream.items() if left.text != G}
        self.scope.upstream = {**others, output: left.text}
        if output in self.scope.definitions:
            self.scope.definitions[output].used = True

    def mapping(self, m: ast.Mapping):
        if not (isinstance(m.source, ast.Reals) and m.source.dims) or m.target != ast.Reals():
            raise MeaningError(m, r"a function is declared by f: \mathbb{R}^{..} \to \mathbb{R}")
        self.scope.functions[m.function] = tuple(self.dimension(self.scope, d) for d in m.source.dims)

    # --- ranges of indices ---

    def standalone_range(self, row: Row, r: ast.Relation):
        name = _range_index(r).text
        if self.last and self.last.kind in ("definition", "gradient", "identity") and name in self.last.indices:
            self.range_of(self.last, row, r)
        else:
            self.pending.append((row, r))

    def range_of(self, formula: Formula, row: Row, r: ast.Relation):
        """The stated range of an index must be the one that the declared shape (or the sum) gives it."""
        index = _range_index(r)
        try:
            low, high = self.range_ends(r)
            if index.text in formula.indices and formula.tensor:
                axis = list(formula.indices).index(index.text)
                wanted = (0, normal(self.scope.shape(formula.tensor)[axis] - 1))
                if (self.scope.resolve(low), self.scope.resolve(high)) != wanted:
                    raise MeaningError(
                        r, f"the declared shape of {formula.tensor} gives {index.text} the range 0 to {wanted[1]}"
                    )
                return
            sums = [s for s in formula.tree.walk() if isinstance(s, ast.Sum) and s.index.text == index.text]
            if not sums:
                raise MeaningError(index, f"{index.text} is not an index of this formula")
            for s in sums:
                ends = normal(self.scope.expression(s.lower)), normal(self.scope.expression(s.upper))
                if ends != (low, high):
                    raise MeaningError(r, f"the sum over {index.text} runs over another range")
        except MeaningError as problem:
            raise self.problem(row, problem) from None

    def range_ends(self, r: ast.Relation):
        if r.signs == ("in",):
            return self.set_ends(r.sides[1])
        low = normal(self.scope.expression(r.sides[0])) + int(r.signs[0] == "<")
        high = normal(self.scope.expression(r.sides[2])) - int(r.signs[1] == "<")
        return normal(low), normal(high)


def _is_range(r: ast.Relation) -> bool:
    """X in {0, .., n} or 0 <= x < n."""
    if r.signs == ("in",):
        return isinstance(r.sides[0], ast.Name) and isinstance(r.sides[1], ast.SetOf) and r.sides[1].dims is None
    return len(r.signs) == 2 and set(r.signs) <= {"<", "<="} and isinstance(r.sides[1], ast.Name)


def _range_index(r: ast.Relation) -> ast.Name:
    return r.sides[0] if r.signs == ("in",) else r.sides[1]


def _axes(page: Page) -> dict[str, None]:
    """The names that are the length of an axis of some tensor that the page declares."""
    found = {}
    for display in page.displays:
        for row in rows(display):
            try:
                statements = parse(row.text)
            except GrammarError:  # is reported where the row is read
                continue
            for _, dims in _declared(statements):
                found |= {d.text: None for d in dims if isinstance(d, ast.Name)}
    return found


def _declared(statements) -> list[tuple[str, tuple]]:
    """The tensors that a row declares, with their dimensions."""
    found = []
    for s in _joined(statements):
        if not isinstance(s, ast.Relation):
            continue
        left, right = s.sides[0], s.sides[-1]
        if s.signs[-1] == "in" and isinstance(left, ast.Name) and getattr(right, "dims", None):
            found.append((left.text, right.dims))
        elif s.signs == ("=",) and isinstance(left, ast.Shape):
            found.append((left.tensor.text, right.items if isinstance(right, ast.Tuple) else (right,)))
    return found


def _joined(statements) -> list[ast.Node]:
    """S_h, S_w >= 1 is read as S_h >= 1, S_w >= 1."""
    out, waiting = [], []
    for s in statements:
        if isinstance(s, ast.Name):
            waiting.append(s)
            continue
        if waiting and isinstance(s, ast.Relation) and isinstance(s.sides[0], ast.Name):
            out += [ast.Relation((name, *s.sides[1:]), s.signs, start=name.start, end=s.end) for name in waiting]
        else:
            out += waiting
        waiting = []
        out.append(s)
    return out + waiting


__all__ = ["Book", "Formula", "VerificationError", "read_book", "read_pages", "read_text"]
