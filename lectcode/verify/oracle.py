"""Run the printed formulas: on whole numbers, over many small shapes, against the kernels and the definitions.

What a formula reads is computed by the book as well: a defined tensor by the loop nest of its definition, a derivative by the loop nest
of its printed gradient. All numbers are whole, so every comparison asks for equality in every entry. An algorithm that
works with fractions (Winograd) may leave a rounding error; its result must then lie within 1e-6 of the whole number.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np

from .cases import SCALE, _numbers, random_tensor, shape_of, sizes_of
from .counterexample import FUNCTIONS, divides
from .errors import Refuted
from .expressions import fresh
from .loopnest import LoopNest, loop_nest
from .prover import chain_rule
from .reader import Book, Formula
from .subjects import Subject, _jitted, argmax_of_windows, family, subjects

SHAPES = 3000
REFERENCE_SHAPES = 40
_CLOSE = 1e-6


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


class _Numbers:
    """The numbers of one formula's world for one choice of sizes: every tensor by name, computed when asked for."""

    def __init__(self, oracle: Oracle, formula: Formula, sizes: dict[str, int], seed: int):
        self.oracle, self.formula, self.sizes = oracle, formula, sizes
        self.rng = np.random.default_rng([20261122, seed])
        self.known: dict[str, np.ndarray] = {}
        self.scale = SCALE if oracle.scaled(formula) else 1

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self.known:
            self.known[name] = self.compute(name)
        return self.known[name]

    def compute(self, name: str) -> np.ndarray:
        scope, oracle = self.formula.scope, self.oracle
        if name in scope.definitions:
            d = scope.definitions[name]
            return self.fill(oracle.nest(d.value, d.indices, scope.shapes[name]), shape_of(scope, name, self.sizes))
        if name.startswith("∂"):
            tensor = name[1:]
            nest = oracle.gradient_nest(self.formula, tensor)
            return self.fill(nest, shape_of(scope, tensor, self.sizes))
        if name in scope.integer_ranges and oracle.layer(self.formula) == "max-pool" and name in ("A_h", "A_w"):
            rows, columns = argmax_of_windows(self.sizes, self["I"])
            return rows if name == "A_h" else columns
        return random_tensor(scope, name, self.sizes, self.rng, self.scale)

    def fill(self, nest: LoopNest, shape) -> np.ndarray:
        out = np.zeros(shape, np.int64)
        functions = {n: _jitted(FUNCTIONS[n]) if self.oracle.compiled else FUNCTIONS[n] for n in nest.functions}
        return nest(out, {t: self[t] for t in nest.tensors}, self.sizes, functions)


