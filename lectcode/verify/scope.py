"""What the names on a page mean, and the translation of a syntax tree into SymPy under these meanings."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field

from sympy import Expr, Indexed, Integer, KroneckerDelta, S, Sum, Symbol, Tuple, diff, fraction, together

from lectcode.verify import syntax as ast
from lectcode.verify.errors import LatexError, Unsupported
from lectcode.verify.expressions import (
    TENSORIAL,
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
    gradient_name,
    normal,
    refresh,
    tensor,
)
from lectcode.verify.facts import Facts
from lectcode.verify.normalform import _clear


class MeaningError(Exception):
    """A node that has no meaning in its scope; the reader adds the place."""

    def __init__(self, node: ast.Node | None, message: str):
        self.node, self.message = node, message
        super().__init__(message)


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
    sizes: dict[str, Symbol] = field(default_factory=dict)
    size_definitions: dict[str, SizeDefinition] = field(default_factory=dict)
    shapes: dict[str, tuple[Expr, ...]] = field(default_factory=dict)
    integer_ranges: dict[str, tuple[Expr, Expr]] = field(default_factory=dict)
    functions: dict[str, tuple[Expr, ...]] = field(default_factory=dict)
    abbreviations: dict[str, Abbreviation] = field(default_factory=dict)
    definitions: dict[str, Definition] = field(default_factory=dict)
    upstream: dict[str, str] = field(default_factory=dict)  # O -> G: the name of the given derivative by O

    def snapshot(self) -> Scope:
        """The meanings as they are now (later definitions do not change it)."""
        new = copy.copy(self)
        for name, value in vars(self).items():
            setattr(new, name, dict(value))
        return new

    def fresh_section(self) -> Scope:
        """A new section: only what was said about hyperparameters (S >= 1) stays."""
        return Scope(minima=dict(self.minima))

    # --- sizes ---

    def size(self, name: str) -> Symbol:
        """The symbol of a size; an axis length is at least 1 where nothing else was said."""
        if name not in self.sizes:
            least = self.minima.get(name, 1)
            kind = (
                {}
                if least is None
                else {"positive": True}
                if least >= 1
                else {"nonnegative": True}
                if least == 0
                else {}
            )
            self.sizes[name] = Symbol(name, integer=True, **kind)
        return self.sizes[name]

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

    def define_size(self, name: str, value: Expr, where: str):
        """Name = value for sizes; cycles are refused."""
        symbol = self.size(name)
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
            known += [self.resolve(g) for g in (*_clear(gap), *_clear(normal(-gap)))]
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
        return _Translator(self, ()).visit(tree, dict(indices or {}))

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


def polynomial(e: Expr) -> bool:
    """Is the expression a polynomial with integer values (floors and integer tensors count as variables)?"""
    e = normal(e)
    atoms = [*e.atoms(Indexed), *e.atoms(FloorQuotient)]
    plain = e.xreplace({a: fresh("a") for a in atoms})
    return plain.is_polynomial(*plain.free_symbols) and all(c.is_Integer for c in plain.as_coefficients_dict().values())


class _Translator:
    """One pass over a syntax tree; ``open`` are the abbreviations being written out, to find cycles."""

    def __init__(self, scope: Scope, opened: tuple[str, ...]):
        self.scope, self.opened = scope, opened

    def visit(self, t: ast.Node, env: dict[str, Symbol]) -> Expr:
        method = getattr(self, "_" + type(t).__name__.lower(), None)
        if method is None:
            raise MeaningError(t, f"{type(t).__name__} cannot stand here")
        return method(t, env)

    def _number(self, t, env):
        return Integer(t.value)

    def _name(self, t, env):
        scope, name = self.scope, t.text
        if name in env:
            return env[name]
        if name in scope.abbreviations:
            if name in self.opened:
                raise MeaningError(t, f"{name} is defined by itself")
            abbreviation = scope.abbreviations[name]
            abbreviation.used = True
            try:
                return _Translator(scope, (*self.opened, name)).visit(abbreviation.tree, env)
            except MeaningError as problem:
                raise MeaningError(t, f"{problem.message} (in {name}, defined at {abbreviation.where})") from None
        if scope.is_size(name):
            if name in scope.size_definitions:
                scope.size_definitions[name].used = True
            return scope.size(name)
        if name in scope.shapes:
            raise MeaningError(t, f"the tensor {name} needs its indices here")
        raise MeaningError(t, f"unknown name {name}")

    def _add(self, t, env):
        return sum((sign * self.visit(x, env) for sign, x in t.terms), S.Zero)

    def _product(self, t, env):
        out = S.One
        for x in t.factors:
            out = out * self.visit(x, env)
        return out

    def _quotient(self, t, env):
        p, q = self.visit(t.numerator, env), self.visit(t.denominator, env)
        if isinstance(q, Indexed) or (q.is_positive and not q.has(*TENSORIAL)):
            return p / q
        raise MeaningError(t.denominator, "the denominator is not known to be positive")

    def _power(self, t, env):
        base, exponent = self.visit(t.base, env), self.visit(t.exponent, env)
        if not (exponent.is_Integer and 0 <= exponent <= 4):
            raise MeaningError(t.exponent, "only the powers 0 to 4 are understood")
        return base**exponent

    def integral(self, t: ast.Node, env) -> Expr:
        """A subexpression that must be a whole number."""
        e = normal(self.visit(t, env))
        if not polynomial(e):
            raise MeaningError(t, "this is not always a whole number")
        for entry in e.atoms(Indexed):
            if entry.base.label.name not in self.scope.integer_ranges:
                raise MeaningError(t, f"{entry.base.label} is not an integer tensor, so it cannot be used as an index")
        return e

    def _quotient_parts(self, t: ast.Node, env):
        p, q = fraction(together(self.visit(t, env)))
        if q.could_extract_minus_sign():
            p, q = -p, -q
        p, q = normal(p), normal(q)
        if not (polynomial(p) and polynomial(q) and q.is_positive):
            raise MeaningError(t, "floor and ceiling need a quotient of whole numbers with a positive denominator")
        return p, q

    def _floor(self, t, env):
        return FloorQuotient(*self._quotient_parts(t.argument, env))

    def _ceiling(self, t, env):
        p, q = self._quotient_parts(t.argument, env)
        return -FloorQuotient(normal(-p), q)

    def _remainder(self, t, env):
        a, b = self.integral(t.dividend, env), self.integral(t.divisor, env)
        if not b.is_positive:
            raise MeaningError(t.divisor, "the modulus is not known to be positive")
        return a - b * FloorQuotient(a, b)

    def _extremum(self, t, env):
        kind = Largest if t.kind == "max" else Smallest
        return kind(*[self.integral(x, env) for x in t.arguments])

    def _range_end(self, t: ast.Node, env) -> Expr:
        if isinstance(t, ast.Extremum):
            return self._extremum(t, env)
        return self.integral(t, env)

    def _sum(self, t, env):
        name = t.index.text
        if name in env:
            raise MeaningError(t.index, f"the index {name} is already bound here")
        self.scope.check_index(t.index)
        i = fresh(name)
        low, high = self._range_end(t.lower, env), self._range_end(t.upper, env)
        body = self.visit(t.body, {**env, name: i})
        if t.kind == "prod":
            return ProductOver(body, i, low, high)
        return Sum(body, (i, low, high))

    def _entry(self, t, env):
        if t.tensor not in self.scope.shapes:
            raise MeaningError(t, f"the shape of {t.tensor} is not declared")
        return self.indexed(t, t.tensor, env)

    def indexed(self, t: ast.Entry, name: str, env) -> Expr:
        """An entry of the tensor ``name`` with the indices of ``t``."""
        axes = len(self.scope.shapes[t.tensor])
        if len(t.indices) != axes:
            raise MeaningError(t, f"{t.tensor} has {axes} axes, not {len(t.indices)}")
        if any(isinstance(i, ast.Slice) for i in t.indices):
            raise MeaningError(t, "a slice stands only inside f(..)")
        if t.tensor in self.scope.definitions:
            self.scope.definitions[t.tensor].used = True
        return tensor(name)[tuple(self.integral(i, env) for i in t.indices)]

    def _partial(self, t, env):
        if not isinstance(t.denominator, ast.Entry):
            raise MeaningError(t.denominator, "an entry of a tensor, with its indices, is expected below the bar")
        below = t.denominator
        if below.tensor not in self.scope.shapes:
            raise MeaningError(below, f"the shape of {below.tensor} is not declared")
        if isinstance(t.numerator, ast.Name) and t.numerator.text == "L":
            return self.indexed(below, self.scope.upstream.get(below.tensor, gradient_name(below.tensor)), env)
        if isinstance(t.numerator, ast.Entry):
            above = t.numerator
            if above.tensor not in self.scope.definitions:
                raise MeaningError(above, f"{above.tensor} has no definition to differentiate")
            self.indexed(above, above.tensor, env)
            definition = self.scope.definitions[above.tensor]
            value = definition.at([self.integral(i, env) for i in above.indices])
            return derivative(value, self.indexed(below, below.tensor, env))
        raise MeaningError(t.numerator, "only L or an entry of a tensor can stand above the bar")

    def _window(self, kind, t, env, *more):
        function, block = t.function, t.argument
        if function not in self.scope.functions:
            raise MeaningError(t, f"the function {function} is not declared")
        if not isinstance(block, ast.Entry) or block.tensor not in self.scope.shapes:
            raise MeaningError(block, "f takes a block of a declared tensor")
        if len(block.indices) != len(self.scope.shapes[block.tensor]):
            raise MeaningError(block, f"{block.tensor} has {len(self.scope.shapes[block.tensor])} axes")
        axes = []
        for i in block.indices:
            if isinstance(i, ast.Slice):
                low = self.integral(i.lower, env)
                axes.append(Tuple(low, normal(self.integral(i.upper, env) - low)))
            else:
                axes.append(self.integral(i, env))
        lengths = tuple(self.scope.resolve(a[1]) for a in axes if isinstance(a, Tuple))
        wanted = tuple(self.scope.resolve(n) for n in self.scope.functions[function])
        if lengths != wanted:
            raise MeaningError(
                block, f"f takes a window of {' x '.join(map(str, wanted))}, not {' x '.join(map(str, lengths))}"
            )
        if block.tensor in self.scope.definitions:
            self.scope.definitions[block.tensor].used = True
        return kind(Symbol(function), Symbol(block.tensor), *axes, *more)

    def _apply(self, t, env):
        return self._window(Window, t, env)

    def _functionpartial(self, t, env):
        position = Tuple(*[self.integral(i, env) for i in t.position])
        if len(position) != len(self.scope.functions.get(t.function, ())):
            raise MeaningError(t, f"the position inside the window of {t.function} has the wrong number of indices")
        return self._window(WindowPartial, t, env, position)

    def _indicator(self, t, env):
        return self.condition(t.condition, env)

    def _kronecker(self, t, env):
        return IsZero(normal(self.integral(t.left, env) - self.integral(t.right, env)))

    def _cases(self, t, env):
        value = self.visit(t.rows[-1][0], env)
        for row, condition in reversed(t.rows[:-1]):
            holds = self.condition(condition, env)
            value = self.visit(row, env) * holds + (value * (1 - holds) if value != 0 else 0)
        return value

    def condition(self, t: ast.Condition, env) -> Expr:
        """The indicator of a condition."""
        out = S.One
        for relation in t.relations:
            for left, sign, right in zip(relation.sides, relation.signs, relation.sides[1:], strict=False):
                a, b = self.integral(left, env), self.integral(right, env)
                if sign == "divides":
                    if not a.is_positive:
                        raise MeaningError(left, "the divisor is not known to be positive")
                    out *= Divides(a, b)
                    continue
                gap = {"=": b - a, "<": b - a - 1, "<=": b - a, ">": a - b - 1, ">=": a - b}.get(sign)
                if gap is None:
                    raise MeaningError(relation, f"the relation {sign} in a condition")
                out *= (IsZero if sign == "=" else AtLeastZero)(normal(gap))
        return out


def derivative(e: Expr, entry: Indexed) -> Expr:
    """de/d(entry) by SymPy; the entry's indices must not be bound in e, so that no index is captured."""
    stand_in = [fresh(f"d{k}") for k in range(len(entry.indices))]
    d = diff(e, entry.base[tuple(stand_in)])
    if d.has(S.NaN) or d.atoms(Indexed) & {entry.base[tuple(stand_in)]}:
        raise Unsupported(f"the derivative of {e} by {entry}")
    from sympy import Derivative, Subs

    if d.has(Derivative, Subs):
        raise Unsupported(f"the derivative of {e} by {entry}")
    d = d.replace(KroneckerDelta, lambda i, j: IsZero(normal(i - j)))
    return refresh(d).xreplace(dict(zip(stand_in, entry.indices, strict=True)))


def at_place(display, offset: int, problem: MeaningError) -> LatexError:
    """The problem with its place in the file and the offending text."""
    if problem.node is None:
        return LatexError(display.place(offset), problem.message)
    start, end = problem.node.start + offset, problem.node.end + offset
    return LatexError(display.place(start), problem.message, display.body[start:end])
