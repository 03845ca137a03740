"""Turn a formula into a loop nest over exact integers: one loop per index, one per sum, nothing clever.

Where exp or log occur there is no exact arithmetic, and the same loops run in float64. Where the size or sign of an
entry is asked for, they run on both kinds of numbers.

Every tensor read is checked against the tensor's shape and raises IndexError outside of it (NumPy would wrap a
negative index); a factor is read only where the indicators beside it hold; a division that leaves a remainder and a
whole number of 2^53 or more raise ArithmeticError. The loop nest is the oracle for the kernels, so it takes the formula
as it was read, not its normal form.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from math import exp, log

import numba
from sympy import Add, Dummy, Expr, Indexed, Integer, KroneckerDelta, Mul, Pow, Sum, Symbol, Tuple

from lectcode.verify.errors import Unsupported
from lectcode.verify.expressions import (
    AtLeastZero,
    Divides,
    Exponential,
    FloorQuotient,
    IsPositive,
    IsZero,
    Largest,
    Logarithm,
    ProductOver,
    Reciprocal,
    Smallest,
    Window,
    WindowPartial,
)

# Whole numbers below this are exact in float64, as the kernels compute. Those of 64 bits begin again at 2^64: without a
# limit, a wrong summand that 2^64 divides would vanish.
_EXACT = 2**53
_CONDITIONS = (AtLeastZero, IsZero, IsPositive, Divides, KroneckerDelta)
_ELEMENTARY = {Exponential: "_exp", Logarithm: "_log"}
_SIGNS = {"'": "_prime", "~": "_tilde", "^": "_hat", "-": "_bar", "∂": "d_"}


def identifier(name: str) -> str:
    """A Python name for a tensor or size: K_h' -> K_h_prime."""
    return "".join(_SIGNS.get(c, c) for c in name)


@dataclass(frozen=True)
class LoopNest:
    """A compiled formula: call it with the output array, tensors and sizes by name."""

    source: str
    tensors: tuple[str, ...]
    sizes: tuple[str, ...]
    functions: tuple[str, ...]
    run: object

    def __call__(self, out, tensors: dict, sizes: dict, functions: dict | None = None):
        """Fill ``out``."""
        arguments = [tensors[t] for t in self.tensors] + [sizes[s] for s in self.sizes]
        arguments += [(functions or {})[f] for f in self.functions]
        self.run(out, *arguments)
        return out