class Oracle:
    """Runs the formulas of one book."""

    def __init__(self, book: Book, compile_loops: bool | None = None, shapes: int = SHAPES):
        self.book = book
        self.compiled = compiled() if compile_loops is None else compile_loops
        self.shapes = shapes if self.compiled else max(1, shapes // 100)

    def nest(self, e, indices, shape) -> LoopNest:
        """The loop nest of an expression, compiled once."""
        return loop_nest(e, tuple(indices), tuple(shape), self.compiled)

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

    def gradient_nest(self, formula: Formula, tensor: str) -> LoopNest:
        """How the book prints dL/dX where this formula stands, or else the chain rule."""
        for f in self.book.section_of(formula):
            if f.kind == "gradient" and f.tensor == tensor and f is not formula:
                return self.nest(f.right, f.indices.values(), f.scope.shapes[tensor])
        scope = formula.scope
        indices = [fresh(f"i{k}") for k in range(len(scope.shapes[tensor]))]
        return self.nest(chain_rule(scope, tensor, indices), indices, scope.shapes[tensor])

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
        if not found and formula.boxed and formula.kind in ("definition", "size"):
            raise Refuted(
                f"{formula.place}: nothing to compare {formula.name} with: lectcode.verify.subjects has no function for "
                f"{self.quantity(formula)} of a layer called {self.layer(formula)}"
            )
        kernels = [s for s in found if not s.independent]
        references = [s for s in found if s.independent]
        if not found:
            return Run(formula, (), (), 0, 0)
        choices = sizes_of(formula.scope, self.shapes)
        if not choices:
            raise Refuted(f"{formula.place}: there are no small sizes on which {formula.name} could be run")
        cheap = sorted(range(len(choices)), key=lambda k: _work(choices[k]))
        small = set(cheap[: 4 * REFERENCE_SHAPES : 4] if len(cheap) > 4 * REFERENCE_SHAPES else cheap[:REFERENCE_SHAPES])
        for k, sizes in enumerate(choices):
            numbers = _Numbers(self, formula, sizes, k)
            printed = self.value(formula, numbers)
            for s in (*kernels, *references) if k in small else kernels:
                self.compare(formula, s, printed, numbers)
        return Run(
            formula,
            tuple(s.name for s in kernels),
            tuple(s.name for s in references),
            len(choices) if kernels else len(small),
            len(small) if references else 0,
        )

    def value(self, formula: Formula, numbers: _Numbers) -> np.ndarray:
        """What the printed formula gives."""
        if formula.kind == "size":
            return np.asarray(_numbers((formula.right,), numbers.sizes)[0])
        nest = self.nest(formula.right, formula.indices.values(), formula.scope.shapes[formula.tensor])
        try:
            return numbers.fill(nest, shape_of(formula.scope, formula.tensor, numbers.sizes))
        except (IndexError, ArithmeticError) as problem:
            raise Refuted(f"{formula.place}: {formula.name}: {problem}; sizes {_listed(numbers.sizes)}") from None

    def compare(self, formula: Formula, subject: Subject, printed: np.ndarray, numbers: _Numbers):
        """The subject's result must be the printed one, entry by entry."""
        arrays = _AsFloat(numbers, formula)
        try:
            got = np.asarray(subject.call(numbers.sizes, arrays))
        except KeyError as problem:
            raise Refuted(f"{formula.place}: {subject.name} cannot be called: {problem}") from None
        if got.shape != printed.shape:
            raise Refuted(
                f"{formula.place}: {formula.name} has shape {printed.shape}, {subject.name} {got.shape}; "
                f"sizes {_listed(numbers.sizes)}"
            )
        wrong = np.abs(got - printed) > (_CLOSE if not subject.independent else 0)
        if not np.array_equal(np.rint(got), printed) or wrong.any():
            at = tuple(int(i) for i in np.argwhere(np.atleast_1d(np.rint(got) != printed) | np.atleast_1d(wrong))[0])
            entry = np.atleast_1d(printed)[at], np.atleast_1d(got)[at]
            names = ", ".join(f"{n} = {i}" for n, i in zip(formula.indices, at, strict=False))
            raise Refuted(
                f"{formula.place}: {formula.name} and {subject.name} differ for {_listed(numbers.sizes)}"
                f"{' at ' + names if names else ''}: the formula gives {entry[0]}, {subject.name} {entry[1]}\n"
                f"  formula: {formula.latex}"
            )

    def both_sides(self, formula: Formula) -> Run:
        """An identity is run as well: its two sides give the same numbers."""
        indices = list(formula.indices.values())
        shape = formula.scope.shapes[formula.tensor] if indices else ()
        choices = sizes_of(formula.scope, max(1, self.shapes // 10))
        if not choices:
            raise Refuted(f"{formula.place}: there are no small sizes on which {formula.name} could be run")
        for k, sizes in enumerate(choices):
            numbers = _Numbers(self, formula, sizes, k)
            lengths = _numbers(tuple(shape), sizes) if indices else ()
            sides = [numbers.fill(self.nest(e, indices, shape), lengths) for e in (formula.left, formula.right)]
            if not np.array_equal(*sides):
                raise Refuted(f"{formula.place}: the sides of {formula.name} differ for {_listed(sizes)}")
        return Run(formula, (), (), len(choices), 0)


class _AsFloat(dict):
    """The tensors that a subject takes, as float64, under the names of the page."""

    def __init__(self, numbers: _Numbers, formula: Formula):
        super().__init__()
        scope = formula.scope
        output = next(iter(scope.upstream), "O")
        names = [n for n in ("I", "F", "B") if n in scope.shapes]
        if formula.kind == "gradient":
            names.append(scope.upstream.get(output, "G"))
        for name in names:
            key = "G" if name == scope.upstream.get(output) else name
            self[key] = np.asarray(numbers[name], dtype=np.float64)


def _work(sizes: dict[str, int]) -> float:
    """Roughly how much a slow definition has to do."""
    product = 1.0
    for value in sizes.values():
        product *= max(1, value)
    return product


def _listed(sizes: dict[str, int]) -> str:
    return ", ".join(f"{k} = {v}" for k, v in sizes.items())
