"""The syntax tree of a formula. Every node knows the span of characters it was read from."""

from __future__ import annotations

from dataclasses import dataclass, field, fields


@dataclass(frozen=True)
class Node:
    """A piece of a formula, read from ``text[start:end]`` (spans do not count when trees are compared)."""

    start: int = field(compare=False, kw_only=True, default=0)
    end: int = field(compare=False, kw_only=True, default=0)

    def children(self):
        """The nodes directly below this one, from left to right."""
        for f in fields(self):
            yield from _nodes(getattr(self, f.name))

    def walk(self):
        """The node and everything below it."""
        yield self
        for child in self.children():
            yield from child.walk()


def _nodes(value):
    if isinstance(value, Node):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from _nodes(item)


@dataclass(frozen=True)
class Number(Node):
    """A whole number."""

    value: int


@dataclass(frozen=True)
class Name(Node):
    """A size, an index, a defined abbreviation or a tensor without indices."""

    text: str


@dataclass(frozen=True)
class Dots(Node):
    """The dots of {0, ..., N - 1}."""


@dataclass(frozen=True)
class Add(Node):
    """A sum of signed terms, ((1, a), (-1, b)) for a - b."""

    terms: tuple[tuple[int, Node], ...]


@dataclass(frozen=True)
class Product(Node):
    """A product of factors."""

    factors: tuple[Node, ...]


@dataclass(frozen=True)
class Quotient(Node):
    """A fraction."""

    numerator: Node
    denominator: Node


@dataclass(frozen=True)
class Power(Node):
    """A power."""

    base: Node
    exponent: Node


@dataclass(frozen=True)
class Remainder(Node):
    """a mod b."""

    dividend: Node
    divisor: Node


@dataclass(frozen=True)
class Floor(Node):
    """The largest integer below."""

    argument: Node


@dataclass(frozen=True)
class Ceiling(Node):
    """The smallest integer above."""

    argument: Node


@dataclass(frozen=True)
class Extremum(Node):
    """max(a, b) or min(a, b) of whole numbers."""

    kind: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True)
class Sum(Node):
    """A sum (or, kind "prod", a product) over one index with both ends included."""

    index: Name
    lower: Node
    upper: Node
    body: Node
    kind: str = "sum"


@dataclass(frozen=True)
class Slice(Node):
    """lower:upper, the upper end excluded."""

    lower: Node
    upper: Node


@dataclass(frozen=True)
class Entry(Node):
    """An entry of a tensor, or a block of it where an index is a slice."""

    tensor: str
    indices: tuple[Node, ...]


@dataclass(frozen=True)
class Apply(Node):
    """A function of one window, f(X[.., a:b, c:d])."""

    function: str
    argument: Node


@dataclass(frozen=True)
class Elementary(Node):
    """exp(a) or log(a) of a real number."""

    function: str
    argument: Node


@dataclass(frozen=True)
class FunctionPartial(Node):
    """The partial derivative of f by the entry at ``position`` of its window, at the window ``argument``."""

    position: tuple[Node, ...]
    function: str
    argument: Node


@dataclass(frozen=True)
class Partial(Node):
    """The derivative of the numerator (L or an entry of a tensor) by an entry of a tensor."""

    numerator: Node
    denominator: Node


@dataclass(frozen=True)
class Relation(Node):
    """A chain a = b, a <= b < c, a in B: sides and the signs between them."""

    sides: tuple[Node, ...]
    signs: tuple[str, ...]


@dataclass(frozen=True)
class Condition(Node):
    """Relations that all hold."""

    relations: tuple[Relation, ...]


@dataclass(frozen=True)
class Indicator(Node):
    """1 where the condition holds, else 0."""

    condition: Condition


@dataclass(frozen=True)
class Kronecker(Node):
    """1 where both sides are equal, else 0."""

    left: Node
    right: Node


@dataclass(frozen=True)
class Cases(Node):
    """Rows (value, condition); the condition of the last row is None: otherwise."""

    rows: tuple[tuple[Node, Condition | None], ...]


@dataclass(frozen=True)
class Tuple(Node):
    """(a, b, ..)."""

    items: tuple[Node, ...]


@dataclass(frozen=True)
class SetOf(Node):
    """{0, .., N - 1}; with dims, the tensors whose entries lie in that set."""

    items: tuple[Node, ...]
    dims: tuple[Node, ...] | None = None


@dataclass(frozen=True)
class Reals(Node):
    """The real tensors of the given shape; dims () for the real numbers."""

    dims: tuple[Node, ...] = ()


@dataclass(frozen=True)
class Integers(Node):
    """The integers from ``least`` on; None for all."""

    least: int | None = None


@dataclass(frozen=True)
class Shape(Node):
    """shape(X)."""

    tensor: Name


@dataclass(frozen=True)
class Mapping(Node):
    """f: R^{..} -> R."""

    function: str
    source: Node
    target: Node
