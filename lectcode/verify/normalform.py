r"""Sums of products of tensor entries in normal form, and the rules that lead there.

A term is  ``coefficient * sum over bound in Z^k of [g >= 0].. [e = 0].. * factors``: a finite sum over integer
indices, cut out by guards (inequalities) and equations. The rules, each sound for finite sums of numbers:

R1 *Distribute.* A product of sums is a sum of products, a sum of a sum one sum; every bound index gets a fresh name,
so nothing is
   captured.
R2 *Ranges are guards.* sum_{i=a}^{b} e = sum over i in Z of [i - a >= 0][b - i >= 0] e. Where the guard contains
floor(p/q) with an
   integer q > 0, it is cleared: n <= floor(p/q) iff qn <= p, and n >= floor(p/q) iff qn >= p - q + 1. n >= max(a, b)
   iff n >= a and n >= b,
   n <= min(a, b) iff n <= a and n <= b. [d | n] = sum over q in Z of [n = dq], since there is at most one such q.
R3 *Eliminate.* sum over i in Z of [c i + r = 0] e with c = 1 or -1 has one term at most: i = -r/c, in e and in all
guards.
   Guards g >= 0 and -g >= 0 together are the equation g = 0.
R4 *Drop what is known.* A guard that follows from the facts (see `facts`) is 1; a term with a guard that contradicts
the others is 0.
R5 *Rename.* Terms are equal when a bijection of their bound indices carries one to the other and their guards imply
each other.
   A function of a real number (exp, log, 1/x, [x > 0]) is one factor; two are equal when their arguments are, in normal
   form and with bound indices numbered by depth.
R6 *Shift.* An index i of a sum over Z may be replaced by j - r or r - j (r free of i): a bijection of Z.
R7 *Count.* sum_{i=a}^{b} e = (b - a + 1) e where e is free of i and the facts say b - a + 1 >= 0.

`difference.difference` returns the terms that are left of lhs - rhs; an empty list proves equality for all values of
all symbols that satisfy the facts. What has no rule raises `Unsupported`: the prover can fail to see that two
expressions are equal, but not call different ones equal.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sympy import Add, Expr, Indexed, KroneckerDelta, Mul, Pow, S, Sum, Symbol, Tuple

from lectcode.verify.errors import Unsupported
from lectcode.verify.expressions import (
    REAL,
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
    normal,
    plain,
)
from lectcode.verify.facts import Facts

_MOST_TERMS = 400


@dataclass(frozen=True)
class Term:
    """coefficient * sum over bound of [each of at_least >= 0] [each of zero = 0] * factors."""

    coefficient: Expr = S.One
    bound: tuple[Symbol, ...] = ()
    factors: tuple[Expr, ...] = ()
    at_least: tuple[Expr, ...] = ()
    zero: tuple[Expr, ...] = ()

    def times(self, other: Term) -> Term:
        """The product; bound indices of both must differ, as R1 provides."""
        return Term(
            self.coefficient * other.coefficient,
            self.bound + other.bound,
            self.factors + other.factors,
            self.at_least + other.at_least,
            self.zero + other.zero,
        )

    def substitute(self, values: dict) -> Term:
        """Replace symbols in everything but the list of bound indices."""

        def new(e):
            return normal(e.xreplace(values))

        return Term(
            new(self.coefficient),
            self.bound,
            tuple(map(new, self.factors)),
            tuple(map(new, self.at_least)),
            tuple(map(new, self.zero)),
        )

    def __str__(self):
        parts = [] if self.coefficient == 1 and self.factors else [f"({plain(self.coefficient)})"]
        parts += sorted(map(plain, self.factors))
        parts += sorted(f"[{plain(g)} >= 0]" for g in self.at_least)
        parts += sorted(f"[{plain(e)} = 0]" for e in self.zero)
        over = ", ".join(sorted(i.name for i in self.bound))
        return (f"sum over {over} of " if over else "") + " ".join(parts)


def terms(e: Expr) -> list[Term]:
    """The terms of an expression (R1, R2)."""
    if isinstance(e, Add):
        return [t for a in e.args for t in terms(a)]
    if isinstance(e, Mul):
        return _product([terms(a) for a in e.args])
    if isinstance(e, Sum):
        return _sum(e)
    if isinstance(e, (KroneckerDelta, IsZero)):
        return [Term(zero=(normal(e.args[0] - e.args[1] if isinstance(e, KroneckerDelta) else e.args[0]),))]
    if isinstance(e, AtLeastZero):
        return [Term(at_least=tuple(cleared(normal(e.args[0]))))]
    if isinstance(e, Divides):
        d, n = e.args
        _positive(d)
        q = fresh("q")
        return [Term(bound=(q,), zero=(normal(n - d * q),))]
    if isinstance(e, (Indexed, Window, WindowPartial, ProductOver)):
        _plain_indices(e)
        return [Term(factors=(normal(e),))]
    if isinstance(e, REAL):
        return [Term(factors=(normal(e),))]
    if isinstance(e, Pow) and e.has(*TENSORIAL):
        if e.exp.is_Integer and 0 < e.exp <= 4:
            return _product([terms(e.base)] * int(e.exp))
        if e.exp == -1 and isinstance(e.base, Indexed):
            _plain_indices(e.base)
            return [Term(factors=(normal(e.base) ** -1,))]
        raise Unsupported(f"the power {e}")
    if e.has(*TENSORIAL):
        raise Unsupported(f"{type(e).__name__} in {e}")
    if e.has(Largest, Smallest) or e in (S.NaN, S.ComplexInfinity, S.Infinity, S.NegativeInfinity):
        raise Unsupported(f"{e} outside the ends of a range")
    return [Term(coefficient=normal(e))]


def _product(factors: list[list[Term]]) -> list[Term]:
    out = [Term()]
    for choices in factors:
        # Refreshing the bound indices here keeps squares from sharing an index.
        out = [x.times(y) for x in out for y in map(_renamed, choices)]
        if len(out) > _MOST_TERMS:
            raise Unsupported(f"more than {_MOST_TERMS} terms")
    return out


def _renamed(t: Term) -> Term:
    names = {i: fresh(i.name) for i in t.bound}
    return replace(t.substitute(names), bound=tuple(names.values())) if names else t


def _sum(e: Sum) -> list[Term]:
    names = {i: fresh(i.name) for i, _, _ in e.limits}
    guards = []
    for k, (i, low, high) in enumerate(e.limits):
        # SymPy lists the innermost index first; an inner end may use outer indices, never the other way round.
        if any(low.has(j) or high.has(j) for j, _, _ in e.limits[: k + 1]):
            raise Unsupported(f"the limits of {e}")
        if low.has(*TENSORIAL) or high.has(*TENSORIAL):
            raise Unsupported(f"a range that depends on a tensor: {e}")
        guards += cleared(normal((i - low).xreplace(names))) + cleared(normal((high - i).xreplace(names)))
    head = Term(bound=tuple(names.values()), at_least=tuple(guards))
    return [head.times(_renamed(t)) for t in terms(e.function.xreplace(names))]


def _positive(q: Expr):
    if not (q.is_positive and q.is_integer):
        raise Unsupported(f"division by {q}, which is not known to be a positive integer")


def cleared(g: Expr) -> list[Expr]:
    """Guards without floor, max or min that together say g >= 0 (the second half of R2)."""
    for kind, sign in ((Largest, -1), (Smallest, 1)):
        for m in sorted(g.atoms(kind), key=str):
            if g.coeff(m) != sign or (g - sign * m).has(m):
                raise Unsupported(f"{m} in the guard {g} >= 0")
            return [h for a in m.args for h in cleared(normal(g - sign * m + sign * a))]
    floors = sorted(g.atoms(FloorQuotient), key=str)
    if len(floors) == 1:
        f, (p, q) = floors[0], floors[0].args
        c = g.coeff(f)
        rest = normal(g - c * f)
        if not rest.has(f) and c in (1, -1):
            _positive(q)
            # -floor(p/q) + n >= 0 iff qn >= p - q + 1;  floor(p/q) + n >= 0 iff -n <= floor(p/q) iff -qn <= p
            return cleared(normal(q * rest - p + q - 1) if c == -1 else normal(p + q * rest))
    return [g]


def _plain_indices(e: Expr):
    """Indices may be polynomials with floors and entries of integer tensors; they may not hold sums or conditions."""
    for i in entry_indices(e):
        if i.has(Sum, AtLeastZero, IsZero, KroneckerDelta, Divides, Window, WindowPartial, Largest, Smallest):
            raise Unsupported(f"the index {i} of {e}")


def entry_indices(f: Expr) -> tuple:
    """The indices of a factor."""
    if isinstance(f, Pow):
        return entry_indices(f.base)
    if isinstance(f, Indexed):
        return f.indices
    if isinstance(f, REAL):
        return ()
    if isinstance(f, ProductOver):
        return tuple(f.args[2:])
    return f.starts


def entry_head(f: Expr) -> str:
    """What a factor is, apart from its indices."""
    if isinstance(f, Pow):
        return "1/" + entry_head(f.base)
    if isinstance(f, Indexed):
        return f"{f.base.label}/{len(f.indices)}"
    if isinstance(f, ProductOver):
        return "prod"
    if isinstance(f, REAL):
        return type(f).__name__
    kinds = "".join("w" if isinstance(a, Tuple) else "i" for a in f.args[2:])
    return f"{type(f).__name__} {f.args[0]} {f.args[1]} {kinds} {f.extents}"


def reduced(t: Term, facts: Facts, steps: list | None = None) -> Term | None:
    """R3 and the first half of R4 to a fixed point; None when the term is zero.

    ``steps`` collects the term after every elimination.
    """
    while True:
        twins = [g for g in t.at_least if normal(-g) in t.at_least]
        if twins:
            rest = tuple(g for g in t.at_least if g not in twins)
            t = replace(t, at_least=rest, zero=(*t.zero, *{one_sign(g) for g in twins}))
        if any(e.is_number and e != 0 for e in t.zero):
            return None
        if S.Zero in t.zero:
            t = replace(t, zero=tuple(e for e in t.zero if e != 0))
        solved = next(((e, i) for e in t.zero for i in t.bound if solvable(e, i)), None)
        if solved is None:
            break
        e, i = solved
        c = e.coeff(i)
        value = normal(-(e - c * i) / c)
        t = replace(t, bound=tuple(b for b in t.bound if b != i), zero=tuple(x for x in t.zero if x != e))
        t = t.substitute({i: value})
        if steps is not None:
            steps.append(t)
    t = replace(t, at_least=tuple(h for g in t.at_least for h in cleared(g)))
    if any(g.is_number and g < 0 for g in t.at_least):
        return None
    guards = tuple(dict.fromkeys(g for g in t.at_least if not facts.imply(g)))
    zero = tuple(dict.fromkeys(one_sign(e) for e in t.zero))
    out = counted(replace(t, at_least=guards, zero=zero), facts)
    if out.coefficient == 0:
        return None
    return out


def counted(t: Term, facts: Facts) -> Term:
    """R7: an index that only counts, between two ends that are known to be in order, becomes a factor."""
    for i in t.bound:
        ends = [g for g in t.at_least if g.has(i)]
        if any(e.has(i) for e in (t.coefficient, *t.factors, *t.zero)) or len(ends) != 2:
            continue
        count = normal(sum(ends) + 1)  # i - a and b - i
        if {g.coeff(i) for g in ends} != {1, -1} or count.has(*t.bound) or not facts.imply(count):
            continue
        rest = tuple(g for g in t.at_least if g not in ends)
        bound = tuple(b for b in t.bound if b != i)
        return counted(replace(t, coefficient=normal(t.coefficient * count), bound=bound, at_least=rest), facts)
    return t


def solvable(e: Expr, i: Symbol) -> bool:
    """Is i, with coefficient 1 or -1, given by the equation e = 0?"""
    c = e.coeff(i)
    return c in (1, -1) and not (e - c * i).has(i)


def one_sign(e: Expr) -> Expr:
    """The one of e and -e that stands for the equation e = 0."""
    return normal(-e) if e.could_extract_minus_sign() else e
