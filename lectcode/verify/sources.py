r"""Find the book and cut its displayed formulas out of the MyST sources.

Only display mathematics between ``$$`` and ``$$ (label)`` is read. Inline mathematics, programs, exercises and
solutions say nothing about the book's definitions. A box says that its formula was checked. So a ``\boxed`` anywhere
else on a page is an error, and so is every other kind of box. Only programs, comments, exercises and solutions may hold
boxes that nobody reads.

For that, this module has to see a page as Markdown does. Where Markdown is subtle it is strict instead: a block opens
at the start of its line, a comment stands on lines of its own and in no block, and a blank line follows HTML.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from lectcode.verify.errors import LatexError, Place

# What a block is. Who sees a closed block takes it for text of the book, so it may not hold a box.
READ, IGNORED, CLOSED = "read", "ignored", "closed"
_PROGRAMS = {"code", "code-block", "code-cell", "sourcecode"}
_EXERCISES = {"exercise", "solution"}  # they may show wrong formulas on purpose
_CLOSED = {
    *("bibliography", "csv-table", "eval-rst", "figure", "glue", "iframe", "image", "list-table", "literalinclude"),
    *("math", "mermaid", "raw", "raw-cell", "table", "tableofcontents", "toctree", "video"),
}
_MARKERS = r"[\s>*+\-\d.)]"  # what opens a line in lists and quotations
_FENCE = r"(?P<fence>`{3,}(?!.*`)|~{3,}|:{3,})"
_OPENING = re.compile(_FENCE + r"(?P<info>.*)$")
_CLOSING = re.compile(rf" {{0,3}}{_FENCE}\s*$")
_NOT_AT_THE_START = re.compile(rf"{_MARKERS}+{_FENCE}")
_OPTIONS = re.compile(r"---.*?\n---|(?:\s*:[^\n]*\n)*", re.S)
_ENVIRONMENT = re.compile(rf"{_MARKERS}*\\begin\{{")
_HTML = re.compile(r" {0,3}<[a-zA-Z/!?]")
_HTML_OVER_BLANK_LINES = re.compile(r" {0,3}<(?:[!?]|(?:script|style|pre|textarea)\b)", re.I)
_CODE_SPAN = re.compile(r"(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)")
_BOX = re.compile(r"\\(?:A?boxed|[fb]box|framebox|fcolorbox|enclose\{[a-z]*box)(?![a-zA-Z])")
_NOT_READ = "a box says that its formula was checked, but here nothing is read"
_DISPLAY_END = re.compile(r"^(?P<body>.*?)\$\$\s*(?:\((?P<label>[^()\s]+)\))?\s*$")


@dataclass(frozen=True)
class Display:
    """One displayed formula: the text between the dollars, its label, and where it starts."""

    file: str
    line: int
    body: str
    label: str | None = None
    column: int = 1

    def place(self, offset: int) -> Place:
        """Where in the file the character ``body[offset]`` stands."""
        before = self.body[:offset]
        line = before.count("\n")
        column = offset - (before.rfind("\n") + 1) + 1
        return Place(self.file, self.line + line, column + (self.column - 1 if line == 0 else 0))


@dataclass
class Page:
    """One source file: its displays in order, and the number of proofs that its front matter promises."""

    file: str
    displays: list[Display] = field(default_factory=list)
    proofs: int | None = None

    @property
    def name(self) -> str:
        """The file's name without folder and ending: the chapter's name."""
        return Path(self.file).stem


def find_book() -> Path:
    """The folder that holds ``_toc.yml``: the source tree around the package, else the wheel's package data."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package.parent, package / "book"):
        if (folder / "_toc.yml").is_file() and (folder / "chapters").is_dir():
            return folder
    raise FileNotFoundError(f"no book: neither {package.parent} nor {package / 'book'} holds _toc.yml and chapters/")


