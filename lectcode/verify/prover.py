"""Prove gradients and identities for all sizes, from the definitions that stand on the page.

The chain rule over the printed definitions gives the derivative wanted: for a tensor X that the definitions of C_1,
C_2, .. mention, dL/dX[..] = sum over C of sum over the entries of C of dL/dC[..] * dC[..]/dX[..], with SymPy's
derivative of the definition of C. The printed formula is proved when nothing is left of the difference in normal
form. Derivatives by tensors between X and the output may stay as they are printed; if that does not decide, both
sides are written out down to the given derivative G.

Writing out a definition C[e] for an index e uses that e lies in the declared shape of C; that is what `bounds` proves.
What is proved is exact arithmetic: rounding is not part of it. Maxima are proved for given positions of the maximum.
"""

from __future__ import annotations

from dataclasses import dataclass

from sympy import Expr, Integer, S

from lectcode.verify.cases import sizes_of
from lectcode.verify.chainrule import chain_rule, with_sizes_written_out, written_out
from lectcode.verify.difference import difference
from lectcode.verify.errors import LatexError, Refuted, Unsupported
from lectcode.verify.expressions import fresh
from lectcode.verify.facts import Facts
from lectcode.verify.letters import OUTPUT_SIZES, along, pads
from lectcode.verify.normalform import Term
from lectcode.verify.reader import Book, Formula, read_text


@dataclass(frozen=True)
class Proof:
    """What was proved of a formula, and what it took: the expressions compared and the tensors written out."""

    formula: Formula
    wanted: Expr
    printed: Expr
    written_out: bool

    def __str__(self):
        return f"{self.formula.name}: proved for all sizes"


def facts_of(formula: Formula) -> Facts:
    """What is known where the formula stands: sizes, and the ranges of its own indices."""
    scope = formula.scope
    known = scope.facts()
    if formula.indices and formula.tensor:
        known = known.and_(scope.ranges(formula.tensor, formula.indices.values()))
    return known


def wanted(formula: Formula) -> Expr:
    """What the right-hand side of a gradient or an identity has to be equal to."""
    scope = formula.scope
    if formula.kind == "gradient":
        return chain_rule(scope, formula.tensor, formula.indices.values())
    if formula.tensor in scope.definitions and formula.indices:
        return scope.definitions[formula.tensor].at(formula.indices.values())
    return formula.left


def residue(formula: Formula) -> tuple[list[Term], Proof]:
    """What is left of wanted - printed, and the comparison made; an empty list is a proof."""
    scope, known = formula.scope, facts_of(formula)
    want, have = wanted(formula), formula.right
    first = difference(with_sizes_written_out(scope, want), with_sizes_written_out(scope, have), known)
    if not first:
        return [], Proof(formula, want, have, False)
    full_want, full_have = written_out(scope, want), written_out(scope, have)
    if (full_want, full_have) == (want, have):
        return first, Proof(formula, want, have, False)
    left = difference(with_sizes_written_out(scope, full_want), with_sizes_written_out(scope, full_have), known)
    return left, Proof(formula, full_want, full_have, True)


def prove_size(formula: Formula) -> Proof:
    """H_out counts the windows that fit: for every h >= 0, h < H_out exactly if window h ends inside the padded input.

    The letters say what a window is: it starts at h S and has D (K - 1) + 1 rows; the padded input has H rows and its
    padding. All letters of which the section says something count, so a formula cannot forget one.
    """
    scope, name = formula.scope, formula.tensor
    if name not in OUTPUT_SIZES:
        raise Refuted(f"{formula.place}: {name} is a size of which nothing is known that could be proved")
    axis, sizes = OUTPUT_SIZES.index(name), scope.named_sizes()
    try:
        K, S_, D = along(sizes, "K", axis), along(sizes, "S", axis, S.One), along(sizes, "D", axis, S.One)
        (before, after), H = pads(sizes, axis) if any(n[0] == "P" for n in sizes) else (0, 0), sizes["HW"[axis]]
    except KeyError as problem:
        raise Refuted(f"{formula.place}: {formula.name} cannot be proved: {problem}") from None
    h, facts = fresh("h"), scope.facts()
    fits = scope.resolve(H + before + after - (D * (K - 1) + 1) - h * S_)
    counted = sizes[name] - 1 - h
    late = S_ * (h - sizes[name])  # S > 0 times something >= 0 if h is not counted
    gap = [S_ * g for g in (h, counted)]
    if not (facts.imply(fits, [h, counted, *gap]) and facts.imply(Integer(-1), [h, late, fits])):
        raise Refuted(
            f"{formula.place}: {formula.name} is not proved: {name} does not count the windows that fit\n"
            f"  formula: {formula.latex}"
        )
    return Proof(formula, fits, counted, False)