class Writer:
    """Writes the statements of one formula."""

    def __init__(self, real: bool = False):
        self.real = real
        self.lines: list[str] = []
        self.count = 0
        self.names: dict[Symbol, str] = {}
        self.tensors: dict[str, None] = {}
        self.sizes: dict[str, None] = {}
        self.functions: dict[str, None] = {}

    @property
    def zero(self) -> str:
        """Zero, of the type of the sums: Numba gives a variable one type."""
        return "0.0" if self.real else "0"

    def new(self, stem: str) -> str:
        """A Python name that is not yet used."""
        self.count += 1
        return f"{stem}_{self.count}"

    def put(self, depth: int, line: str):
        """Write one line."""
        self.lines.append("    " * depth + line)

    def expect_exact(self, size: str, d: int):
        """Stop at a whole number that is too large; ``size`` is a float where the number may not fit into 64 bits."""
        if not self.real:
            self.put(d, f"if not -{_EXACT} < {size} < {_EXACT}:")
            self.put(d + 1, "raise ArithmeticError('a number is too large to be exact')")

    def value(self, e: Expr, d: int) -> str:
        """Write what has to come first at depth d; return a Python expression for e."""
        if isinstance(e, Sum):
            return self.sum(e, d)
        if isinstance(e, ProductOver):
            return self.product_over(e, d)
        if isinstance(e, Add):
            return "(" + " + ".join(self.value(a, d) for a in e.args) + ")"
        if isinstance(e, Mul):
            return self.product(e, d)
        if isinstance(e, _CONDITIONS):
            return f"(1 if {self.condition(e, d)} else 0)"
        if isinstance(e, Indexed):
            return self.read(e, d)
        if isinstance(e, (Window, WindowPartial)):
            return self.window(e, d)
        if isinstance(e, tuple(_ELEMENTARY)):
            return f"{_ELEMENTARY[type(e)]}({self.value(e.args[0], d)})"
        if isinstance(e, Reciprocal):
            return f"(1.0 / {self.value(e.args[0], d)})"
        if isinstance(e, FloorQuotient):
            return f"(({self.value(e.args[0], d)}) // ({self.value(e.args[1], d)}))"
        if isinstance(e, (Largest, Smallest)):
            inner = ", ".join(self.value(a, d) for a in e.args)
            return f"{'max' if isinstance(e, Largest) else 'min'}({inner})"
        if isinstance(e, Symbol):
            if e in self.names:
                return self.names[e]
            if e.is_Dummy:
                raise Unsupported(f"the index {e.name} is not bound")
            self.sizes[e.name] = None
            return identifier(e.name)
        if e.is_Integer:
            if abs(e) >= _EXACT:
                raise Unsupported(f"the number {e} is too large for a loop nest")
            return str(e) if e >= 0 else f"({e})"
        if isinstance(e, Pow) and e.exp.is_Integer and e.exp > 0:
            base = self.value(e.base, d)
            self.expect_exact(f"float({base})**{e.exp}", d)
            return f"({base})**{e.exp}"
        if e.is_Rational or isinstance(e, Pow):
            return self.product(e, d)
        raise Unsupported(f"{type(e).__name__} in a loop nest: {e}")

    def sum(self, e: Sum, d: int) -> str:
        """A sum as a loop; empty when its upper end lies below its lower one."""
        total = self.new("total")
        self.put(d, f"{total} = {self.zero}")
        for i, low, high in reversed(e.limits):  # SymPy lists the innermost first
            a, b = self.value(low, d), self.value(high, d)
            self.names[i] = self.new(re.sub(r"\W", "", i.name))
            self.put(d, f"for {self.names[i]} in range({a}, {b} + 1):")
            d += 1
        inner = self.value(e.function, d)
        self.put(d, f"{total} += {inner}")
        self.expect_exact(total, d)
        return total

    def product_over(self, e: ProductOver, d: int) -> str:
        """A product over a range as a loop."""
        body, i, low, high = e.args
        total = self.new("product")
        self.put(d, f"{total} = 1")
        a, b = self.value(low, d), self.value(high, d)
        self.names[i] = self.new(re.sub(r"\W", "", i.name))
        self.put(d, f"for {self.names[i]} in range({a}, {b} + 1):")
        inner = self.value(body, d + 1)
        self.expect_exact(f"1.0 * {total} * {inner}", d + 1)
        self.put(d + 1, f"{total} *= {inner}")
        return total

    def product(self, e: Expr, d: int) -> str:
        """A product: conditions first, then the factors, then an exact division."""
        factors = Mul.make_args(e)
        conditions = [a for a in factors if isinstance(a, _CONDITIONS)]
        above, below = [], []
        for a in factors:
            if a in conditions:
                continue
            if isinstance(a, Pow) and a.exp.is_Integer and a.exp < 0:
                below.append(a.base ** (-a.exp))
            elif a.is_Rational and not a.is_Integer:
                above.append(a.numerator)
                below.append(a.denominator)
                above[-1], below[-1] = Integer(above[-1]), Integer(below[-1])
            else:
                above.append(a)
        result = self.new("term")
        if conditions:
            self.put(d, f"{result} = {self.zero}")
            for c in conditions:
                self.put(d, f"if {self.condition(c, d)}:")
                d += 1
        values = [self.value(a, d) for a in above] or ["1"]
        self.expect_exact(" * ".join(["1.0", *values]), d)
        self.put(d, f"{result} = " + " * ".join(values))
        if below:
            divisor = self.new("divisor")
            values = [self.value(a, d) for a in below]
            self.expect_exact(" * ".join(["1.0", *values]), d)
            self.put(d, f"{divisor} = " + " * ".join(values))
            if self.real:
                self.put(d, f"{result} = {result} / {divisor}")
                return result
            self.put(d, f"if {result} % {divisor} != 0:")
            self.put(d + 1, "raise ArithmeticError('this division leaves a remainder')")
            self.put(d, f"{result} = {result} // {divisor}")
        return result

    def condition(self, e: Expr, d: int) -> str:
        """A condition as a Python test."""
        if isinstance(e, AtLeastZero):
            return f"{self.value(e.args[0], d)} >= 0"
        if isinstance(e, IsPositive):
            return f"{self.value(e.args[0], d)} > 0"
        if isinstance(e, IsZero):
            return f"{self.value(e.args[0], d)} == 0"
        if isinstance(e, Divides):
            return f"({self.value(e.args[1], d)}) % ({self.value(e.args[0], d)}) == 0"
        return f"({self.value(e.args[0], d)}) == ({self.value(e.args[1], d)})"

    def checked(self, name: str, axis: int, index: str, d: int, length: str = "1") -> str:
        """An index that has been compared with the length of its axis."""
        i = self.new("i")
        self.put(d, f"{i} = {index}")
        self.put(d, f"if {i} < 0 or {i} + {length} > {identifier(name)}.shape[{axis}]:")
        self.put(d + 1, f"raise IndexError('{name} is read outside of its shape')")
        return i

    def read(self, e: Indexed, d: int) -> str:
        """A checked read of a tensor."""
        name = e.base.label.name
        self.tensors[name] = None
        indices = [self.checked(name, k, self.value(i, d), d) for k, i in enumerate(e.indices)]
        return f"{identifier(name)}[{', '.join(indices)}]"

    def window(self, e: Window | WindowPartial, d: int) -> str:
        """A call of f, or of its derivative, on a checked block."""
        function, name = e.args[0].name, e.args[1].name
        self.tensors[name] = None
        called = function if isinstance(e, Window) else f"d{function}"
        self.functions[called] = None
        axes, position = e.args[2:], ()
        if isinstance(e, WindowPartial):
            axes, position = axes[:-1], tuple(axes[-1])
        slices = []
        for k, a in enumerate(axes):
            if isinstance(a, Tuple):
                length = self.new("length")
                self.put(d, f"{length} = {self.value(a[1], d)}")
                i = self.checked(name, k, self.value(a[0], d), d, length)
                slices.append(f"{i}:{i} + {length}")
            else:
                slices.append(self.checked(name, k, self.value(a, d), d))
        block = self.new("block")
        self.put(d, f"{block} = {called}({identifier(name)}[{', '.join(slices)}])")
        if isinstance(e, Window):
            return block
        indices = []
        for k, p in enumerate(position):
            i = self.new("i")
            self.put(d, f"{i} = {self.value(p, d)}")
            self.put(d, f"if {i} < 0 or {i} >= {block}.shape[{k}]:")
            self.put(d + 1, f"raise IndexError('the derivative of {function} is read outside of its window')")
            indices.append(i)
        return f"{block}[{', '.join(indices)}]"


