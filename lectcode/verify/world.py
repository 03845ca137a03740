"""The numbers of a formula's world: every tensor that it reads, for one choice of sizes, computed when asked for."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from sympy import Dummy, Expr, Pow, Rational

from lectcode.verify.cases import SCALE, random_tensor, shape_of
from lectcode.verify.chainrule import chain_rule
from lectcode.verify.expressions import canonical, fresh
from lectcode.verify.loopnest import LoopNest, asks_for_signs, loop_nest, real_valued
from lectcode.verify.reader import Formula
from lectcode.verify.scope import Scope

# Some random entries are -9 to 9 times one of these, so that a wrong threshold lies between two entries. The real ones
# are powers of 2, and so large only that sums of products of two are exact in float64.
_LARGE = 101
_SMALL_REAL = 2.0**-15
_LARGE_REAL = 2.0**16
_LARGE_EXPONENT = 9.25  # exp of nine times this is not too large
_LARGEST = 2**22  # what the pooling function may get: what it gives is then below 2^53


@lru_cache(maxsize=4096)
def divides(e: Expr) -> bool:
    """Does the expression divide by anything?"""
    if any(p.exp.could_extract_minus_sign() for p in e.atoms(Pow)):
        return True
    return any(not r.is_Integer for r in e.atoms(Rational))


def differ(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Where two results are not the same number: exactly, for floats up to a rounding error of 1e-9."""
    if a.dtype.kind != "f" and b.dtype.kind != "f":
        return a != b
    return ~(np.abs(a - b) <= 1e-9 * np.maximum(1, np.abs(b)))


def real(formula: Formula) -> float:
    """How many of the worlds of a formula have to be real, as a share, by it and the definitions that it may use.

    All where exp or log occur. Half where it asks for the size or sign of an entry: on whole numbers alone, wrong
    thresholds between two of them pass, and on real numbers alone, faults below a rounding error.
    """
    values = [formula.left, formula.right, *(d.value for d in formula.scope.definitions.values())]
    values = [e for e in values if e is not None]
    return 1 if any(map(real_valued, values)) else 0.5 if any(map(asks_for_signs, values)) else 0


@lru_cache(maxsize=16)
def _index(k: int) -> Dummy:
    return fresh(f"i{k}")


class World:
    """Tensors by name: defined ones by the loop nest of their definition, derivatives by ``gradient``, others at
    random.

    ``gradient`` gives the loop nest of dL/dX; by default it is the chain rule. ``given`` may supply tensors that are
    not random (positions of maxima). ``real`` is the share of worlds with real numbers: quarters, in float64. The
    others have whole numbers; if anything divides, multiples of 3600, so that averages stay whole.

    Worlds with an even ``seed`` also have some much larger entries, or much smaller ones.
    """

    def __init__(
        self,
        scope: Scope,
        sizes: dict[str, int],
        seed: int,
        compiled: bool,
        scaled: bool,
        gradient: Callable[[str], LoopNest] | None = None,
        given: Callable[[World, str], np.ndarray | None] | None = None,
        real: float = 0,
    ):
        self.scope, self.sizes, self.seed, self.compiled = scope, sizes, seed, compiled
        # Half of them are 1, 2, 5, 6, ..: odd and even seeds.
        self.real = (seed - 1) % 4 < 4 * real
        self.unit = 0.25 if self.real else SCALE if scaled else 1
        large = _LARGE_EXPONENT if real == 1 else _LARGE_REAL
        self.rare = (_SMALL_REAL, large)[seed // 4 % 2] if self.real else _LARGE * self.unit
        self.gradient, self.given = gradient or self.by_chain_rule, given
        self.known: dict[str, np.ndarray] = {}

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self.known:
            self.known[name] = self.compute(name)
        return self.known[name]

    def compute(self, name: str) -> np.ndarray:
        """The numbers of one tensor."""
        scope = self.scope
        if name in scope.definitions:
            d = scope.definitions[name]
            return self.fill(self.nest(d.value, d.indices, scope.shapes[name]), name)
        if name.startswith("∂"):
            return self.fill(self.gradient(name[1:]), name[1:])
        if self.given is not None and (given := self.given(self, name)) is not None:
            return given
        # Each tensor has numbers of its own, whatever was asked for before.
        rng = np.random.default_rng([self.seed, *name.encode()])
        numbers = random_tensor(scope, name, self.sizes, rng)
        if name in scope.integer_ranges:
            return numbers
        if self.seed % 2:
            return numbers * self.unit
        return numbers * rng.choice([self.unit] * 6 + [self.rare], numbers.shape)

    def nest(self, e: Expr, indices, shape) -> LoopNest:
        """The loop nest of an expression."""
        return loop_nest(e, tuple(indices), tuple(shape), self.compiled, self.real)

    def by_chain_rule(self, tensor: str) -> LoopNest:
        """The loop nest of dL/dX by the chain rule over the definitions: one for all worlds."""
        shape = self.scope.shapes[tensor]
        indices = tuple(_index(k) for k in range(len(shape)))
        return self.nest(canonical(chain_rule(self.scope, tensor, indices)), indices, shape)

    def fill(self, nest: LoopNest, tensor: str | None) -> np.ndarray:
        """Run a loop nest over an array of that tensor's shape (None: a single number)."""
        shape = shape_of(self.scope, tensor, self.sizes) if tensor else ()
        out = np.zeros(shape, np.float64 if self.real else np.int64)
        tensors = {t: self[t] for t in nest.tensors}
        if nest.functions and not self.real and any(np.abs(x).max(initial=0) > _LARGEST for x in tensors.values()):
            raise ArithmeticError("a number is too large for the pooling function")
        return nest(out, tensors, self.sizes)

    def value(self, formula: Formula, e: Expr) -> np.ndarray:
        """The values of an expression over the indices of a formula."""
        nest = self.nest(e, formula.indices.values(), formula.shape)
        return self.fill(nest, formula.tensor if formula.indices else None)
