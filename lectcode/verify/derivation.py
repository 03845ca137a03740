r"""The derivation of a gradient, step by step in LaTeX: chain rule, Kronecker deltas, elimination, result.

The steps are the prover's rules at work on the printed definitions. Each step is written as LaTeX, read back by the
book's grammar and proved equal to the step before, so what is shown is what was checked; the last step is the formula
on the page.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from sympy import Add, Expr, Indexed, Mul, Pow, S, Sum, Symbol

from lectcode.verify.chainrule import chain_rule, contributing, with_sizes_written_out, written_out
from lectcode.verify.difference import difference
from lectcode.verify.errors import MeaningError, Refuted, Unsupported
from lectcode.verify.expressions import (
    TENSORIAL,
    AtLeastZero,
    IsZero,
    Window,
    WindowPartial,
    gradient_name,
    normal,
    refresh,
    tensor,
    tensors_of,
)
from lectcode.verify.facts import Facts
from lectcode.verify.grammar import GrammarError, parse
from lectcode.verify.latex import Writer, latex_name
from lectcode.verify.normalform import solvable
from lectcode.verify.prover import facts_of
from lectcode.verify.reader import Formula
from lectcode.verify.report import open_book
from lectcode.verify.scope import Scope


@dataclass(frozen=True)
class Step:
    """One line: what was done, and the right-hand side that it gives."""

    words: str
    latex: str


class Derivation:
    """The steps from the chain rule to the formula on the page."""

    def __init__(self, formula: Formula, left: str, steps: list[Step]):
        self.formula, self.left, self.steps = formula, left, steps

    def __repr__(self):
        lines = [self.left]
        for s in self.steps:
            lines += [f"  {s.words}:", f"    = {s.latex}"]
        return "\n".join(lines)

    def _repr_latex_(self):
        rows = [rf"& {self.left}"]
        for s in self.steps:
            rows += [rf"& \quad \text{{{s.words}:}}", rf"& = {s.latex}"]
        return "$$\n\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}\n$$"


@dataclass(frozen=True)
class Piece:
    """coefficient * sums (outermost first) of conditions * factors."""

    coefficient: Expr
    limits: tuple[tuple[Symbol, Expr, Expr], ...]
    factors: tuple[Expr, ...]
    conditions: tuple[Expr, ...]


def pieces(e: Expr) -> list[Piece]:
    """Multiply out, with every sum in front."""
    if isinstance(e, Add):
        return [p for a in e.args for p in pieces(a)]
    if isinstance(e, Mul):
        out = [Piece(S.One, (), (), ())]
        for a in e.args:
            out = [_join(p, q) for p in out for q in pieces(a)]
        return out
    if isinstance(e, Sum):
        return [replace(p, limits=(*reversed(e.limits), *p.limits)) for p in pieces(e.function)]
    if isinstance(e, (AtLeastZero, IsZero)):
        return [Piece(S.One, (), (), (e,))]
    if isinstance(e, (Indexed, Window, WindowPartial)) or (isinstance(e, Pow) and isinstance(e.base, Indexed)):
        return [Piece(S.One, (), (e,), ())]
    if e.has(*TENSORIAL):
        raise Unsupported(f"a derivation with {e}")
    return [Piece(e, (), (), ())]


def _join(p: Piece, q: Piece) -> Piece:
    return Piece(p.coefficient * q.coefficient, p.limits + q.limits, p.factors + q.factors, p.conditions + q.conditions)


def eliminated(p: Piece, facts: Facts) -> tuple[Piece, Symbol, Expr] | None:
    """One delta used up: its index, the value it forces, and what is left; None when no delta can be used."""
    bound = [i for i, _, _ in p.limits]
    for c in p.conditions:
        if not isinstance(c, IsZero):
            continue
        e = c.args[0]
        i = next((b for b in reversed(bound) if e.has(b) and solvable(e, b)), None)
        if i is None:
            continue
        factor = e.coeff(i)
        value = normal(-(e - factor * i) / factor)
        low, high = next((a, b) for j, a, b in p.limits if j == i)
        ranges = [AtLeastZero(normal(value - low)), AtLeastZero(normal(high - value))]

        def new(x, i=i, value=value):
            return normal(x.xreplace({i: value}))

        conditions = [*(new_condition(d, i, value) for d in p.conditions if d is not c), *ranges]
        left = Piece(
            new(p.coefficient),
            tuple((j, new(a), new(b)) for j, a, b in p.limits if j != i),
            tuple(map(new, p.factors)),
            tuple(conditions),
        )
        return without_known(left, facts), i, value
    return None


def new_condition(condition: Expr, i: Symbol, value: Expr) -> Expr:
    """A condition with the index replaced."""
    return condition.func(normal(condition.args[0].xreplace({i: value})))


def without_known(p: Piece, facts: Facts) -> Piece:
    """Leave out the conditions that always hold: by the facts and the ranges of the sums."""
    ranges = [g for i, a, b in p.limits for g in (i - a, b - i)]
    keep = []
    for c in p.conditions:
        if c == 1:
            continue
        if isinstance(c, AtLeastZero) and facts.imply(c.args[0], ranges):
            continue
        if c not in keep:
            keep.append(c)
    return replace(p, conditions=tuple(keep))


class _Deriver:
    """Makes and checks the steps of one gradient."""

    def __init__(self, formula: Formula):
        self.formula, self.scope, self.facts = formula, formula.scope, facts_of(formula)
        self.writer = Writer({})
        self.steps: list[Step] = []
        self.last: Expr | None = None

    def named(self, ps: list[Piece]):
        """Give every index a name of its own: a prime where the name is taken."""
        names = {s: n for n, s in self.formula.indices.items()}
        for p in ps:
            taken = set(self.formula.indices)
            for i, _, _ in p.limits:
                name = i.name
                while name in taken or self.scope.is_size(name) or name in self.scope.abbreviations:
                    name += "'"
                taken.add(name)
                names[i] = name
        self.writer = Writer(names)

    def add(self, words: str, latex: str):
        """Read the step back and prove it equal to the one before."""
        try:
            (tree,) = parse(latex)
            e = self.scope.expression(tree, self.formula.indices)
        except (GrammarError, MeaningError) as problem:
            raise Refuted(f"{self.formula.name}: a step cannot be read back: {problem}: {latex}") from None
        if self.last is not None and not equal(self.scope, self.last, e, self.facts):
            raise Refuted(f"{self.formula.name}: a step does not follow: {latex}")
        self.last = e
        self.steps.append(Step(words, latex))

    def write(self, ps: list[Piece]) -> str:
        self.named(ps)
        out = [self.writer.product(p.coefficient, p.limits, p.factors, p.conditions) for p in ps]
        return " + ".join(out) if out else "0"

    def chain(self) -> str:
        """The chain rule with the derivatives of the definitions not yet worked out."""
        f, parts = self.formula, []
        entry = tensor(f.tensor)[tuple(f.indices.values())]
        for user in contributing(self.scope):
            d = self.scope.definitions[user]
            if user == f.tensor or f.tensor not in tensors_of(d.value):
                continue
            above = tensor(self.scope.upstream.get(user, gradient_name(user)))[d.indices]
            limits = [(i, S.Zero, n - 1) for i, n in zip(d.indices, self.scope.shape(user), strict=True)]
            piece = Piece(S.One, tuple(limits), (above,), ())
            self.named([piece])
            sums = self.writer.product(S.One, limits, (above,), ())
            over, under = self.writer.entry(tensor(user)[d.indices]), self.writer.entry(entry)
            local = rf"\frac{{\partial {over}}}{{\partial {under}}}"
            parts.append(rf"{sums} \cdot {local}")
        return " + ".join(parts)

    def run(self) -> Derivation:
        f = self.formula
        left = rf"\frac{{\partial L}}{{\partial {latex_name(f.tensor, True)}[{', '.join(map(latex_name, f.indices))}]}}"
        self.add("the chain rule over the entries that depend on it", self.chain())
        ps = pieces(refresh(chain_rule(self.scope, f.tensor, f.indices.values())))
        self.add("the derivative of the definition: a delta for each index", self.write(ps))
        while found := next(((k, s) for k, p in enumerate(ps) if (s := eliminated(p, self.facts))), None):
            k, (left_over, index, value) = found
            self.named([ps[k]])
            what = f"{self.writer.name(index)} = {self.writer.index(value)}"
            ps[k] = left_over
            self.add(f"one delta leaves only ${what}$", self.write(ps))
        self.add("in the letters of the page", " ".join(_right(f).split()))
        return Derivation(f, left, self.steps)


def _right(f: Formula) -> str:
    """The right-hand side as it is printed."""
    side = f.tree.sides[1]
    return f.row.text[side.start : side.end].replace("&", " ")


def equal(scope: Scope, a: Expr, b: Expr, facts: Facts) -> bool:
    """Are two expressions equal, as they are or written out?"""
    if not difference(with_sizes_written_out(scope, a), with_sizes_written_out(scope, b), facts):
        return True
    a, b = written_out(scope, a), written_out(scope, b)
    return not difference(with_sizes_written_out(scope, a), with_sizes_written_out(scope, b), facts)


def derive_formula(formula: Formula) -> Derivation:
    """The derivation of a gradient; `Refuted` when a step, or the formula on the page, does not follow."""
    if formula.kind != "gradient":
        raise ValueError(f"{formula.name} is a {formula.kind}; only gradients are derived")
    if "L" in formula.scope.definitions:
        raise Unsupported("a derivation from a formula for L")
    return _Deriver(formula).run()


def derive(label: str, folder: Path | str | None = None) -> Derivation:
    """Derive the gradient with this label step by step.

    Parameters
    ----------
    label : str
        The label of a gradient, such as "conv-grad-filters".
    folder : path, optional
        The book; by default the one around this package or inside it.

    Returns
    -------
    Derivation
        Its steps; a notebook shows them as LaTeX. Each was read back and proved equal to the one before.
    """
    (formula,) = open_book(folder)[0].labelled(label)
    return derive_formula(formula)
