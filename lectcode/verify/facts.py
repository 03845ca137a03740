"""What is known about the integers of a formula, and what follows from it by adding.

`Facts` holds expressions that are >= 0. An expression g follows when g minus a short sum of facts has only non-negative
terms left: a certificate that anybody can check by adding up, so the search may give up but can never be wrong.
"""

from __future__ import annotations

from functools import lru_cache

from sympy import Expr

from .expressions import normal

_NODES = 1500  # how many certificates are tried before giving up


@lru_cache(maxsize=100_000)
def _coefficients(e: Expr) -> dict:
    """A polynomial as {monomial: coefficient}."""
    return {m: c for m, c in normal(e).as_coefficients_dict().items() if c}


@lru_cache(maxsize=100_000)
def _nonnegative(monomial) -> bool:
    return bool(monomial.is_nonnegative)


class Facts:
    """Expressions known to be >= 0 for every value that the symbols may take."""

    def __init__(self, known=()):
        self.known = list(dict.fromkeys(normal(k) for k in known))

    def __iter__(self):
        return iter(self.known)

    def and_(self, more) -> Facts:
        """These facts and more."""
        return Facts([*self.known, *more])

    def imply(self, g: Expr, more=()) -> bool:
        """Does g >= 0 follow? First by adding facts, then also with facts multiplied by a size that g contains."""
        goal = _coefficients(normal(g))
        known = [_coefficients(normal(k)) for k in (*more, *self.known)]
        budget = [_NODES]
        if _adds_up(goal, known, 6, budget):
            return True
        factors = {x for m in goal if m.is_Mul for x in m.args if x.is_positive}
        if not factors:
            return False
        products = [k * s for k in (*more, *self.known) if k.free_symbols for s in factors]
        # A product of a non-negative expression and a positive size is non-negative.
        return _adds_up(goal, known + [_coefficients(normal(p)) for p in products], 6, [_NODES])


def _adds_up(goal: dict, known: list[dict], depth: int, budget: list[int]) -> bool:
    """Is ``goal`` a sum of at most ``depth`` of the known expressions and of non-negative terms?"""
    bad = next((m for m, c in goal.items() if not (c > 0 and _nonnegative(m))), None)
    if bad is None:
        return True
    if depth == 0:
        return False
    for fact in known:
        if fact.get(bad, 0) * goal[bad] > 0:
            budget[0] -= 1
            if budget[0] < 0:
                return False
            rest = {m: v for m in {**goal, **fact} if (v := goal.get(m, 0) - fact.get(m, 0))}
            if _adds_up(rest, known, depth - 1, budget):
                return True
    return False
