"""Numbers that show a formula to be wrong: sizes and indices at which the printed value and the true value differ."""

from __future__ import annotations

from itertools import product

import numpy as np

from lectcode.verify.cases import sizes_of
from lectcode.verify.errors import Unsupported
from lectcode.verify.prover import wanted
from lectcode.verify.reader import Formula
from lectcode.verify.world import World, differ, divides, real

_CASES = 24
_SEEDS = (1, 2, 6)  # small numbers first, which read better; then some very small, then some large


def counterexample(formula: Formula, cases: int = _CASES) -> str | None:
    """One sentence: sizes, indices, the printed and the true value; None when no small case shows a difference."""
    scope = formula.scope
    try:
        want = wanted(formula)
    except Unsupported:
        return None
    scaled = any(map(divides, (want, formula.right, *(d.value for d in scope.definitions.values()))))
    small = sizes_of(scope, 400, largest=4, distinct=False)
    small = sorted(small, key=lambda s: (sum(s.values()), sorted(s.items())))
    for seed, sizes in product(_SEEDS, small[:: max(1, len(small) // cases)]):
        where = "for " + ", ".join(f"{k} = {v}" for k, v in sizes.items())
        world = World(scope, sizes, seed, compiled=False, scaled=scaled, real=real(formula))
        try:
            true = world.value(formula, want)
        except (IndexError, ArithmeticError, Unsupported):
            continue
        try:
            printed = world.value(formula, formula.right)
        except (IndexError, ArithmeticError) as problem:
            return f"{where}: {problem}"
        except Unsupported:
            return None
        wrong = np.argwhere(differ(true, printed))
        if len(wrong):
            at = tuple(int(k) for k in wrong[0])
            names = ", ".join(f"{n} = {k}" for n, k in zip(formula.indices, at, strict=True))
            where += f" at {names}" if names else ""
            return f"{where} the formula gives {printed[at]}, the true value is {true[at]}"
    return None
