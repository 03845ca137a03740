"""Turn a formula into a loop nest over exact integers: one loop per index, one per sum, nothing clever.

Where exp or log occur there is no exact arithmetic, and the same loops run in float64. Where the size or sign of an
entry is asked for, they run on both kinds of numbers.

Every tensor read is checked against the tensor's shape and raises IndexError outside of it; a factor is read only where
the indicators beside it hold; a division that leaves a remainder and a whole number of 2^53 or more raise
ArithmeticError (steps.py). The loop nest is the oracle for the kernels, so it takes the formula as it was read, not its
normal form.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, count
from keyword import kwlist

from sympy import Add, Dummy, Expr, Indexed, Integer, KroneckerDelta, Mul, Pow, Sum, Symbol, Tuple

from lectcode.verify import steps
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
from lectcode.verify.windowfunctions import FUNCTIONS

_CONDITIONS = (AtLeastZero, IsZero, IsPositive, Divides, KroneckerDelta)
_ELEMENTARY = {Exponential: "exp", Logarithm: "log"}
_SIGNS = {"'": "_prime", "~": "_tilde", "^": "_hat", "-": "_bar", "∂": "d_"}


def identifier(name: str) -> str:
    """A Python name for a tensor or size: K_h' -> K_h_prime."""
    return "".join(_SIGNS.get(c, c) for c in name)


def _tuple(*values: str) -> str:
    return f"({', '.join(values)}{',' if len(values) == 1 else ''})"


def _sum(*terms: str) -> str:
    return " + ".join(terms).replace("+ -", "- ")


@dataclass(frozen=True)
class LoopNest:
    """A formula as a function: call it with the output array, tensors and sizes by name."""

    source: str
    tensors: tuple[str, ...]
    sizes: tuple[str, ...]
    functions: dict[str, Callable]  # of windows, by the names that the source has for them
    run: Callable

    def __call__(self, out, tensors: dict, sizes: dict):
        """Fill ``out``."""
        arguments = [tensors[t] for t in self.tensors] + [sizes[s] for s in self.sizes]
        try:
            self.run(out, *arguments)
        except IndexError:
            raise IndexError(self._fault(out, arguments, tensors)) from None
        return out

    def _fault(self, out, arguments: list, tensors: dict) -> str:
        """Which tensor is read outside of its shape; compiled loops cannot tell, plain ones can."""
        try:
            steps.plain(self.source, self.functions)(out, *arguments)
        except steps.OutsideError as problem:
            found = problem.tensor
        name = next((t for t in self.tensors if tensors[t] is found), "the derivative of a window")
        return f"{name} is read outside of its shape {found.shape}"


