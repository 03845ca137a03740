"""What can go wrong while a book is verified, and where."""

from __future__ import annotations

from dataclasses import dataclass

from lectcode.verify import syntax as ast


@dataclass(frozen=True)
class Place:
    """A position in a source: file, line (from 1) and column (from 1)."""

    file: str
    line: int
    column: int = 1

    def __str__(self):
        return f"{self.file}:{self.line}:{self.column}"


class VerificationError(Exception):
    """A formula or a book that does not hold, or that cannot be checked."""


class LatexError(VerificationError, ValueError):
    """A formula that cannot be read: outside the grammar, or its names mean nothing (or two things)."""

    def __init__(self, place: Place | None, message: str, token: str = ""):
        self.place, self.message, self.token = place, message, token
        super().__init__(message)

    def __str__(self):
        where = f"{self.place}: " if self.place else ""
        return f"{where}{self.message}" + (f" (at {self.token!r})" if self.token else "")


class Unsupported(VerificationError):  # noqa: N818 - named for what it says, not as an error
    """An expression outside the fragment that the prover decides; it is never taken to be equal."""


class Refuted(VerificationError, AssertionError):  # noqa: N818 - named for what it says, not as an error
    """A statement that was not proved, or that a computed value contradicts."""


class MeaningError(Exception):
    """A node that has no meaning in its scope; the reader adds the place."""

    def __init__(self, node: ast.Node | None, message: str):
        self.node, self.message = node, message
        super().__init__(message)
