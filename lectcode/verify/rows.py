r"""Cut the text of a display into rows, each one statement list for the grammar, and find out which are boxed."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lectcode.verify.errors import LatexError
from lectcode.verify.sources import Display

_ENVIRONMENT = re.compile(r"\s*\\begin\{(aligned|gathered|split)\}(?P<body>.*)\\end\{\1\}\s*[.,;]?\s*", re.S)
_STEP = re.compile(r"\\begin\{[a-z*]+\}|\\end\{[a-z*]+\}|\\[{}]|\\\\(?:\[[^\]]*\])?|[{}]|\\[a-zA-Z]+|.", re.S)
_OPENS = re.compile(
    r"(?:\s|&|\\q?quad(?![a-z])|\\[,;:! ])*(?:[-+=<>]|\\(?:cdot|times|leq?|geq?|bmod|land|in)(?![a-z])|$)"
)
_CLOSES = re.compile(r"(?:(?<!\^)[-+=<>]|\\(?:cdot|times|leq?|geq?|bmod|land|in))(?:\s|&|\\q?quad|\\[,;:! ])*$")


@dataclass(frozen=True)
class Row:
    """One row of a display, ``display.body[offset:offset + len(text)]`` apart from blanked row ends."""

    display: Display
    offset: int
    text: str
    boxed: bool

    def place(self, offset: int = 0):
        """The place of a character of this row in its file."""
        return self.display.place(self.offset + offset)


def rows(display: Display) -> list[Row]:
    """The rows of a display, in order."""
    body = display.body
    found: list[tuple[int, int]] = []
    k = 0
    while (k := body.find(r"\boxed", k)) >= 0:
        open_brace = k + len(r"\boxed")
        if body[open_brace : open_brace + 1] != "{":
            raise LatexError(display.place(k), r"\boxed needs braces", r"\boxed")
        end = _closing(display, open_brace)
        found.append((open_brace + 1, end))
        k = end
    if not found:
        return list(_rows_of(display, 0, len(body), False))
    rest = body
    for a, b in reversed(found):
        rest = rest[: a - len(r"\boxed{")] + " " * (b + 1 - a + len(r"\boxed{")) + rest[b + 1 :]
    outside = re.sub(
        r"\\(begin|end)\{(aligned|gathered)\}|\\\\|&|\\[,;:! ]|\\q?quad|[\s.,;]", lambda m: " " * len(m.group()), rest
    )
    if outside.strip():
        at = len(outside) - len(outside.lstrip())
        raise LatexError(display.place(at), "a box holds a whole formula, nothing stands beside it", outside.split()[0])
    return [row for a, b in found for row in _rows_of(display, a, b, True)]


def _closing(display: Display, open_brace: int) -> int:
    """The index of the brace that closes the one at ``open_brace``."""
    depth = 0
    for m in _STEP.finditer(display.body, open_brace):
        token = m.group()
        depth += (token == "{") - (token == "}")
        if depth == 0:
            return m.start()
    raise LatexError(display.place(open_brace), "this brace is never closed", "{")


def _rows_of(display: Display, start: int, end: int, boxed: bool):
    text = display.body[start:end]
    if m := _ENVIRONMENT.fullmatch(text):
        start, end = start + m.start("body"), start + m.end("body")
        text = m["body"]
    pieces: list[tuple[int, int]] = []
    depth, begin = 0, 0
    for m in _STEP.finditer(text):
        token = m.group()
        depth += (token == "{" or token.startswith(r"\begin")) - (token == "}" or token.startswith(r"\end"))
        if depth < 0:
            raise LatexError(display.place(start + m.start()), "this brace was never opened", token)
        if token.startswith("\\\\") and depth == 0:
            pieces.append((begin, m.start()))
            begin = m.end()
    pieces.append((begin, len(text)))
    merged: list[list[int]] = []
    for a, b in pieces:
        if merged and (_OPENS.match(text[a:b]) or _CLOSES.search(text[merged[-1][0] : merged[-1][1]])):
            merged[-1][1] = b
        else:
            merged.append([a, b])
    for a, b in merged:
        row = (
            re.sub(r"\\\\(?:\[[^\]]*\])?", lambda m: " " * len(m.group()), text[a:b])
            if (a, b) not in pieces
            else text[a:b]
        )
        if row.strip(" \n\t&"):
            yield Row(display, start + a, row, boxed)
