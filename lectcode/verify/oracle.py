"""Run the printed formulas: on whole numbers, over many small shapes, against the kernels and the definitions.

What a formula reads is computed by the book as well: a defined tensor by the loop nest of its definition, a
derivative by the loop nest of its printed gradient. All numbers are whole, so every comparison asks for equality in
every entry. An algorithm that works with fractions (Winograd) may leave a rounding error; its result must then lie
within 1e-6 of the whole number. Formulas with exp or log run in float64 and are compared up to a rounding error. So is
every other run of a formula that asks for the size or sign of an entry.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numba
import numpy as np
from sympy import Indexed

from lectcode.verify.cases import numbers_of, sizes_of
from lectcode.verify.errors import Refuted
from lectcode.verify.loopnest import LoopNest, operations
from lectcode.verify.reader import Book, Formula
from lectcode.verify.subjects import GIVEN, Subject, family, fits, subjects
from lectcode.verify.world import World, differ, divides, real

LAYERS = ("O", "I_pad")  # the tensors that the library's functions give
SHAPES = 2000
REFERENCE_SHAPES = 40
_WORLDS = 8  # from so many on, there are random numbers of every kind
_CLOSE = 1e-6
_STEPS = 150_000_000  # innermost loop steps for one formula


@dataclass(frozen=True)
class Run:
    """What a formula was compared with, and on how many shapes."""

    formula: Formula
    kernels: tuple[str, ...]
    references: tuple[str, ...]
    shapes: int
    reference_shapes: int


def compiled() -> bool:
    """Is Numba's compiler on? Without it there are fewer shapes."""
    return not numba.config.DISABLE_JIT