def real_valued(e: Expr) -> bool:
    """Does the expression leave the whole numbers (and fractions) by exp, log or a real division?"""
    return e.has(Exponential, Logarithm, Reciprocal)


def asks_for_signs(e: Expr) -> bool:
    """Does the expression compare real numbers? On whole numbers alone, x > 0 and 2 x > 1 are the same."""
    return e.has(IsPositive)


@lru_cache(maxsize=512)
def loop_nest(
    e: Expr, indices: tuple[Symbol, ...], shape: tuple[Expr, ...], compiled: bool = True, real: bool = False
) -> LoopNest:
    """The loop nest that fills an array of the given shape with e; ``compiled`` by Numba, or plain Python.

    The numbers are whole and exact, or ``real``, in float64.
    """
    w = Writer(real)
    for d, (i, n) in enumerate(zip(indices, shape, strict=True), 1):
        w.names[i] = w.new(re.sub(r"\W", "", i.name))
        length = w.value(n, d)
        w.put(d, f"for {w.names[i]} in range({length}):")
    d = len(indices) + 1
    value = w.value(e, d)
    w.put(d, f"out[{', '.join(w.names[i] for i in indices) or '()'}] = {value}")
    arguments = ["out", *map(identifier, w.tensors), *map(identifier, w.sizes), *w.functions]
    if len(set(arguments)) != len(arguments):
        raise Unsupported(f"two names become one in Python: {', '.join(arguments)}")
    source = f"def formula({', '.join(arguments)}):\n" + "\n".join(w.lines) + "\n"
    namespace: dict = {"_exp": exp, "_log": log}
    exec(compile(source, "<loop nest>", "exec"), namespace)
    run = namespace["formula"]
    if compiled:
        run = numba.njit(run)
    return LoopNest(source, tuple(w.tensors), tuple(w.sizes), tuple(w.functions), run)


def operations(e: Expr, shape: tuple[Expr, ...]) -> Expr:
    """Roughly how many innermost steps the loop nest of e takes, as a polynomial in the sizes."""

    def steps(e: Expr) -> Expr:
        if isinstance(e, Sum):
            inner = steps(e.function)
            for _, low, high in e.limits:
                length = high - low + 1
                inner *= length if not (length.atoms(Dummy) or length.has(Largest, Smallest)) else 3
            return inner
        return 1 + sum((steps(a) for a in e.args if a.has(Sum)), Integer(0))

    out = steps(e)
    for n in shape:
        out *= n
    return out