def contents(folder: Path) -> list[Path]:
    """The pages of the book in reading order: the root and every ``file:`` of ``_toc.yml``."""
    toc = folder / "_toc.yml"
    if not toc.is_file():
        raise FileNotFoundError(f"{folder} has no _toc.yml, so the order of its chapters is unknown")
    lines = [line.split("#")[0] for line in toc.read_text(encoding="utf-8").splitlines()]
    names = [m.group(1) for line in lines if (m := re.match(r"\s*-?\s*(?:root|file):\s*(\S+)\s*$", line))]
    if not names:
        raise ValueError(f"{toc} lists no pages")
    if doubled := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{toc} lists {doubled[0]} twice")
    pages = []
    for name in names:
        path = folder / (name if name.endswith(".md") else name + ".md")
        if not path.is_file():
            raise FileNotFoundError(f"{toc} lists {name}, but {path} does not exist")
        pages.append(path)
    return pages


def read_page(path: Path, folder: Path | None = None) -> Page:
    """Cut the displayed formulas out of one file."""
    name = path.relative_to(folder).as_posix() if folder else path.name
    return cut(path.read_text(encoding="utf-8"), name)


def cut(text: str, file: str = "text") -> Page:
    """Cut the displayed formulas out of a MyST text."""
    page = Page(file)
    cutter = _Cutter(page, text.split("\n"))
    cutter.run(cutter.front_matter())
    labels = [d.label for d in page.displays if d.label]
    for display in page.displays:
        if display.label and labels.count(display.label) > 1:
            raise LatexError(display.place(0), f"label {display.label} is used twice on this page")
    return page


class _Block(NamedTuple):
    """An open block: its fence, what it is, and the line on which it opens."""

    fence: str
    kind: str
    line: int


