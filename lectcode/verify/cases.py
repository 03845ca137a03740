"""Small sizes and whole-number tensors on which formulas and kernels are run."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import lru_cache
from itertools import product
from math import prod

import numpy as np

from .loopnest import _Writer, identifier
from .scope import Scope

# The largest value that a size takes, by the first letter of its name.
_LARGEST = {"N": 4, "C": 4, "Γ": 3, "H": 7, "W": 7, "K": 5, "P": 3, "S": 3, "D": 3}
_DEFAULT = 4
_MANY = 400_000
SCALE = 3600  # divisible by every product of two numbers up to 5: averages over windows stay whole


def free_sizes(scope: Scope) -> list[str]:
    """The sizes that are not given by others."""
    return [name for name in scope.sizes if name not in scope.size_definitions]


def _axis_lengths(scope: Scope) -> set[str]:
    """The free sizes that are the length of some axis: these are to differ pairwise."""
    lengths = {n.name for shape in scope.shapes.values() for n in shape if n.is_Symbol}
    return lengths & set(free_sizes(scope))


@lru_cache(maxsize=64)
def _derived(definitions: tuple):
    """A function that adds the defined sizes to the free ones (None where a division is not exact)."""
    w = _Writer()
    todo, known = dict(definitions), {name for name, _ in definitions}
    while todo:
        name = next(n for n, v in todo.items() if not ({s.name for s in v.free_symbols} & known & set(todo)))
        value = w.value(todo.pop(name), 1)
        w.put(1, f"{identifier(name)} = {value}")
    names = [name for name, _ in definitions]
    inputs = [s for s in w.sizes if s not in names]
    results = "".join(f"{n!r}: {identifier(n)}, " for n in names)
    source = f"def derived({', '.join(map(identifier, inputs))}):\n" + "\n".join(w.lines)
    source += f"\n    return {{{results}}}\n"
    namespace: dict = {}
    exec(compile(source, "<sizes>", "exec"), namespace)
    return namespace["derived"], inputs


def complete(scope: Scope, sizes: dict[str, int]) -> dict[str, int] | None:
    """The free sizes with the defined ones added; None when a defined size is not a whole number in its range."""
    definitions = tuple((name, d.value) for name, d in scope.size_definitions.items())
    if not definitions:
        return dict(sizes)
    derive, inputs = _derived(definitions)
    try:
        more = derive(*[sizes[n] for n in inputs])
    except ArithmeticError:
        return None
    if any(value < (1 if scope.sizes[n].is_positive and not _may_vanish(scope, n) else 0) for n, value in more.items()):
        return None
    return {**sizes, **more}


def _may_vanish(scope: Scope, name: str) -> bool:
    """A remainder may be 0; an axis length may not."""
    return name.startswith("r")


def sizes_of(scope: Scope, limit: int, largest: int | None = None, distinct: bool = True) -> Iterator[dict[str, int]]:
    """At most ``limit`` choices of all sizes, the same ones every time.

    Axis lengths differ pairwise, and so do the paddings, the strides and the dilations of different sides and axes, so that a
    swapped name cannot hide. All choices up to the bounds are taken where there are not more than ``limit``, else a fixed sample.
    """
    names = free_sizes(scope)
    lengths = _axis_lengths(scope)
    choices = []
    for name in names:
        top = _LARGEST.get(name[0], _DEFAULT)
        top = min(top, largest) if largest else top
        least = 0 if scope.sizes[name].is_nonnegative and not scope.sizes[name].is_positive else 1
        least = max(least, scope.minima.get(name) or least)
        choices.append(range(least, max(least, top) + 1))
    groups = [[k for k, n in enumerate(names) if n in lengths]]
    groups += [[k for k, n in enumerate(names) if n not in lengths and n[0] == letter] for letter in "PSD"]

    def accepted(values) -> dict[str, int] | None:
        if distinct and any(len({values[k] for k in g}) < len(g) for g in groups):
            return None
        return complete(scope, dict(zip(names, values, strict=True)))

    rng = random.Random(0)
    if prod(map(len, choices)) <= _MANY:
        everything = [values for values in product(*choices)]
        rng.shuffle(everything)
        candidates = iter(everything)
    else:
        candidates = iter(_draws(rng, choices, groups if distinct else []))
    found = 0
    for values in candidates:
        sizes = accepted(values)
        if sizes is not None:
            yield sizes
            found += 1
            if found == limit:
                return


def _draws(rng: random.Random, choices, groups):
    """Random choices without repetition; inside a group the values are drawn so that they differ."""
    seen = set()
    for _ in range(200_000):
        values: list = [None] * len(choices)
        for g in groups:
            used: set[int] = set()
            for k in sorted(g, key=lambda k: (len(choices[k]), k)):
                free = [v for v in choices[k] if v not in used]
                if not free:
                    break
                values[k] = rng.choice(free)
                used.add(values[k])
        for k, c in enumerate(choices):
            if values[k] is None:
                values[k] = rng.choice(c)
        if tuple(values) not in seen:
            seen.add(tuple(values))
            yield tuple(values)


def shape_of(scope: Scope, name: str, sizes: dict[str, int]) -> tuple[int, ...]:
    """The declared shape of a tensor in numbers."""
    return _numbers(scope.shapes[name], sizes)


@lru_cache(maxsize=512)
def _compiled(values: tuple):
    w = _Writer()
    results = [w.value(v, 1) for v in values]
    source = f"def numbers({', '.join(map(identifier, w.sizes))}):\n" + "\n".join(w.lines)
    source += f"\n    return ({''.join(r + ', ' for r in results)})\n"
    namespace: dict = {}
    exec(compile(source, "<shape>", "exec"), namespace)
    return namespace["numbers"], tuple(w.sizes)


def _numbers(values: tuple, sizes: dict[str, int]) -> tuple[int, ...]:
    function, names = _compiled(values)
    return function(*[sizes[n] for n in names])


def random_tensor(
    scope: Scope, name: str, sizes: dict[str, int], rng: np.random.Generator, scale: int = 1
) -> np.ndarray:
    """Whole numbers of a tensor's declared shape; an integer tensor gets values from its declared range."""
    shape = shape_of(scope, name, sizes)
    if name in scope.integer_ranges:
        low, high = _numbers(scope.integer_ranges[name], sizes)
        return rng.integers(low, high + 1, shape)
    return rng.integers(-9, 10, shape) * scale
