"""The derivative of an expression by an entry of a tensor."""

from __future__ import annotations

from sympy import Derivative, Expr, Indexed, KroneckerDelta, S, Subs, diff

from lectcode.verify.errors import Unsupported
from lectcode.verify.expressions import IsZero, fresh, normal, refresh


def derivative(e: Expr, entry: Indexed) -> Expr:
    """de/d(entry) by SymPy; the entry's indices must not be bound in e, so that no index is captured."""
    stand_in = [fresh(f"d{k}") for k in range(len(entry.indices))]
    d = diff(e, entry.base[tuple(stand_in)])
    if d.has(S.NaN, Derivative, Subs) or d.atoms(Indexed) & {entry.base[tuple(stand_in)]}:
        raise Unsupported(f"the derivative of {e} by {entry}")
    d = d.replace(KroneckerDelta, lambda i, j: IsZero(normal(i - j)))
    return refresh(d).xreplace(dict(zip(stand_in, entry.indices, strict=True)))
