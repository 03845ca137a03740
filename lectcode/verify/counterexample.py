"""Numbers that show a formula to be wrong: sizes and indices at which the printed value and the true value differ."""

from __future__ import annotations

import numpy as np
from sympy import Expr, Indexed

from .cases import SCALE, _numbers, random_tensor, sizes_of
from .errors import Unsupported
from .expressions import Window, WindowPartial
from .loopnest import loop_nest
from .scope import Scope

_CASES = 24


def pooling_function(window):
    """A function of one window whose partial derivatives all differ: sum of (1 + i + 4 j) x_ij^2."""
    total = 0
    for i in range(window.shape[0]):
        for j in range(window.shape[1]):
            total += (1 + i + 4 * j) * window[i, j] * window[i, j]
    return total


def pooling_derivative(window):
    """The partial derivatives of `pooling_function`."""
    out = np.zeros_like(window)
    for i in range(window.shape[0]):
        for j in range(window.shape[1]):
            out[i, j] = 2 * (1 + i + 4 * j) * window[i, j]
    return out


FUNCTIONS = {"f": pooling_function, "df": pooling_derivative}


def divides(e: Expr) -> bool:
    """Does the expression divide by anything?"""
    from sympy import Pow, Rational

    return any(p.exp.could_extract_minus_sign() for p in e.atoms(Pow)) or any(
        not r.is_Integer for r in e.atoms(Rational)
    )


def leaves(e: Expr) -> list[str]:
    """The tensors that an expression reads."""
    names = {x.base.label.name for x in e.atoms(Indexed)} | {x.args[1].name for x in e.atoms(Window, WindowPartial)}
    return sorted(names)


def values(scope: Scope, e: Expr, indices, shape, sizes, seed: int, scale: int = 1) -> np.ndarray:
    """The expression's values over all its indices, by a plain loop nest on whole numbers drawn from the seed."""
    nest = loop_nest(e, tuple(indices), tuple(shape), compiled=False)
    tensors = {}
    for name in nest.tensors:
        base = name[1:] if name.startswith("∂") else name
        # Each tensor has numbers of its own, the same ones in every expression.
        rng = np.random.default_rng([seed, *name.encode()])
        tensors[name] = random_tensor(scope, base, sizes, rng, scale)
    out = np.zeros(_numbers(tuple(shape), sizes) if shape else (), dtype=object)
    return nest(out, tensors, sizes, FUNCTIONS)


def counterexample(formula, cases: int = _CASES) -> str:
    """One sentence: where the printed formula gives a wrong value, or that no small case shows it."""
    from .prover import wanted, written_out

    scope = formula.scope
    indices = list(formula.indices.values())
    shape = scope.shapes[formula.tensor] if formula.indices else ()
    try:
        want, have = written_out(scope, wanted(formula)), written_out(scope, formula.right)
    except Unsupported as problem:
        return f"no counterexample was sought: {problem}"
    scale = SCALE if divides(want) or divides(have) else 1
    small = sorted(sizes_of(scope, 400, largest=4, distinct=False), key=lambda s: (sum(s.values()), sorted(s.items())))
    picked = small[:: max(1, len(small) // cases)]
    count = 0
    for sizes in picked:
        where = ", ".join(f"{k} = {v}" for k, v in sizes.items())
        try:
            true = values(scope, want, indices, shape, sizes, 1, scale)
        except (IndexError, ArithmeticError, Unsupported):
            continue
        count += 1
        try:
            printed = values(scope, have, indices, shape, sizes, 1, scale)
        except (IndexError, ArithmeticError, Unsupported) as problem:
            return f"counterexample: for {where}: {problem}"
        wrong = np.argwhere(np.atleast_1d(true != printed))
        if len(wrong):
            at = tuple(wrong[0]) if indices else ()
            names = ", ".join(f"{n} = {k}" for n, k in zip(formula.indices, at, strict=True))
            return f"counterexample: for {where} at {names or 'any index'} the formula gives {printed[at]}, the true value is {true[at]}"
    return f"no counterexample in {count} small cases" if count else "no small case could be run"
