"""Every tensor read of a printed formula lies inside the declared shape, for all sizes: checked by the solver z3.

z3 is part of the development install only. Where it is missing, `available()` is False and the report says that
bounds were "not checked here". Products of sizes and indices make the questions nonlinear, which z3 need not decide;
an answer other than "unsat" is never taken for a proof, and a model is shown as the sizes and indices of a read
outside.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache, lru_cache, reduce
from operator import mul

from sympy import Add, Expr, Indexed, Integer, Mul, Pow, Symbol, Tuple

from lectcode.verify.errors import Refuted, Unsupported
from lectcode.verify.expressions import REAL, FloorQuotient, ProductOver, Window, WindowPartial, normal, plain
from lectcode.verify.normalform import terms
from lectcode.verify.prover import facts_of
from lectcode.verify.reader import Formula
from lectcode.verify.scope import Scope

_MILLISECONDS = 20_000


@cache
def available() -> bool:
    """Can z3 be imported?"""
    try:
        import z3  # noqa: F401 - only whether it is there
    except ImportError:
        return False
    return True


@dataclass(frozen=True)
class Bounds:
    """How many reads along an axis were proved to stay inside."""

    formula: Formula
    reads: int


@dataclass(frozen=True)
class Read:
    """One index along one axis: it has to lie between 0 and length - 1, wherever all the guards hold."""

    what: str
    index: Expr
    length: Expr
    guards: tuple[Expr, ...]
    equations: tuple[Expr, ...]


def shape_behind(scope: Scope, name: str) -> tuple[Expr, ...]:
    """The declared shape of a tensor, or of the tensor by which the loss is differentiated."""
    return scope.shape(name[1:] if name.startswith("∂") else name)


def reads(formula: Formula) -> list[Read]:
    """All reads of a formula, with the conditions under which they happen."""
    scope, found = formula.scope, []
    own = tuple(scope.ranges(formula.tensor, formula.indices.values())) if formula.indices else ()
    sides = [formula.right] if formula.kind != "identity" else [formula.left, formula.right]
    for side in sides:
        for term in terms(side):
            inside = own + term.at_least
            for f in (*term.factors, *_integer_entries((*term.at_least, *term.zero))):
                found += _reads_of(scope, f, inside, term.zero)
    return [replace(r, index=scope.resolve(r.index), length=scope.resolve(r.length)) for r in found]


def _integer_entries(es) -> list[Expr]:
    """The entries of integer tensors in conditions or indices."""
    return sorted({x for e in es for x in e.atoms(Indexed)}, key=str)


def _reads_of(scope: Scope, f: Expr, guards: tuple, equations: tuple) -> Iterator[Read]:
    """The reads of one factor, under the guards and equations that hold where it is evaluated."""
    if isinstance(f, Pow):
        f = f.base
    if isinstance(f, Indexed):
        for i, n in zip(f.indices, shape_behind(scope, f.base.label.name), strict=True):
            yield Read(plain(f), i, n, guards, equations)
        for entry in _integer_entries(f.indices):
            yield from _reads_of(scope, entry, guards, equations)
    elif isinstance(f, REAL):
        yield from _reads_inside(scope, f.args[0], guards, equations)
    elif isinstance(f, ProductOver):
        body, i, low, high = f.args
        yield from _reads_inside(scope, body, (*guards, i - low, high - i), equations)
    elif isinstance(f, (Window, WindowPartial)):
        axes = f.args[2:-1] if isinstance(f, WindowPartial) else f.args[2:]
        for a, n in zip(axes, scope.shape(f.args[1].name), strict=True):
            for i in (a[0], a[0] + a[1] - 1) if isinstance(a, Tuple) else (a,):
                yield Read(plain(f), i, n, guards, equations)
        if isinstance(f, WindowPartial):
            for p, n in zip(f.args[-1], f.extents, strict=True):
                yield Read(plain(f), p, n, guards, equations)
    else:
        raise Unsupported(f"the reads of {f}")


def _reads_inside(scope: Scope, e: Expr, guards: tuple, equations: tuple) -> Iterator[Read]:
    """The reads of an expression inside a factor."""
    for term in terms(e):
        inside, equal = (*guards, *term.at_least), (*equations, *term.zero)
        for f in (*term.factors, *_integer_entries((*term.at_least, *term.zero))):
            yield from _reads_of(scope, f, inside, equal)


def check_bounds(formula: Formula) -> Bounds:
    """Prove that every read stays inside; `Refuted` shows a read that does not."""
    scope = formula.scope
    known = tuple(facts_of(formula))
    found = reads(formula)
    for read in found:
        answer = _ask(*_canonical(scope, read, known))
        if answer != "proved":
            raise Refuted(
                f"{formula.place}: {formula.name}: the index {plain(read.index)} of {read.what} "
                f"{'leaves' if answer.startswith('for') else 'could not be shown to stay in'} the range "
                f"0 to {plain(read.length - 1)}{': ' + answer if answer else ''}\n  formula: {formula.latex}"
            )
    if not found and formula.right.atoms(Indexed):
        raise Refuted(f"{formula.place}: {formula.name} has tensors, but no reads were found")
    return Bounds(formula, len(found))


def _canonical(scope: Scope, read: Read, known: tuple[Expr, ...]):
    """The question without names that differ between equal questions, so that it is asked only once."""
    goal = (read.index, normal(read.length - 1 - read.index))
    guards = _relevant(goal, (*read.guards, *known), read.equations)
    names: dict[Symbol, Symbol] = {}
    everything = (*goal, *guards, *read.equations)
    for e in everything:
        for s in sorted(e.free_symbols, key=lambda s: (s.name, s.is_Dummy, getattr(s, "dummy_index", 0))):
            if s.is_Dummy and s not in names:
                names[s] = Symbol(f"{s.name}.{len(names)}", integer=True)
    ranges = tuple(
        (x.xreplace(names), low, high)
        for x in sorted({x for e in everything for x in e.atoms(Indexed)}, key=str)
        for low, high in [scope.integer_ranges[x.base.label.name]]
        if x.base.label.name in scope.integer_ranges
    )

    def renamed(es):
        return tuple(e.xreplace(names) for e in es)

    return renamed(goal), tuple(sorted(set(renamed(guards)), key=str)), renamed(read.equations), ranges


def _relevant(goal, guards, equations) -> list[Expr]:
    """The guards that share an index with the goal, directly or through another guard, and what is known of sizes.

    To leave a guard out is to assume less, so it cannot make a wrong proof.
    """
    indices = {s for e in goal for s in e.free_symbols if s.is_Dummy}
    while True:
        near = [g for g in (*guards, *equations) if g.free_symbols & indices]
        more = indices | {s for g in near for s in g.free_symbols if s.is_Dummy}
        if more == indices:
            break
        indices = more
    return [g for g in guards if g.free_symbols & indices or not any(s.is_Dummy for s in g.free_symbols)]


@lru_cache(maxsize=4096)
def _ask(goal, guards, equations, ranges) -> str:
    """'proved', a model as a sentence, or an empty string when z3 does not know."""
    import z3

    solver, names = z3.Solver(), {}
    solver.set("timeout", _MILLISECONDS)
    for g in guards:
        solver.add(_z3(g, names, solver) >= 0)
    for e in equations:
        solver.add(_z3(e, names, solver) == 0)
    for entry, low, high in ranges:
        x = _z3(entry, names, solver)
        solver.add(x >= _z3(low, names, solver), x <= _z3(high, names, solver))
    solver.add(z3.Or([_z3(g, names, solver) < 0 for g in goal]))
    answer = solver.check()
    if answer == z3.unsat:
        return "proved"
    if answer == z3.sat:
        model = solver.model()
        values = sorted((str(e).split(".")[0], str(model[v])) for e, v in names.items() if model[v] is not None)
        return "for " + ", ".join(f"{k} = {v}" for k, v in values)
    return ""


def _z3(e: Expr, names: dict, solver):
    """The expression in z3's integers; a floor is a number t with q t <= p < q t + q."""
    import z3

    if isinstance(e, Integer):
        return z3.IntVal(int(e))
    if isinstance(e, (Symbol, Indexed)):
        if e not in names:
            names[e] = z3.Int(f"x{len(names)}")
        return names[e]
    if isinstance(e, Add):
        return sum((_z3(a, names, solver) for a in e.args[1:]), _z3(e.args[0], names, solver))
    if isinstance(e, Mul):
        return reduce(mul, [_z3(a, names, solver) for a in e.args])
    if isinstance(e, Pow) and e.exp.is_Integer and e.exp > 0:
        return reduce(mul, [_z3(e.base, names, solver)] * int(e.exp))
    if isinstance(e, FloorQuotient):
        if e not in names:
            names[e] = z3.Int(f"x{len(names)}")
            p, q = _z3(e.args[0], names, solver), _z3(e.args[1], names, solver)
            solver.add(q >= 1, q * names[e] <= p, p < q * names[e] + q)
        return names[e]
    raise Unsupported(f"{type(e).__name__} for z3: {e}")
