r"""Prove by its residual that a printed closed form solves a recurrence.

A closed form over the depth j adds or multiplies what each layer contributes:

    X[j] = c + sum_{i=0}^{j-1} t(i)          or          X[j] = prod_{m=0}^{j-1} t(m).

Then X[0] is c, or 1, since an empty sum is 0 and an empty product 1. Neither c nor t may contain j. So one more layer
adds exactly t(j), or multiplies by it: the *residual* X[j+1] - X[j], or X[j+1] / X[j]. By induction the two decide the
closed form at every depth, whatever the lists hold. The residual must be what the recurrence says. A product of earlier
layers in it is recognised by the closed form that the page prints for it.
"""

from __future__ import annotations

from math import prod

from sympy import Expr, S, Sum, Symbol, expand

from lectcode.verify import syntax as ast
from lectcode.verify.errors import LatexError, Refuted
from lectcode.verify.expressions import ProductOver, normal, plain, tensor
from lectcode.verify.grammar import parse
from lectcode.verify.reader import Formula
from lectcode.verify.report import Table, open_book

_LISTS = {"k": (5, 3, 2, 4), "s": (2, 3, 1, 5), "d": (1, 2, 3, 1), "p": (2, 1, 4, 3)}  # for counterexamples


def check_recurrence(label: str, recurrence: str, folder=None) -> Table:
    r"""Prove that a printed closed form solves a recurrence; raise `Refuted` with numbers where it does not.

    Parameters
    ----------
    label : str
        The label of the closed form, such as "receptive-field".
    recurrence : str
        One statement in LaTeX, ``\mathbf{r}[j + 1] = ..``, in which ``\mathbf{r}[j]`` and other tensors may stand.
    folder : path, optional
        The book; by default the one around this package or inside it.

    Returns
    -------
    Table
        The value at depth 0 and the residual, as they were found in the printed formula.
    """
    book, _ = open_book(folder)
    (formula,) = book.labelled(label)
    named = [f for f in book.section_of(formula) if f.kind == "definition" and isinstance(f.right, ProductOver)]
    ((name, j),) = formula.indices.items()
    here = tensor(formula.tensor)[j]
    claimed = _right_side(formula, recurrence, name)
    first, found, multiplies = residual(formula)
    wanted = claimed / here if multiplies else claimed - here
    for other in named:
        found = _by_name(found, other, j)
    if normal(expand(found - wanted)) != 0:
        raise Refuted(f"{label} does not solve {recurrence}: {_counterexample(formula, claimed, named)}")
    layer = f"one more layer {'multiplies by' if multiplies else 'adds'} {found.xreplace({j: Symbol(name)})}"
    rows = [(f"depth 0 gives {first}", "empty sums and products"), (layer, "for every depth")]
    return Table((f"({label})", "proved from the printed closed form"), rows)


def residual(formula: Formula) -> tuple[Expr, Expr, bool]:
    """X[0], what one more layer contributes, and whether it multiplies."""
    (j,) = formula.indices.values()
    if isinstance(formula.right, ProductOver):
        term, m, low, high = formula.right.args
        _expect_all_layers_before(formula, low, high)
        _expect_the_same_at_every_depth(formula, m, term)
        return S.One, term.xreplace({m: j}), True
    first = increment = S.Zero
    for part in formula.right.as_ordered_terms():
        factor, sums = part.as_independent(Sum, as_Add=False)
        if not isinstance(sums, Sum):
            first += part
            continue
        ((i, low, high),) = sums.limits
        _expect_all_layers_before(formula, low, high)
        _expect_the_same_at_every_depth(formula, i, factor * sums.function)
        increment += factor * sums.function.xreplace({i: j})
    if first.has(j):
        raise Refuted(f"{formula.place}: {formula.name} depends on the depth outside its sums")
    return first, increment, False


def _expect_all_layers_before(formula: Formula, low: Expr, high: Expr):
    """A sum or product has to run over the layers 0 to j - 1."""
    (j,) = formula.indices.values()
    if low != 0 or normal(high - j + 1) != 0:
        raise Refuted(f"{formula.place}: {formula.name} does not run over the layers 0, .., {plain(j)} - 1")


def _expect_the_same_at_every_depth(formula: Formula, i: Symbol, part: Expr):
    """What layer i contributes must not know the depth: else one more layer also changes what the others contribute."""
    (j,) = formula.indices.values()
    if part.has(j):
        raise Refuted(
            f"{formula.place}: what layer {plain(i)} contributes to {formula.name} depends on the depth {plain(j)}, so "
            f"one more layer also changes the earlier ones: {plain(part)}"
        )


def _right_side(formula: Formula, recurrence: str, name: str) -> Expr:
    """The right side of X[j + 1] = .. in the scope and with the index of the closed form."""
    (statement,) = parse(recurrence)
    (j,) = formula.indices.values()
    left, right = (formula.scope.expression(side, {name: j}) for side in _sides(statement, recurrence))
    if left != tensor(formula.tensor)[j + 1]:
        raise LatexError(formula.place, f"the recurrence has to begin with {formula.tensor}[{name} + 1]", recurrence)
    return right


def _sides(statement: ast.Node, recurrence: str):
    if not isinstance(statement, ast.Relation) or len(statement.sides) != 2:
        raise Refuted(f"not an equation: {recurrence}")
    return statement.sides


def _by_name(e: Expr, product: Formula, j) -> Expr:
    """Write X[j] for a product that the page prints as the closed form of X[j]."""
    (index,) = product.indices.values()
    term, m, low, high = product.right.xreplace({index: j}).args
    values = {}
    for found in e.atoms(ProductOver):
        if found.args[2:] == (low, high) and found.args[0].xreplace({found.args[1]: m}) == term:
            values[found] = tensor(product.tensor)[j]
    return e.xreplace(values)


def _counterexample(formula: Formula, claimed: Expr, named: list[Formula]) -> str:
    """The first depth of a small stack at which the recurrence gives another number than the closed form."""
    (j,) = formula.indices.values()
    closed = {f.tensor: f for f in (formula, *named)}

    def number(e: Expr, depth: int) -> int:
        if isinstance(e, Sum):
            ((i, low, high),) = e.limits
            ends = number(low, depth), number(high, depth)
            return sum(number(e.function.xreplace({i: S(n)}), depth) for n in range(ends[0], ends[1] + 1))
        if isinstance(e, ProductOver):
            body, m, low, high = e.args
            ends = number(low, depth), number(high, depth)
            return prod(number(body.xreplace({m: S(n)}), depth) for n in range(ends[0], ends[1] + 1))
        if e.is_Indexed:
            at, list_of = number(e.indices[0], depth), e.base.label.name
            if list_of in _LISTS:
                return _LISTS[list_of][at]
            f = closed[list_of]
            return number(f.right.xreplace({next(iter(f.indices.values())): S(at)}), depth)
        if e == j:
            return depth
        if e.is_Add or e.is_Mul:
            return (sum if e.is_Add else prod)(number(a, depth) for a in e.args)
        return int(e)

    for depth in range(len(_LISTS["k"])):
        printed = number(formula.right.xreplace({j: S(depth + 1)}), depth)
        stepped = number(claimed, depth)
        if printed != stepped:
            lists = ", ".join(f"{name} = {list(values[: depth + 1])}" for name, values in _LISTS.items())
            return f"{formula.tensor}[{depth + 1}] is {printed}, the recurrence gives {stepped}; {lists}"
    return "no counterexample was found"