class Writer:
    """Writes the statements of some expressions."""

    def __init__(self, *expressions: Expr, real: bool = False):
        self.real = real
        self.lines: list[str] = []
        symbols = {s.name for e in expressions for s in e.free_symbols if s.is_Symbol and not s.is_Dummy}
        self.taken = {"out", "range", "min", "max", *kwlist, *steps.PLAIN, *map(identifier, symbols)}
        self.taken |= {f"d{name}" for name in symbols}  # the derivative of a function
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
        stem = re.sub(r"\W", "", stem)
        name = next(name for name in chain([stem], (f"{stem}_{k}" for k in count(2))) if name not in self.taken)
        self.taken.add(name)
        return name

    def put(self, depth: int, line: str):
        """Write one line."""
        self.lines.append("    " * depth + line)

    def exact(self, number: str) -> str:
        """A whole number that is to stay exact."""
        return number if self.real else f"exact({number})"

    def times(self, *factors: str) -> str:
        """A product."""
        product, *rest = factors
        for factor in rest:
            product = f"{product} * {factor}" if self.real else f"times({product}, {factor})"
        return product

    def value(self, e: Expr, d: int) -> str:
        """Write what has to come first at depth d; return a Python expression for e."""
        if isinstance(e, Sum):
            return self.sum(e, d)
        if isinstance(e, ProductOver):
            return self.product_over(e, d)
        if isinstance(e, Add):
            return _sum(*(self.value(a, d) for a in e.args))
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
            return f"(1.0 / {self.factor(e.args[0], d)})"
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
            if abs(e) >= steps.EXACT:
                raise Unsupported(f"the number {e} is too large for a loop nest")
            return str(e)
        if isinstance(e, Pow) and e.exp.is_Integer and e.exp > 0:
            base = self.value(e.base, d)
            return f"({base})**{e.exp}" if self.real else f"power({base}, {e.exp})"
        if e.is_Rational or isinstance(e, Pow):
            return self.product(e, d)
        raise Unsupported(f"{type(e).__name__} in a loop nest: {e}")

    def factor(self, e: Expr, d: int) -> str:
        """The value of e, in parentheses where something else than a comma or a sum follows."""
        value = self.value(e, d)
        return f"({value})" if e.is_Add else value

    def loop(self, i: Symbol, low: Expr, high: Expr, d: int):
        """The head of a loop over an index; it does nothing when its upper end lies below its lower one."""
        a, b = self.value(low, d), self.value(high + 1, d)
        self.names[i] = self.new(i.name)
        self.put(d, f"for {self.names[i]} in range({b if low == 0 else f'{a}, {b}'}):")

    def sum(self, e: Sum, d: int) -> str:
        """A sum as a loop."""
        total = self.new("total")
        self.put(d, f"{total} = {self.zero}")
        for i, low, high in reversed(e.limits):  # SymPy lists the innermost first
            self.loop(i, low, high, d)
            d += 1
        inner = self.value(e.function, d)
        self.put(d, f"{total} = {self.exact(_sum(total, inner))}")
        return total

    def product_over(self, e: ProductOver, d: int) -> str:
        """A product over a range as a loop."""
        body, i, low, high = e.args
        total = self.new("product")
        self.put(d, f"{total} = 1")
        self.loop(i, low, high, d)
        inner = self.value(body, d + 1)
        self.put(d + 1, f"{total} = {self.times(total, inner)}")
        return total

    def product(self, e: Expr, d: int) -> str:
        """A product: conditions first, then the factors, then an exact division."""
        sign, factors = "", Mul.make_args(e)
        if factors[0] == -1 and len(factors) > 1:
            sign, factors = "-", factors[1:]
        conditions = [a for a in factors if isinstance(a, _CONDITIONS)]
        above, below = [], []
        for a in factors:
            if a in conditions:
                continue
            if isinstance(a, Pow) and a.exp.is_Integer and a.exp < 0:
                below.append(a.base ** (-a.exp))
            elif a.is_Rational and not a.is_Integer:
                above.append(Integer(a.numerator))
                below.append(Integer(a.denominator))
            else:
                above.append(a)
        if conditions:
            result = self.new("term")
            self.put(d, f"{result} = {self.zero}")
            for c in conditions:
                self.put(d, f"if {self.condition(c, d)}:")
                d += 1
        product = sign + self.times(*([self.factor(a, d) for a in above] or ["1"]))
        if below:
            divisor = self.times(*(self.factor(a, d) for a in below))
            product = f"({product} / ({divisor}))" if self.real else f"divided({product}, {divisor})"
        if not conditions:
            return product
        self.put(d, f"{result} = {product}")
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

    def read(self, e: Indexed, d: int) -> str:
        """A checked read of a tensor."""
        name = e.base.label.name
        self.tensors[name] = None
        return f"read({identifier(name)}, {_tuple(*(self.value(i, d) for i in e.indices))})"

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
            first, length = (self.value(x, d) for x in (a if isinstance(a, Tuple) else (a, Integer(1))))
            i = self.new("i")
            self.put(d, f"{i} = start({identifier(name)}, {k}, {first}, {length})")
            slices.append(f"{i}:{i} + {length}" if isinstance(a, Tuple) else i)
        block = self.new("block")
        self.put(d, f"{block} = {called}({identifier(name)}[{', '.join(slices)}])")
        if isinstance(e, Window):
            return block
        return f"read({block}, {_tuple(*(self.value(p, d) for p in position))})"


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
    w = Writer(e, *shape, real=real)
    for d, (i, n) in enumerate(zip(indices, shape, strict=True), 1):
        w.loop(i, Integer(0), n - 1, d)
    d = len(indices) + 1
    value = w.exact(w.value(e, d))
    w.put(d, f"out[{', '.join(w.names[i] for i in indices) or '()'}] = {value}")
    arguments = ["out", *map(identifier, w.tensors), *map(identifier, w.sizes)]
    names = [*arguments, *w.functions, *steps.PLAIN]
    if len(set(names)) != len(names):
        raise Unsupported(f"two names become one in Python: {', '.join(arguments)}")
    source = f"def formula({', '.join(arguments)}):\n" + "\n".join(w.lines) + "\n"
    functions = {name: FUNCTIONS[name] for name in w.functions}
    run = (steps.compiled if compiled else steps.plain)(source, functions)
    return LoopNest(source, tuple(w.tensors), tuple(w.sizes), functions, run)


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
