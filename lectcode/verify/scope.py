"""What the names on a page mean."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field

from sympy import Expr, S, Sum, Symbol, fraction, together

from lectcode.verify import syntax as ast
from lectcode.verify.errors import MeaningError
from lectcode.verify.expressions import FloorQuotient, fresh, normal, refresh
from lectcode.verify.facts import Facts
from lectcode.verify.normalform import cleared
from lectcode.verify.translate import Translator


@dataclass
class Abbreviation:
    """A name that stands for an index expression, such as h_start for h S; read anew wherever it is used."""

    tree: ast.Node
    where: str
    used: bool = False


@dataclass
class SizeDefinition:
    """A size that a formula gives, such as H_out."""

    value: Expr
    where: str
    used: bool = False


@dataclass
class Definition:
    """X[indices] = value, for indices within the declared shape."""

    tensor: str
    indices: tuple[Symbol, ...]
    value: Expr
    where: str
    used: bool = False

    def at(self, indices) -> Expr:
        """The value at other indices; bound indices are renamed, so nothing is captured."""
        return refresh(self.value).xreplace(dict(zip(self.indices, indices, strict=True)))


@dataclass
class Scope:
    """The meanings in force at one point of a section."""

    minima: dict[str, int | None] = field(default_factory=dict)  # stated: S >= 1; kept from section to section
    stated: dict[str, None] = field(default_factory=dict)  # the names of which that is said in this section
    axes: dict[str, None] = field(default_factory=dict)  # names that are the length of an axis on this page
    sizes: dict[str, Symbol] = field(default_factory=dict)
    size_definitions: dict[str, SizeDefinition] = field(default_factory=dict)
    shapes: dict[str, tuple[Expr, ...]] = field(default_factory=dict)
    integer_ranges: dict[str, tuple[Expr, Expr]] = field(default_factory=dict)
    functions: dict[str, tuple[Expr, ...]] = field(default_factory=dict)
    abbreviations: dict[str, Abbreviation] = field(default_factory=dict)
    definitions: dict[str, Definition] = field(default_factory=dict)
    redeclared: dict[str, None] = field(default_factory=dict)  # tensors that may be defined anew
    upstream: dict[str, str] = field(default_factory=dict)  # O -> G: the name of the given derivative by O

    def snapshot(self) -> Scope:
        """The meanings as they are now (later definitions do not change it)."""
        new = copy.copy(self)
        for name, value in vars(self).items():
            setattr(new, name, dict(value))
        return new

    def fresh_section(self) -> Scope:
        """A new section: only what was said about hyperparameters (S >= 1) stays."""
        return Scope(minima=dict(self.minima), axes=dict(self.axes))

    # --- sizes ---

    def size(self, name: str, least: int | None = 1) -> Symbol:
        """The symbol of a size; where nothing else was said it is an axis length, which is at least 1."""
        if name not in self.sizes:
            least = self.minima.get(name, least)
            kind = {} if least is None or least < 0 else {"positive": True} if least else {"nonnegative": True}
            self.sizes[name] = Symbol(name, integer=True, **kind)
        return self.sizes[name]

    def named_sizes(self) -> dict[str, Symbol]:
        """The sizes that formulas use, and those of which this section only says something."""
        all_used = self.snapshot()
        for name in self.stated:
            all_used.size(name)
        return all_used.sizes

    def is_size(self, name: str) -> bool:
        """Is the name a size here?"""
        return name in self.sizes or name in self.minima

    def state_minimum(self, name: str, least: int | None):
        """S >= least, as the page says (None: some integer)."""
        before = self.minima.get(name, None)
        if before is not None and least is not None and before != least:
            raise MeaningError(None, f"{name} was said to be at least {before}, now at least {least}")
        if least is not None and before is None and name in self.sizes:
            symbol = self.sizes[name]
            if not (least == 1 and symbol.is_positive):
                raise MeaningError(None, f"{name} is already in use; say that it is at least {least} before that")
        self.minima[name] = before if least is None else least
        self.stated[name] = None

    def define_size(self, name: str, value: Expr, where: str):
        """Name = value for sizes; cycles are refused. A size that is no axis is as small as its value may be."""
        symbol = self.size(name, 1 if name in self.axes else self.least(value))
        self.size_definitions[name] = SizeDefinition(value, where)
        seen, todo = set(), {symbol}
        while todo:
            s = todo.pop()
            d = self.size_definitions.get(s.name)
            for t in d.value.free_symbols if d else ():
                if t == symbol:
                    raise MeaningError(None, f"{name} is defined by itself")
                if t not in seen:
                    seen.add(t)
                    todo.add(t)

    def least(self, value: Expr) -> int | None:
        """1 or 0 if the value is never below that, by what is known of sizes and of floors t: q t <= p < q t + q."""
        known, floors = self.facts(), []
        for t in value.atoms(FloorQuotient):
            p, q = t.args
            floors += [normal(p - q * t), normal(q * t + q - 1 - p)]
        return next((n for n in (1, 0) if known.imply(value - n, floors)), None)

    def resolve(self, e: Expr) -> Expr:
        """Write out defined sizes that are polynomials; name a floor by the size that it defines."""
        values = {}
        floors = {}
        for name, d in self.size_definitions.items():
            atoms = d.value.atoms(FloorQuotient)
            if not atoms and d.value.is_polynomial(*d.value.free_symbols):
                values[self.sizes[name]] = d.value
            elif len(atoms) == 1:
                (f,) = atoms
                c = d.value.coeff(f)
                if c in (1, -1) and not (d.value - c * f).has(f):
                    floors[normal(f)] = (self.sizes[name] - (d.value - c * f)) / c
        for _ in range(len(values) + len(floors) + 1):
            new = normal(normal(e.xreplace(values)).xreplace(floors)) if not isinstance(e, Sum) else e.xreplace(values)
            if new == e:
                break
            e = new
        return e

    def facts(self) -> Facts:
        """What is known about the sizes: their minima, and the floor or division that defines them."""
        known = []
        for name, symbol in sorted(self.sizes.items()):
            if symbol.is_positive:
                known.append(symbol - max(1, self.minima.get(name) or 1))
            elif symbol.is_nonnegative:
                known.append(symbol)
            elif self.minima.get(name) is not None:
                known.append(symbol - self.minima[name])
        for name, d in sorted(self.size_definitions.items()):
            p, q = fraction(together(d.value)) if not d.value.has(FloorQuotient) else (d.value, S.One)
            gap = normal(q * self.sizes[name] - p)
            known += [self.resolve(g) for g in (*cleared(gap), *cleared(normal(-gap)))]
        return Facts(g for g in known if not g.is_number)

    def shape(self, name: str) -> tuple[Expr, ...]:
        """The declared shape of a tensor, defined sizes written out."""
        return tuple(self.resolve(n) for n in self.shapes[name])

    def ranges(self, name: str, indices) -> list[Expr]:
        """What declared shape and indices say together: i >= 0 and n - 1 - i >= 0."""
        return [g for i, n in zip(indices, self.shape(name), strict=True) for g in (i, normal(n - 1 - i))]

    # --- expressions ---

    def names_in(self, tree: ast.Node) -> set[str]:
        """The plain names of a syntax tree."""
        return {x.text for x in tree.walk() if isinstance(x, ast.Name)}

    def expression(self, tree: ast.Node, indices: dict[str, Symbol] | None = None) -> Expr:
        """The SymPy expression of a syntax tree; ``indices`` are the names that are bound outside of it."""
        return Translator(self, ()).visit(tree, dict(indices or {}))

    def bind(self, entry: ast.Entry) -> dict[str, Symbol]:
        """The indices of a left-hand side as fresh symbols."""
        if entry.tensor not in self.shapes:
            raise MeaningError(entry, f"the shape of {entry.tensor} is not declared")
        names = []
        for i in entry.indices:
            if not isinstance(i, ast.Name):
                raise MeaningError(i, "the left-hand side has plain index names only")
            if i.text in names:
                raise MeaningError(i, f"the index {i.text} stands twice on the left-hand side")
            self.check_index(i)
            names.append(i.text)
        if len(names) != len(self.shapes[entry.tensor]):
            raise MeaningError(entry, f"{entry.tensor} has {len(self.shapes[entry.tensor])} axes, not {len(names)}")
        return {name: fresh(name) for name in names}

    def check_index(self, node: ast.Name):
        """An index name must be free: neither a size nor an abbreviation nor a tensor."""
        name = node.text
        if self.is_size(name) or name in self.abbreviations or name in self.shapes or name == "L":
            raise MeaningError(node, f"{name} cannot be an index: it already has a meaning")
