"""What is left of the difference of two expressions: rules R4 to R6 of `normalform` at work on whole sums of terms."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import permutations

from sympy import Expr, S, Symbol, cancel

from lectcode.verify.expressions import fresh, normal
from lectcode.verify.facts import Facts
from lectcode.verify.normalform import Term, entry_head, entry_indices, one_sign, reduced, solvable, terms


def contradictory(t: Term, facts: Facts) -> bool:
    """R4, second half: some guard g >= 0 although the other guards imply g <= -1."""
    return any(facts.imply(-g - 1, [h for h in t.at_least if h != g]) for g in t.at_least)


def shifted(t: Term) -> Term:
    """R6: from the first factor to the last, make each index a bare bound index where a shift can do that."""
    pinned: set[Symbol] = set()
    t = replace(t, factors=tuple(sorted(t.factors, key=entry_head)))
    for k in range(len(t.factors)):
        for p in range(len(entry_indices(t.factors[k]))):
            e = entry_indices(t.factors[k])[p]
            if e in t.bound:
                pinned.add(e)
                continue
            i = next((b for b in t.bound if b not in pinned and e.has(b) and solvable(e, b)), None)
            if i is None:
                continue
            j, c = fresh(i.name), e.coeff(i)
            rest = e - c * i
            t = replace(t, bound=tuple(j if b == i else b for b in t.bound)).substitute({i: normal(c * (j - rest))})
            pinned.add(j)
    return t


def matching(a: Term, b: Term, facts: Facts) -> dict | None:
    """R5: a bijection of bound indices that carries a to b, coefficients aside; None when none is found."""
    heads = sorted(entry_head(f) for f in a.factors)
    if len(a.bound) != len(b.bound) or heads != sorted(entry_head(f) for f in b.factors):
        return None

    def accept(names: dict) -> dict | None:
        left = [i for i in a.bound if i not in names]
        right = [j for j in b.bound if j not in names.values()]
        if len(left) > 5:
            return None
        for choice in permutations(right):
            full = {**names, **dict(zip(left, choice, strict=True))}
            c = a.substitute(full)
            if (
                Counter(c.factors) == Counter(b.factors)
                and {one_sign(e) for e in c.zero} == {one_sign(e) for e in b.zero}
                and all(facts.imply(g, b.at_least) for g in c.at_least)
                and all(facts.imply(g, c.at_least) for g in b.at_least)
            ):
                return full
        return None

    def walk(rest: tuple, others: tuple, names: dict) -> dict | None:
        if not rest:
            return accept(names)
        for k, other in enumerate(others):
            if entry_head(other) != entry_head(rest[0]):
                continue
            more = dict(names)
            for i, j in zip(entry_indices(rest[0]), entry_indices(other), strict=True):
                if i in a.bound and j in b.bound:
                    if more.get(i, j) != j or (i not in more and j in more.values()):
                        break
                    more[i] = j
            else:
                found = walk(rest[1:], others[:k] + others[k + 1 :], more)
                if found is not None:
                    return found
        return None

    return walk(a.factors, b.factors, {})


def _collect(ts: list[Term], facts: Facts) -> list[Term]:
    """Add up terms that match (R5)."""
    left: list[Term] = []
    for t in ts:
        for k, u in enumerate(left):
            names = matching(t, u, facts)
            if names is not None:
                left[k] = replace(u, coefficient=cancel(u.coefficient + t.coefficient.xreplace(names)))
                break
        else:
            left.append(t)
    return [t for t in left if t.coefficient != 0]


def difference(lhs: Expr, rhs: Expr, facts: Facts) -> list[Term]:
    """What is left of lhs - rhs; [] proves that they are equal."""
    minus = Term(coefficient=S.NegativeOne)
    ts = [reduced(t, facts) for t in [*terms(lhs), *(minus.times(t) for t in terms(rhs))]]
    left = _collect([t for t in ts if t is not None], facts)
    if left:
        left = [t for t in left if not contradictory(t, facts)]
    if left:
        again = _collect([s for t in left if (s := reduced(shifted(t), facts)) is not None], facts)
        left = again if len(again) < len(left) else left
    return left
