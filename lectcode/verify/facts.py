"""What is known about the integers of a formula, and what follows from it by adding.

`Facts` holds expressions that are >= 0. An expression g follows when g minus a short sum of facts has only non-negative
terms left: a certificate that anybody can check by adding up, so the search may give up but can never be wrong.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache

from sympy import Expr

from lectcode.verify.expressions import normal

_NODES = 1500  # how many certificates are tried before giving up
_DEPTH = 6  # how many facts a certificate may add


@lru_cache(maxsize=100_000)
def _coefficients(e: Expr) -> dict:
    """A polynomial as {monomial: coefficient}, with Python's own numbers."""
    found = normal(e).as_coefficients_dict().items()
    return {m: int(c) if c.is_Integer else Fraction(int(c.p), int(c.q)) for m, c in found if c}


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
        if all(c > 0 and _nonnegative(m) for m, c in goal.items()):
            return True
        known = [*more, *self.known]
        if _adds_up(goal, _by_monomial(known), _DEPTH, [_NODES]):
            return True
        factors = {x for m in goal if m.is_Mul for x in m.args if x.is_positive}
        if not factors:
            return False
        # A product of a non-negative expression and a positive size is non-negative.
        products = [k * s for k in known if k.free_symbols for s in factors]
        return _adds_up(goal, _by_monomial([*known, *products]), _DEPTH, [_NODES])


def _by_monomial(known) -> dict:
    """The facts that can cancel a term with that monomial and sign."""
    table: dict = {}
    for k in known:
        fact = _coefficients(normal(k))
        for m, c in fact.items():
            if not (c > 0 and _nonnegative(m)) or len(fact) > 1:
                table.setdefault((m, c > 0), []).append(fact)
    return table


def _adds_up(goal: dict, table: dict, depth: int, budget: list[int]) -> bool:
    """Is ``goal`` a sum of at most ``depth`` of the known expressions and of non-negative terms?"""
    bad = [m for m, c in goal.items() if not (c > 0 and _nonnegative(m))]
    if not bad:
        return True
    if depth == 0:
        return False
    # The monomial that the fewest facts can cancel; each of them has to be cancelled sooner or later.
    choices = min((table.get((m, goal[m] > 0), ()) for m in bad), key=len)
    for fact in choices:
        budget[0] -= 1
        if budget[0] < 0:
            return False
        rest = dict(goal)
        for m, c in fact.items():
            if value := rest.get(m, 0) - c:
                rest[m] = value
            else:
                rest.pop(m, None)
        if _adds_up(rest, table, depth - 1, budget):
            return True
    return False