class _Cutter:
    """Walk over the lines of one page; ``blocks`` is the stack of open blocks, innermost last."""

    def __init__(self, page: Page, lines: list[str]):
        self.page, self.lines = page, lines
        self.blocks: list[_Block] = []
        self.gate: tuple[str, int] | None = None  # an open solution-start or exercise-start
        self.html = False  # in HTML that a blank line ends

    def error(self, k: int, message: str, token: str = ""):
        return LatexError(Place(self.page.file, k + 1), message, token)

    def front_matter(self) -> int:
        """Read what the front matter promises; return the line below it."""
        if self.lines[0].strip() != "---":
            return 0
        for k, line in enumerate(self.lines[1:], 1):
            if line.strip() == "---":
                return k + 1
            self.no_box(k)
            if m := re.match(r"proofs:\s*(.*?)\s*$", line):
                if not m.group(1).isdigit():
                    raise self.error(k, "proofs: expects a whole number", m.group(1))
                self.page.proofs = int(m.group(1))
        raise self.error(0, "the front matter is not closed by ---")

    def run(self, k: int):
        while k < len(self.lines):
            line = self.lines[k]
            kind = self.blocks[-1].kind if self.blocks else READ
            if self.closes(k):
                self.blocks.pop()
                self.html = False
            elif kind == CLOSED:
                self.closed(k)
            elif kind == READ:
                if opening := _OPENING.match(line):
                    self.open(k, opening["fence"], opening["info"].strip())
                elif line.startswith("<!--") and not self.blocks:
                    k = self.comment(k)
                elif line.lstrip(" >*-+").startswith("$$"):
                    k = self.display(k)
                else:
                    self.text(k)
            k += 1
        if self.blocks:
            raise self.error(self.blocks[-1].line, "this block is never closed", self.blocks[-1].fence)
        if self.gate:
            raise self.error(self.gate[1], f"{self.gate[0]}-start without {self.gate[0]}-end")

    # --- blocks ---

    def closes(self, k: int) -> bool:
        """Does line k close the innermost block? It may not close one around that: Markdown would close both."""
        if not (closing := _CLOSING.match(self.lines[k])):
            return False
        for block in self.blocks:
            if closing["fence"].startswith(block.fence):
                if block is not self.blocks[-1]:
                    raise self.error(k, f"this closes the block of line {block.line + 1}, which needs a longer fence")
                return True
        return False

    def open(self, k: int, fence: str, info: str):
        self.no_html(k)
        self.no_box(k)
        word = info.split()[0].lower() if info else ""
        name = word[1:-1] if word.startswith("{") and word.endswith("}") else None
        if name == "include":
            raise self.error(k, "an included file is not read: write its text here", "{include}")
        if name == "math" and not self.gate:
            raise self.error(k, "display mathematics is written between $$ and $$", "{math}")
        kind = CLOSED if name in _CLOSED else READ
        if name in _PROGRAMS | _EXERCISES or (name is None and fence[0] != ":"):
            kind = IGNORED
        if gate := re.fullmatch(r"(exercise|solution)-(start|end)", name or ""):
            self.pass_gate(k, *gate.groups())
        self.blocks.append(_Block(fence, kind, k))
        if name in _PROGRAMS:
            self.options(k + 1)

    def pass_gate(self, k: int, kind: str, side: str):
        if side == "start" and self.gate is None:
            self.gate = (kind, k)
        elif side == "end" and self.gate and self.gate[0] == kind:
            self.gate = None
        else:
            raise self.error(k, f"{kind}-{side} does not fit here")

    def options(self, first: int):
        """The options of a program may hold a caption, which is shown."""
        options = _OPTIONS.match("\n".join(self.lines[first:])).group()
        for k in range(first, first + len(options.splitlines())):
            self.no_box(k)

    def closed(self, k: int):
        self.no_box(k)
        if token := re.search(r"<!--|\binclude::", _CODE_SPAN.sub("", self.lines[k])):
            raise self.error(k, "this may not stand in a block that is not read", token.group())

    # --- text ---

    def no_box(self, k: int, message: str = _NOT_READ):
        if box := _BOX.search(self.lines[k]):
            raise self.error(k, message, box.group())

    def no_html(self, k: int):
        if self.html:
            raise self.error(k, "a blank line must follow HTML", self.lines[k].strip())

    def comment(self, k: int) -> int:
        """Skip the comment that opens on line k; return the line on which it closes."""
        for j in range(k, len(self.lines)):
            _, end, rest = self.lines[j].partition("-->")
            if rest.strip():
                raise self.error(j, "nothing may follow a comment on its line", rest.strip())
            if end:
                return j
        raise self.error(k, "this comment is never closed", "<!--")

    def text(self, k: int):
        line = self.lines[k]
        outside_code = _CODE_SPAN.sub("", line)
        if not self.gate:
            self.no_box(k, r"a \boxed formula must stand between $$ and $$ on lines of its own")
            if "$$" in outside_code:
                raise self.error(k, "$$ must open its own line", "$$")
        if "<!--" in outside_code:
            raise self.error(k, "a comment stands on lines of its own, in no block", "<!--")
        if _ENVIRONMENT.match(line):
            raise self.error(k, "display mathematics is written between $$ and $$", r"\begin")
        if fence := _NOT_AT_THE_START.match(line):
            raise self.error(k, "a block opens at the start of its line", fence["fence"])
        if _HTML_OVER_BLANK_LINES.match(line):
            raise self.error(k, "this HTML could hide what follows", line.strip())
        self.html = bool(line.strip()) and (self.html or bool(_HTML.match(line)))

    def display(self, k: int) -> int:
        """Read the display that opens on line k; return the line on which it closes."""
        self.no_html(k)
        first = self.lines[k]
        column = first.index("$$") + 2
        rest = first[column:]
        if end := _DISPLAY_END.match(rest):
            self.add(k, column, end["body"], end["label"])
            return k
        body = [rest]
        for j in range(k + 1, len(self.lines)):
            line = self.lines[j]
            if end := _DISPLAY_END.match(line):
                body.append(end["body"])
                self.add(k, column, "\n".join(body), end["label"])
                return j
            if "$$" in line:
                raise self.error(j, "after the closing $$ only (label) may follow", line.strip())
            body.append(line)
        raise self.error(k, "this display is never closed by $$", "$$")

    def add(self, k: int, column: int, body: str, label: str | None):
        if self.gate:
            return
        display = Display(self.page.file, k + 1, body, label, column + 1)
        for box in _BOX.finditer(body):
            if box.group() != r"\boxed":
                raise LatexError(display.place(box.start()), r"a box is written \boxed{..}", box.group())
        self.page.displays.append(display)
