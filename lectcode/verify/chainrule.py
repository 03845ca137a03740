"""The chain rule over the printed definitions.

For a tensor X that the definitions of C_1, C_2, .. mention, dL/dX[..] is the sum over C and over the entries of C of
dL/dC[..] * dC[..]/dX[..]. Only the definitions that the output is computed from count; where the page defines L, L is
the output and dL/dL = 1.
"""

from __future__ import annotations

from sympy import Expr, Indexed, S, Sum

from lectcode.verify.differentiate import derivative
from lectcode.verify.errors import Unsupported
from lectcode.verify.expressions import FloorQuotient, gradient_name, refresh, tensor, tensors_of
from lectcode.verify.scope import Scope


def contributing(scope: Scope) -> list[str]:
    """The defined tensors that the output (whose derivative is given) is computed from, and the output itself."""
    found = [name for name in ("L", *scope.upstream) if name in scope.definitions]
    if not found:
        raise Unsupported("no output: G = dL/dO is not declared for a tensor that has a definition, and L has none")
    for name in found:  # grows while it is read
        read = tensors_of(scope.definitions[name].value)
        found += [d for d in scope.definitions if d not in found and d in read]
    return found


def chain_rule(scope: Scope, name: str, indices) -> Expr:
    """dL/dX[indices], one step of the chain rule over the definitions that mention X."""
    entry = tensor(name)[tuple(indices)]
    total, users = S.Zero, 0
    for user in contributing(scope):
        definition = scope.definitions[user]
        if user == name or name not in tensors_of(definition.value):
            continue
        users += 1
        if user == "L":
            total += derivative(definition.value, entry)
            continue
        above = tensor(scope.upstream.get(user, gradient_name(user)))[definition.indices]
        ends = [(i, 0, n - 1) for i, n in zip(definition.indices, scope.shape(user), strict=True)]
        total += refresh(Sum(above * derivative(definition.value, entry), *reversed(ends)))
    if not users:
        raise Unsupported(f"the output does not depend on {name} by the definitions given")
    return total


def written_out(scope: Scope, e: Expr) -> Expr:
    """The expression with every defined tensor and every derivative but the given one written out."""
    contributors = contributing(scope) if scope.upstream or "L" in scope.definitions else []
    while True:  # a tensor is defined before it is read, so this ends
        values = {}
        for x in e.atoms(Indexed):
            name = x.base.label.name
            if name in scope.definitions:
                values[x] = scope.definitions[name].at(x.indices)
            elif name.startswith("∂") and name[1:] in scope.shapes and contributors:
                values[x] = chain_rule(scope, name[1:], x.indices)
        if not values:
            return e
        e = e.xreplace(values)


def with_sizes_written_out(scope: Scope, e: Expr) -> Expr:
    """Write out defined sizes everywhere in an expression."""
    values = {}
    for name, d in scope.size_definitions.items():
        value = scope.resolve(scope.sizes[name])
        if value != scope.sizes[name]:
            values[scope.sizes[name]] = value
        for f in d.value.atoms(FloorQuotient):
            if (named := scope.resolve(f)) != f:
                values[f] = named
    return e.xreplace(values) if values else e