def prove_formula(formula: Formula) -> Proof:
    """The proof of a gradient, identity or output size; `Refuted` says what is left, with a counterexample if one is
    found.
    """
    if formula.kind == "size":
        return prove_size(formula)
    if not sizes_of(formula.scope, 1, distinct=False):
        raise Refuted(
            f"{formula.place}: no small sizes satisfy what the page says, so {formula.name} would say nothing"
        )
    if formula.kind not in ("gradient", "identity"):
        raise LatexError(formula.place, f"a {formula.kind} is not proved, it is compared with its reference")
    try:
        left, proof = residue(formula)
    except Unsupported as problem:
        raise Refuted(
            f"{formula.place}: {formula.name} is not proved: {problem}\n  formula: {formula.latex}"
        ) from problem
    if left:
        from lectcode.verify.counterexample import counterexample

        lines = [f"{formula.place}: {formula.name} is not proved", f"  formula: {formula.latex}"]
        lines += ["  wanted minus printed leaves:"] + [f"    {t}" for t in sorted(left, key=str)]
        found = counterexample(formula)
        lines.append(f"  counterexample: {found}" if found else "  no small case shows a difference")
        raise Refuted("\n".join(lines))
    return proof


def prove(definitions: str, gradient: str) -> Proof:
    r"""Prove a gradient or an identity from definitions, both in the book's LaTeX.

    Parameters
    ----------
    definitions : str
        MyST text with displays between ``$$``: declarations, abbreviations, definitions, and ``G = dL/dO``.
    gradient : str
        One formula, such as ``\frac{\partial L}{\partial \mathbf{F}[k]} = ..``; dollars and box are optional.

    Returns
    -------
    Proof
        When the formula holds for all sizes.

    Raises
    ------
    LatexError
        When the text cannot be read; the message names line, column and token.
    Refuted
        When the formula is not proved; the message shows formula, residue and counterexample. Where z3-solver is
        installed, also when it or a definition reads outside of a tensor.

    Examples
    --------
    >>> definitions = r'''
    ... $$
    ... \begin{aligned}
    ... \mathbf{X} & \in \mathbb{R}^{A} \\
    ... \mathbf{V} & \in \mathbb{R}^{A} \\
    ... \mathbf{O} & \in \mathbb{R}^{1}
    ... \end{aligned}
    ... $$
    ...
    ... $$
    ... \mathbf{O}[m] = \sum_{a=0}^{A-1} \mathbf{V}[a] \cdot \mathbf{X}[a] \cdot \mathbf{X}[a]
    ... $$
    ...
    ... $$
    ... \mathbf{G} = \frac{\partial L}{\partial \mathbf{O}} \in \mathbb{R}^{1}
    ... $$
    ... '''
    >>> left = r"\frac{\partial L}{\partial \mathbf{X}[b]}"
    >>> print(prove(definitions, left + r" = 2 \mathbf{G}[0] \cdot \mathbf{V}[b] \cdot \mathbf{X}[b]"))
    the formula given: proved for all sizes
    """
    body = gradient.strip().removeprefix("$$").removesuffix("$$").strip()
    if not body.startswith(r"\boxed"):
        body = rf"\boxed{{{body}}}"
    from lectcode.verify.bounds import available, check_bounds

    book: Book = read_text(f"{definitions}\n\n$$\n{body}\n$$ (given)\n", "definitions", promised=False)
    formula = book.formulas[-1]
    formula.label = "the formula given"
    proof = prove_formula(formula)
    if available():
        for f in book.formulas:
            if f.kind not in ("size", "abbreviation"):
                check_bounds(f)
    return proof
