"""The SymPy vocabulary of the prover: indicators, floors and window functions that SymPy leaves as they are.

SymPy's own Piecewise, floor, Max and Sum.doit rewrite expressions in ways that are not valid here (a condition can
leave the sum that binds its index; an empty sum is not 0 in Karr's convention), so each of these is an inert function
with exactly the rules written below. `Sum(e, (i, a, b))` is used as a container only: it means the sum over all
integers a <= i <= b.
"""

from __future__ import annotations

from functools import lru_cache

from sympy import (
    Dummy,
    Expr,
    Function,
    Indexed,
    IndexedBase,
    Integer,
    KroneckerDelta,
    Number,
    S,
    Sum,
    Symbol,
    Tuple,
    expand,
)
from sympy.printing.str import StrPrinter

from lectcode.verify.errors import Unsupported


class AtLeastZero(Function):
    """[g >= 0], the indicator of an inequality between integers; locally constant, so its derivative is 0."""

    nargs = 1

    @classmethod
    def eval(cls, g):
        """Decide constants."""
        if g.is_Integer:
            return S.One if g >= 0 else S.Zero

    def _eval_derivative(self, x):
        return S.Zero


class IsZero(Function):
    """[g = 0], the indicator of an equation between integers."""

    nargs = 1

    @classmethod
    def eval(cls, g):
        """Decide constants."""
        if g.is_Integer:
            return S.One if g == 0 else S.Zero

    def _eval_derivative(self, x):
        return S.Zero


class Divides(Function):
    """[d divides n] for a positive integer d."""

    nargs = 2

    def _eval_derivative(self, x):
        return S.Zero