class Oracle:
    """Runs the formulas of one book."""

    def __init__(self, book: Book, compile_loops: bool | None = None, shapes: int | None = None):
        self.book = book
        self.compiled = compiled() if compile_loops is None else compile_loops
        self.shapes = shapes or (SHAPES if self.compiled else SHAPES // 100)

    def layer(self, formula: Formula) -> str | None:
        """The layer of a formula: its own label says it, or the next label of the section."""
        if found := family(formula.label):
            return found
        section = self.book.section_of(formula)
        later = section[section.index(formula) :] if formula in section else section
        return next((found for f in (*later, *section) if (found := family(f.label))), None)

    def scaled(self, formula: Formula) -> bool:
        """Does anything that this formula reads divide? Then all numbers are multiples of 3600."""
        e = [formula.right] if formula.right is not None else []
        e += [d.value for d in formula.scope.definitions.values()]
        return any(divides(x) for x in e)

    def world(self, formula: Formula, sizes: dict[str, int], seed: int) -> World:
        """The numbers for one choice of sizes; derivatives by the printed gradients, positions of maxima by argmax."""
        scope = formula.scope

        def gradient(tensor: str) -> LoopNest:
            printed = self.printed_gradient(formula, tensor)
            if printed is None:
                return world.by_chain_rule(tensor)
            return world.nest(printed.right, printed.indices.values(), scope.shapes[tensor])

        def given(world: World, name: str) -> np.ndarray | None:
            supply = GIVEN.get((self.layer(formula), name))
            try:
                return supply(sizes, world) if supply else None
            except (KeyError, IndexError) as problem:
                raise Refuted(f"{formula.place}: {name} of {formula.name} cannot be given: {problem}") from None

        world = World(scope, sizes, seed, self.compiled, self.scaled(formula), gradient, given, real(formula))
        return world

    def worlds(self, formula: Formula, choices: list[dict[str, int]]) -> Iterator[World]:
        """One for each choice of sizes; where these are few, several."""
        rounds = -(-_WORLDS // len(choices))
        return (self.world(formula, sizes, k) for k, sizes in enumerate(choices * rounds))

    def printed_gradient(self, formula: Formula, tensor: str) -> Formula | None:
        """The first printed gradient of a tensor in the section of a formula."""
        found = (f for f in self.book.section_of(formula) if f.kind == "gradient" and f.tensor == tensor)
        return next((f for f in found if f is not formula), None)

    def quantity(self, formula: Formula) -> str:
        """The name of what a formula gives."""
        return f"∂{formula.tensor}" if formula.kind == "gradient" else formula.tensor or ""

    def compared(self, formula: Formula) -> list[Subject]:
        """The functions to compare a formula with."""
        label = formula.label if family(formula.label) else self.layer(formula)
        return subjects(label, self.quantity(formula))

    def run(self, formula: Formula) -> Run:
        """Compare a formula with all kernels and definitions of its quantity; `Refuted` at the first difference."""
        if formula.kind == "identity":
            return self.both_sides(formula)
        found = self.compared(formula)
        claims = formula.boxed or formula.tensor in LAYERS  # what a layer gives has a function even where it has no box
        if not found and claims and formula.kind in ("definition", "size"):
            raise Refuted(
                f"{formula.place}: nothing to compare {formula.name} with: subjects.py has no function for "
                f"{self.quantity(formula)} of a layer called {self.layer(formula)}"
            )
        kernels = [s for s in found if not s.independent]
        references = [s for s in found if s.independent]
        if not found:
            return self.by_chain_rule(formula) if formula.kind == "gradient" else Run(formula, (), (), 0, 0)
        choices = self.choices(formula, self.shapes)
        cheap = sorted(range(len(choices)), key=lambda k: _work(choices[k]))
        small = set(
            cheap[: 4 * REFERENCE_SHAPES : 4] if len(cheap) > 4 * REFERENCE_SHAPES else cheap[:REFERENCE_SHAPES]
        )
        for k, numbers in enumerate(self.worlds(formula, choices)):
            printed = self.value(formula, numbers)
            for s in (*kernels, *references) if k % len(choices) in small else kernels:
                self.compare(formula, s, printed, numbers)
        return Run(
            formula,
            tuple(s.name for s in kernels),
            tuple(s.name for s in references),
            len(choices) if kernels else len(small),
            len(small) if references else 0,
        )

    def choices(self, formula: Formula, limit: int) -> list[dict[str, int]]:
        """The sizes on which a formula is run: at most ``limit``, and no more than its loops do in a few seconds."""
        found, budget = [], _STEPS if self.compiled else _STEPS // 500
        steps = (self.steps(formula),) if formula.kind != "size" else ()
        for sizes in sizes_of(formula.scope, 2 * limit):
            if formula.kind != "size" and not fits(self.layer(formula), sizes):
                continue
            budget -= sum(numbers_of(steps, sizes))
            found.append(sizes)
            if budget < 0 or len(found) == limit:
                break
        if not found:
            raise Refuted(f"{formula.place}: there are no small sizes on which {formula.name} could be run")
        return found

    def steps(self, formula: Formula):
        """How much the loops of a formula do, with the loops of the printed gradients that it reads."""
        total = operations(formula.right, formula.shape)
        for name in {x.base.label.name for x in formula.right.atoms(Indexed)}:
            printed = self.printed_gradient(formula, name[1:]) if name.startswith("∂") else None
            if printed and printed is not formula:
                total += self.steps(printed)
        return total

    def value(self, formula: Formula, numbers: World) -> np.ndarray:
        """What the printed formula gives."""
        if formula.kind == "size":
            return np.asarray(numbers_of((formula.right,), numbers.sizes)[0])
        return self.side(formula, formula.right, numbers)

    def side(self, formula: Formula, expression, numbers: World) -> np.ndarray:
        """What one side of a formula gives; a read out of bounds, there or in a definition, refutes it."""
        try:
            return numbers.value(formula, expression)
        except (IndexError, ArithmeticError) as problem:
            raise Refuted(f"{formula.place}: {formula.name}: {problem}; sizes {_listed(numbers.sizes)}") from None

    def compare(self, formula: Formula, subject: Subject, printed: np.ndarray, numbers: World):
        """The subject's result must be the printed one, entry by entry."""
        arrays = _Given(numbers)
        try:
            got = np.asarray(subject.call(numbers.sizes, arrays))
        except (KeyError, IndexError, TypeError, ValueError, ArithmeticError) as problem:
            raise Refuted(
                f"{formula.place}: {subject.name} cannot be called: {problem}; sizes {_listed(numbers.sizes)}\n"
                f"  formula: {formula.latex}"
            ) from None
        if got.shape != printed.shape:
            raise Refuted(
                f"{formula.place}: {formula.name} has shape {printed.shape}, {subject.name} {got.shape}; "
                f"sizes {_listed(numbers.sizes)}"
            )
        if numbers.real:
            wrong = differ(got, printed)
        else:
            wrong = (np.abs(got - printed) > (_CLOSE if not subject.independent else 0)) | (np.rint(got) != printed)
        if wrong.any():
            at = tuple(int(i) for i in np.argwhere(np.atleast_1d(wrong))[0])
            entry = np.atleast_1d(printed)[at], np.atleast_1d(got)[at]
            names = ", ".join(f"{n} = {i}" for n, i in zip(formula.indices, at, strict=False))
            raise Refuted(
                f"{formula.place}: {formula.name} and {subject.name} differ for {_listed(numbers.sizes)}"
                f"{' at ' + names if names else ''}: the formula gives {entry[0]}, {subject.name} {entry[1]}\n"
                f"  formula: {formula.latex}"
            )

    def by_chain_rule(self, formula: Formula) -> Run:
        """A gradient that no function of the library computes is compared with the chain rule, run as loops."""
        choices = self.choices(formula, max(1, self.shapes // 10))
        for numbers in self.worlds(formula, choices):
            printed = self.value(formula, numbers)
            try:
                true = numbers.fill(numbers.by_chain_rule(formula.tensor), formula.tensor)
            except ArithmeticError as problem:
                raise Refuted(f"{formula.place}: {formula.name} by the chain rule: {problem}") from None
            if differ(printed, true).any():
                raise Refuted(f"{formula.place}: {formula.name} and the chain rule differ for {_listed(numbers.sizes)}")
        return Run(formula, (), ("the chain rule",), 0, len(choices))

    def both_sides(self, formula: Formula) -> Run:
        """An identity is run as well: its two sides give the same numbers."""
        choices = self.choices(formula, max(1, self.shapes // 10))
        for numbers in self.worlds(formula, choices):
            sides = [self.side(formula, e, numbers) for e in (formula.left, formula.right)]
            if differ(*sides).any():
                raise Refuted(f"{formula.place}: the sides of {formula.name} differ for {_listed(numbers.sizes)}")
        return Run(formula, (), (), len(choices), 0)


class _Given(Mapping):
    """The tensors of a formula's world as float64, for the functions under test; the given derivative is called G."""

    def __init__(self, numbers: World):
        self.numbers, scope = numbers, numbers.scope
        self.names = {("G" if name in scope.upstream.values() else name): name for name in scope.shapes}
        if "I_pad" in scope.shapes and "I_pad" not in scope.definitions:  # the page begins with the padded picture
            self.names["I"] = "I_pad"

    def __getitem__(self, name: str) -> np.ndarray:
        return np.asarray(self.numbers[self.names[name]], dtype=np.float64)

    def __iter__(self):
        return iter(self.names)

    def __len__(self):
        return len(self.names)


def _work(sizes: dict[str, int]) -> float:
    """Roughly how much a slow definition has to do."""
    product = 1.0
    for value in sizes.values():
        product *= max(1, value)
    return product


def _listed(sizes: dict[str, int]) -> str:
    return ", ".join(f"{k} = {v}" for k, v in sizes.items())
