"""The steps of a loop nest that can fail: checked reads, and arithmetic that stays exact.

Whole numbers below 2^53 are exact in float64, as the kernels compute. Those of 64 bits begin again at 2^64: without a
limit, a wrong summand that 2^64 divides would vanish.

Numba keeps each step on disk for every later loop nest, and the loops as well: whoever runs a formula a second time,
in whatever process, compiles nothing.
"""

import hashlib
import os
from collections.abc import Callable
from functools import lru_cache, wraps
from math import exp, log
from pathlib import Path
from tempfile import NamedTemporaryFile

import numpy as np

from lectcode.kernels.compiled import entry, inner
from lectcode.verify import windowfunctions

EXACT = 2**53
_REAL_EXACT = float(EXACT)


def start(X, axis, i, length):
    """The first index i of ``length`` places on an axis; IndexError if one of them lies outside."""
    if i < 0 or i + length > X.shape[axis]:
        raise IndexError
    return i


def read(X, index):
    """An entry of a tensor (NumPy would wrap a negative index); IndexError outside of its shape."""
    for k in range(len(index)):
        if index[k] < 0 or index[k] >= X.shape[k]:
            raise IndexError
    return X[index]


def exact(x):
    """The same whole number, if it is small enough."""
    if not -EXACT < x < EXACT:
        raise ArithmeticError("a number is too large to be exact")
    return x


def times(x, y):
    """The product of two whole numbers; in float64 first, as it may not fit into 64 bits."""
    if not -_REAL_EXACT < np.float64(x) * y < _REAL_EXACT:
        raise ArithmeticError("a number is too large to be exact")
    return x * y


def power(x, n):
    """The n-th power of a whole number."""
    if not -_REAL_EXACT < np.float64(x) ** n < _REAL_EXACT:
        raise ArithmeticError("a number is too large to be exact")
    return x**n


def divided(x, y):
    """The quotient of two whole numbers that leaves no remainder."""
    if x % y != 0:
        raise ArithmeticError("this division leaves a remainder")
    return x // y


class OutsideError(IndexError):
    """A read outside of the tensor that it carries."""

    def __init__(self, tensor: np.ndarray):
        super().__init__(f"a tensor is read outside of its shape {tensor.shape}")
        self.tensor = tensor


def _telling(step: Callable) -> Callable:
    @wraps(step)
    def told(X, *place):
        try:
            return step(X, *place)
        except IndexError:
            raise OutsideError(X) from None

    return told


PLAIN = {f.__name__: f for f in (_telling(start), _telling(read), exact, times, power, divided, exp, log)}


@lru_cache(maxsize=1)
def compiled_steps() -> dict[str, Callable]:
    """The steps by name, compiled: reads for any tensor, arithmetic for whole numbers of 64 bits."""
    steps = (start, read, exact, times, power, divided)
    return {"exp": exp, "log": log} | {step.__name__: inner(step) for step in steps}


def _function(source: str, names: dict[str, Callable], file: str = "<loops>") -> Callable:
    """The function that the source defines; it calls others by these names."""
    namespace = {"__name__": __name__, **names}  # Numba asks for the module of a function that it takes from disk
    exec(compile(source, file, "exec"), namespace)
    return namespace[source[len("def ") : source.index("(")]]


def plain(source: str, functions: dict[str, Callable] | None = None) -> Callable:
    """The function in Python; it may call the steps and these functions."""
    return _function(source, PLAIN | (functions or {}))


def compiled(source: str, functions: dict[str, Callable]) -> Callable:
    """The same by Numba, which keeps it on disk for later processes."""
    names = compiled_steps() | {name: windowfunctions.jitted(function) for name, function in functions.items()}
    return entry(_function(source, names, _file(source)))


def _file(source: str) -> str:
    """Write the source into a file of its own, where Numba keeps the compiled steps.

    Numba keeps a function beside its file for as long as the file stays the same. The name of this one changes with the
    source and with what it calls, which is compiled into the loops.
    """
    called = "".join(Path(module).read_text(encoding="utf-8") for module in (__file__, windowfunctions.__file__))
    name = hashlib.sha256(f"{source}\n{called}".encode()).hexdigest()[:32]
    folder = Path(compiled_steps()["read"].stats.cache_path, "formulas")
    file = folder / f"{name}.py"
    if not file.exists():
        folder.mkdir(exist_ok=True)
        with NamedTemporaryFile("w", dir=folder, suffix=".tmp", delete=False, encoding="utf-8") as f:
            f.write(source)
        os.replace(f.name, file)  # another process may be writing the same
    return str(file)
