"""Small sizes and whole-number tensors on which formulas and kernels are run."""

from __future__ import annotations

import random
from functools import lru_cache
from math import prod

import numpy as np
from sympy import Symbol

from lectcode.verify import steps
from lectcode.verify.loopnest import Writer, identifier
from lectcode.verify.scope import Scope

# The largest value that a size takes, by the first letter of its name.
_LARGEST = {"N": 5, "C": 5, "G": 5, "H": 8, "W": 8, "K": 5, "P": 3, "S": 3, "D": 3}
_DEFAULT = 4
_MANY = 100_000
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
    """A function that adds the defined sizes to the free ones."""
    w = Writer(*(value for _, value in definitions), *(Symbol(name) for name, _ in definitions))
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
    return steps.plain(source), inputs


def sizes_of(scope: Scope, limit: int, largest: int | None = None, distinct: bool = True) -> list[dict[str, int]]:
    """At most ``limit`` choices of all sizes, the same ones every time.

    Axis lengths differ pairwise, and so do the paddings, the strides and the dilations of different sides and axes, so
    that a swapped name cannot hide. All choices up to the bounds are taken if there are no more than ``limit``, else a
    fixed sample of them.
    """
    names = free_sizes(scope)
    lengths = _axis_lengths(scope)
    crowded = len(lengths) > 7  # so many lengths cannot all differ within the usual bounds
    choices = tuple(_choices(scope, name, largest, crowded and name in lengths) for name in names)
    groups = [[k for k, n in enumerate(names) if n in lengths]]
    groups += [[k for k, n in enumerate(names) if n not in lengths and n[0] == letter] for letter in "PSD"]
    if not distinct:
        groups = []
    grouped = {k for g in groups for k in g}
    groups += [[k] for k in range(len(names)) if k not in grouped]
    definitions = tuple((name, d.value) for name, d in scope.size_definitions.items())
    least = tuple(
        (scope.sizes[n], int(bool(scope.sizes[n].is_positive)))
        for n in scope.size_definitions
        if scope.sizes[n].is_nonnegative
    )
    least += tuple(sorted({(n, 1) for shape in scope.shapes.values() for n in shape if not n.is_Symbol}, key=str))
    found = _sizes(tuple(names), choices, tuple(map(tuple, groups)), definitions, least, limit)
    return [dict(f) for f in found]


def _choices(scope: Scope, name: str, largest: int | None, crowded: bool) -> range:
    top = _LARGEST.get(name[0], _DEFAULT) + crowded
    top = min(top, largest) if largest else top
    least = 0 if scope.sizes[name].is_nonnegative and not scope.sizes[name].is_positive else 1
    least = max(least, scope.minima.get(name) or least)
    return range(least, max(least, top) + 1)


def _different(choices: tuple[range, ...]) -> list[tuple[int, ...]]:
    """All tuples, one value from each range, without a value twice."""
    out: list[tuple[int, ...]] = [()]
    for c in choices:
        out = [(*values, v) for values in out for v in c if v not in values]
    return out


@lru_cache(maxsize=64)
def _sizes(names, choices, groups, definitions, least, limit) -> list[dict[str, int]]:
    """The choices themselves: free sizes from their ranges, then the sizes that are defined by them.

    `least` holds the defined sizes and the lengths of axes that are not below a number, each with that number.
    """
    blocks = [_different(tuple(choices[k] for k in g)) for g in groups if g]
    groups = [g for g in groups if g]
    total = prod(map(len, blocks))
    rng = random.Random(0)
    order = rng.sample(range(total), min(total, _MANY))
    derive, inputs = _derived(definitions) if definitions else (None, ())
    limited, bounds = tuple(e for e, _ in least), [n for _, n in least]
    found = []
    for number in order:
        sizes: dict[str, int] = {}
        for g, block in zip(groups, blocks, strict=True):
            number, k = divmod(number, len(block))
            sizes.update(zip((names[i] for i in g), block[k], strict=True))
        sizes = {n: sizes[n] for n in names}
        if derive:
            sizes.update(derive(*[sizes[n] for n in inputs]))
        if any(value < n for value, n in zip(numbers_of(limited, sizes), bounds, strict=True)):
            continue
        found.append(sizes)
        if len(found) == limit:
            break
    return found


def shape_of(scope: Scope, name: str, sizes: dict[str, int]) -> tuple[int, ...]:
    """The declared shape of a tensor in numbers."""
    return numbers_of(scope.shapes[name], sizes)


@lru_cache(maxsize=512)
def _compiled(values: tuple):
    w = Writer(*values)
    results = [w.value(v, 1) for v in values]
    source = f"def numbers({', '.join(map(identifier, w.sizes))}):\n" + "\n".join(w.lines)
    source += f"\n    return ({''.join(r + ', ' for r in results)})\n"
    return steps.plain(source), tuple(w.sizes)


def numbers_of(values: tuple, sizes: dict[str, int]) -> tuple[int, ...]:
    """Expressions in sizes as numbers."""
    function, names = _compiled(values)
    return function(*[sizes[n] for n in names])


def random_tensor(scope: Scope, name: str, sizes: dict[str, int], rng: np.random.Generator) -> np.ndarray:
    """Whole numbers of a tensor's declared shape; an integer tensor gets values from its declared range."""
    shape = shape_of(scope, name, sizes)
    if name in scope.integer_ranges:
        low, high = numbers_of(scope.integer_ranges[name], sizes)
        return rng.integers(low, high + 1, shape)
    return rng.integers(-9, 10, shape)