class FloorQuotient(Function):
    """floor(p / q) of integers, q > 0."""

    nargs = 2
    is_integer = True

    @classmethod
    def eval(cls, p, q):
        """Whole quotients."""
        if q == 1:
            return p
        if p.is_Integer and q.is_Integer:
            return Integer(int(p) // int(q))

    def _eval_derivative(self, x):
        return S.Zero


class Largest(Function):
    """max of integers; only the ends of a range may contain it."""

    is_integer = True


class Smallest(Function):
    """min of integers; only the ends of a range may contain it."""

    is_integer = True


class Exponential(Function):
    """exp of a real number."""

    nargs = 1

    def _eval_derivative(self, x):
        return self * self.args[0].diff(x)


class Logarithm(Function):
    """The logarithm of a positive number."""

    nargs = 1

    def _eval_derivative(self, x):
        return Reciprocal(self.args[0]) * self.args[0].diff(x)


class Reciprocal(Function):
    """1 / x of a positive number."""

    nargs = 1

    def _eval_derivative(self, x):
        return -(self**2) * self.args[0].diff(x)


class IsPositive(Function):
    """[x > 0], the indicator of an inequality between real numbers; where x is not 0, its derivative is 0."""

    nargs = 1

    def _eval_derivative(self, x):
        return S.Zero


class ProductOver(Function):
    """prod of ``body`` over low <= index <= high, 1 when the range is empty; arguments body, index, low, high."""

    nargs = 4

    def _eval_derivative(self, x):
        if self.has(x.base.label):  # also as the tensor of a window
            raise Unsupported(f"the derivative of a product over a range by {x}")
        return S.Zero


class Window(Function):
    """f at a window of a tensor; arguments f, tensor, then per axis an index or Tuple(first, length)."""

    @property
    def starts(self):
        """One index per axis: the index itself, or the first entry of the window along that axis."""
        return tuple(a[0] if isinstance(a, Tuple) else a for a in self.args[2:])

    @property
    def extents(self):
        """The side lengths of the window."""
        return tuple(a[1] for a in self.args[2:] if isinstance(a, Tuple))

    def _eval_derivative(self, x):
        # d f(X[.., a + i, ..]) = sum over i of (d_i f)(window) dX[.., a + i, ..]
        if not isinstance(x, Indexed) or x.base.label != self.args[1]:
            return S.Zero
        steps = [Dummy(name, integer=True) for name, _ in zip("ijkl", self.extents, strict=False)]
        walk, delta = iter(steps), S.One
        for axis, wanted in zip(self.args[2:], x.indices, strict=True):
            delta *= IsZero(expand((axis[0] + next(walk) if isinstance(axis, Tuple) else axis) - wanted))
        partial = WindowPartial(*self.args, Tuple(*steps))
        limits = [(i, 0, n - 1) for i, n in zip(steps, self.extents, strict=True)]
        return Sum(partial * delta, *reversed(limits))


class WindowPartial(Function):
    """The partial derivative of f by one entry of its window; a Window's arguments, then Tuple(i, j), the entry."""

    @property
    def extents(self):
        """The side lengths of the window."""
        return tuple(a[1] for a in self.args[2:-1] if isinstance(a, Tuple))

    @property
    def starts(self):
        """One index per axis of the tensor, then the position inside the window."""
        return tuple(a[0] if isinstance(a, Tuple) else a for a in self.args[2:-1]) + tuple(self.args[-1])

    def _eval_derivative(self, x):
        raise Unsupported("a second derivative of the pooling function")


CONDITIONS = (AtLeastZero, IsZero, Divides, KroneckerDelta)
REAL = (Exponential, Logarithm, Reciprocal, IsPositive)  # of one real number, which may hold sums
TENSORIAL = (Sum, Indexed, Window, WindowPartial, ProductOver, *CONDITIONS, *REAL)


def tensor(name: str) -> IndexedBase:
    """The tensor of that name."""
    return IndexedBase(Symbol(name))


def gradient_name(name: str) -> str:
    """The name of the derivative of the loss by a tensor."""
    return "∂" + name


def fresh(name: str) -> Dummy:
    """A new integer index: equal to no other, whatever its name."""
    return Dummy(name, integer=True)


def _is_expanded(e: Expr) -> bool:
    """Is this a sum of monomials already? (Most indices are, and asking is quicker than expanding.)"""

    def single(f: Expr) -> bool:  # an Indexed calls itself an atom, whatever its indices are
        return isinstance(f, (Symbol, Number)) or (f.is_Pow and isinstance(f.base, Symbol))

    return all(single(m) or (m.is_Mul and all(map(single, m.args))) for m in (e.args if e.is_Add else (e,)))


@lru_cache(maxsize=100_000)
def normal(e: Expr) -> Expr:
    """Expand a polynomial; inside tensors, expand every index."""
    if _is_expanded(e):
        return e
    if isinstance(e, Indexed):
        return e.base[tuple(normal(i) for i in e.indices)]
    if isinstance(e, REAL):
        return e.func(canonical(normal(e.args[0])))
    if isinstance(e, (Window, WindowPartial)):
        return e.func(*[Tuple(*[normal(x) for x in a]) if isinstance(a, Tuple) else normal(a) for a in e.args])
    if e.has(FloorQuotient):
        floors = {f: FloorQuotient(normal(f.args[0]), normal(f.args[1])) for f in e.atoms(FloorQuotient)}
        e = e.xreplace(floors)
    return expand(e, power_base=False, power_exp=False, log=False, basic=False)


@lru_cache(maxsize=256)
def _bound(depth: int) -> Dummy:
    return fresh("ijklmnopqr"[depth] if depth < 10 else f"i{depth}")


def canonical(e: Expr) -> Expr:
    """Rename bound indices of sums by their depth, counted from inside: equal sums become the same expression.

    A sum gets a number above all numbers in its body, and before that every index a fresh name: nothing is captured.
    """
    return _numbered(refresh(e))[0] if e.has(Sum) else e


def _numbered(e: Expr) -> tuple[Expr, int]:
    """The renamed expression, and the first depth that it leaves free."""
    if not e.has(Sum):
        return e, 0
    parts = [_numbered(a) for a in (e.args[:1] if isinstance(e, Sum) else e.args)]
    depth = max(d for _, d in parts)
    if not isinstance(e, Sum):
        return e.func(*[p for p, _ in parts]), depth
    out = parts[0][0]
    for i, low, high in e.limits:  # the innermost first
        out = Sum(out.xreplace({i: _bound(depth)}), (_bound(depth), low, high))
        depth += 1
    return out, depth


def tensors_of(e: Expr) -> set[str]:
    """The tensors that an expression reads, by entries or by windows."""
    return {x.base.label.name for x in e.atoms(Indexed)} | {x.args[1].name for x in e.atoms(Window, WindowPartial)}


def refresh(e: Expr) -> Expr:
    """The same expression with new bound indices."""
    names = {i: fresh(i.name) for s in e.atoms(Sum) for i, _, _ in s.limits}
    names |= {p.args[1]: fresh(p.args[1].name) for p in e.atoms(ProductOver)}
    return e.xreplace(names)


class _PlainPrinter(StrPrinter):
    """Bound indices under their names (SymPy puts an underscore before a Dummy)."""

    def _print_Dummy(self, e):  # noqa: N802 - the name that SymPy calls
        return e.name

    def _print_Exponential(self, e):  # noqa: N802
        return f"exp({self._print(e.args[0])})"

    def _print_Logarithm(self, e):  # noqa: N802
        return f"log({self._print(e.args[0])})"

    def _print_Reciprocal(self, e):  # noqa: N802
        return f"1/({self._print(e.args[0])})"

    def _print_IsPositive(self, e):  # noqa: N802
        return f"[{self._print(e.args[0])} > 0]"


def plain(e: Expr) -> str:
    """An expression as one line of text."""
    return _PlainPrinter().doprint(e)
