"""From the syntax tree of a formula to SymPy, under the meanings of a scope."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from sympy import Expr, Indexed, Integer, S, Sum, Symbol, Tuple, fraction, together

from lectcode.verify import syntax as ast
from lectcode.verify.differentiate import derivative
from lectcode.verify.errors import MeaningError
from lectcode.verify.expressions import (
    TENSORIAL,
    AtLeastZero,
    Divides,
    Exponential,
    FloorQuotient,
    IsPositive,
    IsZero,
    Largest,
    Logarithm,
    ProductOver,
    Reciprocal,
    Smallest,
    Window,
    WindowPartial,
    fresh,
    gradient_name,
    normal,
    plain,
    tensor,
    tensors_of,
)

if TYPE_CHECKING:
    from lectcode.verify.scope import Scope


def polynomial(e: Expr) -> bool:
    """Is the expression a polynomial with integer values (floors and integer tensors count as variables)?"""
    e = normal(e)
    atoms = [*e.atoms(Indexed), *e.atoms(FloorQuotient)]
    plain = e.xreplace({a: fresh("a") for a in atoms})
    return plain.is_polynomial(*plain.free_symbols) and all(c.is_Integer for c in plain.as_coefficients_dict().values())


class Translator:
    """One pass over a syntax tree; ``open`` are the abbreviations being written out, to find cycles."""

    def __init__(self, scope: Scope, opened: tuple[str, ...]):
        self.scope, self.opened = scope, opened

    def visit(self, t: ast.Node, env: dict[str, Symbol]) -> Expr:
        """The expression of a node; ``env`` has the indices that are bound around it."""
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
                return Translator(scope, (*self.opened, name)).visit(abbreviation.tree, env)
            except MeaningError as problem:
                raise MeaningError(t, f"{problem.message} (in {name}, defined at {abbreviation.where})") from None
        if scope.is_size(name):
            if name in scope.size_definitions:
                scope.size_definitions[name].used = True
            return scope.size(name)
        if name in scope.shapes:
            raise MeaningError(t, f"the tensor {name} needs its indices here")
        raise MeaningError(t, f"unknown name {name}")

    def whole(self, t: ast.Node, parts: list[Expr], e: Expr) -> Expr:
        """The expression of a node made of parts. None of their entries may cancel: nobody would check its reads."""
        if lost := set().union(*[x.atoms(Indexed) for x in parts]) - e.atoms(Indexed):
            raise MeaningError(t, f"{', '.join(sorted(map(str, map(plain, lost))))} cancels here: leave it out")
        return e

    def _add(self, t, env):
        parts = [sign * self.visit(x, env) for sign, x in t.terms]
        return self.whole(t, parts, sum(parts, S.Zero))

    def _product(self, t, env):
        parts = [self.visit(x, env) for x in t.factors]
        return self.whole(t, parts, prod(parts, start=S.One))

    def _quotient(self, t, env):
        p, q = self.visit(t.numerator, env), self.visit(t.denominator, env)
        if isinstance(q, Indexed) or (q.is_positive and not q.has(*TENSORIAL)):
            return self.whole(t, [p, q], p / q)
        if self.positive(q):
            return p * Reciprocal(q)
        raise MeaningError(t.denominator, "the denominator is not known to be positive")

    def positive(self, e: Expr) -> bool:
        """Is a real number positive by how it is made: from exp, by products and by sums that are not empty?"""
        if isinstance(e, Sum):
            facts = self.scope.facts()
            return all(facts.imply(high - low) for _, low, high in e.limits) and self.positive(e.function)
        if e.is_Add or e.is_Mul:
            return all(map(self.positive, e.args))
        return isinstance(e, (Exponential, Reciprocal)) or bool(e.is_positive and not e.has(*TENSORIAL))

    def _elementary(self, t, env):
        x = self.visit(t.argument, env)
        if t.function == "exp":
            return Exponential(x)
        if not self.positive(x):
            raise MeaningError(t.argument, "the argument of the logarithm is not known to be positive")
        return Logarithm(x)

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
        self.expect_integer_tensors(t, e)
        return e

    def expect_integer_tensors(self, t: ast.Node, e: Expr):
        """Entries of other tensors are real numbers, whatever numbers they are run with."""
        for entry in e.atoms(Indexed):
            if entry.base.label.name not in self.scope.integer_ranges:
                raise MeaningError(t, f"{entry.base.label} is not an integer tensor, so it cannot be used as an index")

    def _quotient_parts(self, t: ast.Node, env):
        p, q = fraction(together(self.visit(t, env)))
        p, q = normal(p), normal(q)
        if not (polynomial(p) and polynomial(q) and q.is_positive):
            raise MeaningError(t, "floor and ceiling need a quotient of whole numbers with a positive denominator")
        self.expect_integer_tensors(t, p)
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
            return derivative(self.down_to(below.tensor, above, value), self.indexed(below, below.tensor, env))
        raise MeaningError(t.numerator, "only L or an entry of a tensor can stand above the bar")

    def down_to(self, name: str, t: ast.Entry, value: Expr) -> Expr:
        """The value of the entry ``t`` with every defined tensor written out that is computed from the tensor ``name``.

        So a derivative follows all ways from one to the other. This ends: a tensor is defined before it is read.
        """
        definitions = self.scope.definitions
        while between := [
            x for x in value.atoms(Indexed) if (user := x.base.label.name) != name and self.computed_from(name, user)
        ]:
            value = value.xreplace({x: definitions[x.base.label.name].at(x.indices) for x in between})
        for x in value.atoms(Window, WindowPartial):
            if (user := x.args[1].name) != name and self.computed_from(name, user):
                way = f"{t.tensor} reads a window of {user}, which is computed from {name}"
                raise MeaningError(t, f"{way}: use the derivative by {user}")
        return value

    def computed_from(self, name: str, user: str) -> bool:
        """Do the definitions lead from one tensor to another?"""
        if user not in self.scope.definitions:
            return False
        read = tensors_of(self.scope.definitions[user].value)
        return name in read or any(self.computed_from(name, x) for x in read)

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

    def real_gap(self, left: ast.Node, sign: str, right: ast.Node, env) -> Expr | None:
        """The larger side minus the smaller one of a relation between real numbers; None if all are whole numbers."""
        a, b = self.visit(left, env), self.visit(right, env)
        gap = normal(b - a if sign == "<" else a - b)
        entries = {x.base.label.name for x in gap.atoms(Indexed)}
        if entries <= self.scope.integer_ranges.keys() or not polynomial(gap):
            return None
        return gap

    def condition(self, t: ast.Condition, env) -> Expr:
        """The indicator of a condition."""
        out = S.One
        for relation in t.relations:
            for left, sign, right in zip(relation.sides, relation.signs, relation.sides[1:], strict=False):
                if sign in ("<", ">") and (gap := self.real_gap(left, sign, right, env)) is not None:
                    out *= IsPositive(gap)
                    continue
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
