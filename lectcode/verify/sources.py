r"""Find the book and cut its displayed formulas out of the MyST sources.

Only display mathematics between ``$$`` and ``$$ (label)`` is read. Inline mathematics, code, exercises and solutions
say nothing about the book's definitions. A ``\boxed`` anywhere else on a page is an error, so no box escapes the
reader.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from lectcode.verify.errors import LatexError, Place

# Directives whose content is not read: programs, and exercises (which may show wrong formulas on purpose).
_CLOSED = re.compile(
    r"\{?(code|literalinclude|exercise|solution|raw|figure|image|bibliography|toctree|mermaid|glue|list-table|csv-table"
    r"|table|tableofcontents|eval-rst|video|iframe|python|bash|text|console|latex|tex|html|json|yaml|toml)\b"
)
_FENCE = re.compile(r"^(?P<indent>[ >]*)(?P<fence>`{3,}|~{3,}|:{3,})(?P<info>.*)$")
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


def _blank(match: re.Match) -> str:
    return re.sub(r"[^\n]", " ", match.group())


def cut(text: str, file: str = "text") -> Page:
    """Cut the displayed formulas out of a MyST text."""
    page = Page(file)
    lines = text.split("\n")
    start = 0
    if lines and lines[0].strip() == "---":
        end = next((k for k in range(1, len(lines)) if lines[k].strip() == "---"), None)
        if end is None:
            raise LatexError(Place(file, 1), "the front matter is not closed by ---")
        for k, line in enumerate(lines[1:end], 2):
            if m := re.match(r"proofs:\s*(.*?)\s*$", line):
                if not m.group(1).isdigit():
                    raise LatexError(Place(file, k), "proofs: expects a whole number", m.group(1))
                page.proofs = int(m.group(1))
        start = end + 1
    lines = [""] * start + lines[start:]
    if "<!--" in text:
        lines = re.sub(r"<!--.*?(?:-->|\Z)", _blank, "\n".join(lines), flags=re.S).split("\n")
    _Cutter(page, lines).run()
    labels = [d.label for d in page.displays if d.label]
    for display in page.displays:
        if display.label and labels.count(display.label) > 1:
            raise LatexError(display.place(0), f"label {display.label} is used twice on this page")
    return page


class _Cutter:
    """Walk over the lines of one page; ``fences`` is the stack of open directives, innermost last."""

    def __init__(self, page: Page, lines: list[str]):
        self.page, self.lines = page, lines
        self.fences: list[tuple[str, bool, int]] = []  # (fence, its content is read, line)
        self.gate: tuple[str, int] | None = None  # an open solution-start or exercise-start

    @property
    def reading(self) -> bool:
        return self.gate is None and all(read for _, read, _ in self.fences)

    def error(self, k: int, message: str, token: str = ""):
        return LatexError(Place(self.page.file, k + 1), message, token)

    def run(self):
        k = 0
        while k < len(self.lines):
            line = self.lines[k]
            if fence := _FENCE.match(line):
                self.fence(k, fence["fence"], fence["info"].strip())
            elif self.reading and line.lstrip(" >*-+").startswith("$$"):
                k = self.display(k)
            elif self.reading and not line.startswith("%"):
                if r"\boxed" in line:
                    raise self.error(k, r"a \boxed formula must stand between $$ and $$ on lines of its own", r"\boxed")
                if "$$" in re.sub(r"`[^`]*`", "", line):
                    raise self.error(k, "$$ must open its own line", "$$")
            k += 1
        if self.fences:
            raise self.error(self.fences[-1][2], "this block is never closed", self.fences[-1][0])
        if self.gate:
            raise self.error(self.gate[1], f"{self.gate[0]}-start without {self.gate[0]}-end")

    def fence(self, k: int, fence: str, info: str):
        if self.fences:
            opened, read, _ = self.fences[-1]
            if fence[0] == opened[0] and len(fence) >= len(opened) and not info:
                self.fences.pop()
                return
            if not read:
                return
        if gate := re.match(r"\{(exercise|solution)-(start|end)\}", info):
            kind, side = gate.groups()
            if side == "start" and self.gate is None:
                self.gate = (kind, k)
            elif side == "end" and self.gate and self.gate[0] == kind:
                self.gate = None
            else:
                raise self.error(k, f"{kind}-{side} does not fit here")
            self.fences.append((fence, False, k))
            return
        if self.reading and re.match(r"\{math\}", info):
            raise self.error(k, "display mathematics is written between $$ and $$", "{math}")
        self.fences.append((fence, info.startswith("{") and not _CLOSED.match(info), k))

    def display(self, k: int) -> int:
        """Read the display that opens on line k; return the line on which it closes."""
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
        self.page.displays.append(Display(self.page.file, k + 1, body, label, column + 1))
