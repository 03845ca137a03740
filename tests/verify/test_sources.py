"""Where the book is found, and in which order its pages are read."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import lectcode
from lectcode.verify import LatexError, sources
from lectcode.verify.sources import contents, cut, find_book
from tests.verify.conftest import LECTURE

ROOT = Path(__file__).parents[2]


def test_the_source_tree_comes_first():
    assert find_book() == ROOT


def test_an_installed_package_has_the_book_inside(tmp_path):
    package = tmp_path / "site" / "lectcode"
    shutil.copytree(Path(lectcode.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(LECTURE, package / "book")
    code = "from lectcode.verify.sources import find_book, contents; print(find_book(), len(contents(find_book())))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [str(package / "book"), "6"]


def test_a_package_without_a_book_says_where_it_looked(monkeypatch, tmp_path):
    monkeypatch.setattr(sources, "__file__", str(tmp_path / "lectcode" / "verify" / "sources.py"))
    (tmp_path / "_toc.yml").write_text("root: intro\n")  # without chapters
    with pytest.raises(FileNotFoundError, match=r"no book: neither .* nor .*book holds _toc\.yml and chapters/"):
        find_book()
    (tmp_path / "lectcode" / "book" / "chapters").mkdir(parents=True)
    (tmp_path / "lectcode" / "book" / "_toc.yml").write_text("root: intro\n")
    assert find_book() == tmp_path / "lectcode" / "book"


def test_pages_in_the_order_of_the_contents(tmp_path):
    for name in ("intro", "b", "a"):
        (tmp_path / f"{name}.md").write_text("# Page\n")
    toc = "root: intro\nparts:\n  - caption: file\n    chapters:\n      - file: b  # first\n      - file: a\n"
    (tmp_path / "_toc.yml").write_text(toc)
    assert [p.stem for p in contents(tmp_path)] == ["intro", "b", "a"]
    (tmp_path / "_toc.yml").write_text(toc + "      - file: b\n")
    with pytest.raises(ValueError, match="lists b twice"):
        contents(tmp_path)
    (tmp_path / "_toc.yml").write_text("chapters: []\n")
    with pytest.raises(ValueError, match="lists no pages"):
        contents(tmp_path)


def test_displays_with_labels_and_places():
    page = cut("# Title\n\n$$\na = b\n$$ (one)\n\n$$ c = d $$ (two)\n- $$\n  e\n  $$\n", "page.md")
    found = [(d.label, d.body.strip(), d.line) for d in page.displays]
    assert found == [
        ("one", "a = b", 3),
        ("two", "c = d", 7),
        (None, "e", 8),
    ]
    assert str(page.displays[0].place(3)) == "page.md:4:3"
    assert str(page.displays[1].place(1)) == "page.md:7:4"


DISPLAY = "$$\n\\boxed{a = b}\n$$ (box)\n"
READ = [  # where a box is read
    ("inline code with a comment's start", "Write `<!--` to hide.\n\n" + DISPLAY),
    ("long inline code with a comment's start", "Write `` `<!--` `` to hide.\n\n" + DISPLAY),
    ("program with a comment's start", '```{code-cell}\nprint("<!--")\n```\n\n' + DISPLAY),
    ("after a comment", "<!-- a note\n```\n$$\n-->\n" + DISPLAY),
    ("after an empty comment", "<!-->\n" + DISPLAY + "\n<!-- -->\n"),
    ("name that begins with a closed one", "```{table-of-formulas}\n" + DISPLAY + "```\n"),
    ("note with such a name", "```{video-note}\n" + DISPLAY + "```\n"),
    ("colons without a name", ":::\n" + DISPLAY + ":::\n"),
    ("colons with a class", ":::tip\n" + DISPLAY + ":::\n"),
    ("nested directives", "::::{grid}\n:::{grid-item}\n" + DISPLAY + ":::\n::::\n"),
    ("inline code at the start of a line", "```a``` is code.\n\n" + DISPLAY + "\n```a``` is code.\n"),
    ("end with spaces before it", "```\ncode\n   ```\n\n" + DISPLAY + "\n```\n```\n"),
    ("after HTML", "<details>\n\n" + DISPLAY + "\n</details>\n"),
]


@pytest.mark.parametrize("text", [r[1] for r in READ], ids=[r[0] for r in READ])
def test_no_box_escapes(text):
    assert [d.label for d in cut(text).displays] == ["box"]


UNREAD = [  # where a box may stand that nobody reads
    ("program", "```{code-cell}\n---\ntags: [a]\n---\n" + DISPLAY + "```\n"),
    ("program with options", "```{code-cell}\n:tags: [a]\n\n" + DISPLAY + "```\n"),
    ("example", "~~~latex\n" + DISPLAY + "```\n~~~\n"),
    ("exercise", "````{exercise}\n:label: a\n\n" + DISPLAY + "```\n```\n````\n"),
    ("solution", "```{solution-start} a\n```\n\n" + DISPLAY + "\nSee $\\fbox{a}$.\n\n```{solution-end}\n```\n"),
    ("comment", "<!--\n" + DISPLAY + "-->\n"),
]


@pytest.mark.parametrize("text", [u[1] for u in UNREAD], ids=[u[0] for u in UNREAD])
def test_programs_comments_and_exercises_are_not_read(text):
    assert cut(text).displays == []


NOT_READ = "a box says that its formula was checked, but here nothing is read"
CLOSED = ("figure", "table", "list-table", "csv-table", "raw", "eval-rst", "literalinclude", "Figure")
REFUSED = [  # what is wrong, the text, the line, words of the message
    *((name, f"```{{{name}}}\n{DISPLAY}```\n", 3, NOT_READ) for name in CLOSED),
    ("fbox in a figure", "```{figure} a.png\nSee $\\fbox{a}$.\n```\n", 2, NOT_READ),
    ("box in reStructuredText", "```{eval-rst}\n.. math:: \\boxed{a}\n```\n", 2, NOT_READ),
    ("title", "```{note} $\\boxed{a}$\n```\n", 1, NOT_READ),
    ("caption of a program", "```{code-cell}\n---\nfigure: $\\boxed{a}$\n---\n```\n", 3, NOT_READ),
    ("another caption", "```{code-block} python\n\n:caption: $\\boxed{a}$\nprint()\n```\n", 3, NOT_READ),
    ("open program", "```{code-cell}", 1, "this block is never closed"),
    ("front matter", "---\nsubstitutions:\n  a: $\\boxed{b}$\n---\n", 3, NOT_READ),
    ("fbox", DISPLAY.replace("boxed", "fbox"), 2, r"a box is written \boxed{..} (at '\\fbox')"),
    ("bbox", DISPLAY.replace("boxed", "bbox[red]"), 2, r"a box is written \boxed{..} (at '\\bbox')"),
    ("enclose", DISPLAY.replace("boxed", "enclose{box}"), 2, r"a box is written \boxed{..}"),
    ("fbox in the text", "See $\\fbox{a}$.\n", 1, r"a \boxed formula must stand between $$ and $$"),
    ("box in a remark", "% $\\boxed{a}$\n", 1, r"a \boxed formula must stand between $$ and $$"),
    ("include", "```{include} other.md\n```\n", 1, "an included file is not read: write its text here"),
    ("include in capitals", ":::{INCLUDE} other.md\n:::\n", 1, "an included file is not read"),
    ("include in reStructuredText", "```{eval-rst}\n.. include:: a.md\n```\n", 2, "this may not stand in a block"),
    ("comment around raw cells", "```{raw} html\n<!--\n```\n" + DISPLAY, 2, "this may not stand in a block"),
    ("open comment", "<!-- a\n" + DISPLAY, 1, "this comment is never closed"),
    ("text after a comment", "<!-- a\n--> $$a$$\n", 2, "nothing may follow a comment on its line"),
    ("comment in a line", "a <!-- b\n" + DISPLAY, 1, "a comment stands on lines of its own, in no block"),
    ("comment in a list", "- a\n  <!--\n" + DISPLAY + "-->\n", 2, "a comment stands on lines of its own, in no block"),
    (
        "comment in a note",
        "```{note}\n<!--\n```\n" + DISPLAY + "-->\n",
        2,
        "a comment stands on lines of its own, in no block",
    ),
    ("indented block", "a\n\n    ```\n\n" + DISPLAY + "\n    ```\n", 3, "a block opens at the start of its line"),
    ("block in a list", "- ```\n" + DISPLAY + "- ```\n", 1, "a block opens at the start of its line"),
    ("block in a quotation", "> ```\n" + DISPLAY + "> ```\n", 1, "a block opens at the start of its line"),
    ("end of an outer block", "```{note}\n~~~\n```\n" + DISPLAY + "~~~\n", 3, "this closes the block of line 1"),
    ("fence in HTML", "<div>\n```\n</div>\n\n" + DISPLAY, 2, "a blank line must follow HTML"),
    ("display in HTML", "<div>\na\n" + DISPLAY, 3, "a blank line must follow HTML"),
    ("HTML over blank lines", "<pre>\n\n```\n</pre>\n" + DISPLAY, 1, "this HTML could hide what follows"),
    ("mathematics without dollars", "\\begin{align}\n```\n\\end{align}\n", 1, "display mathematics is written between"),
    ("the same in a list", "1. \\begin{align}\n```\n", 1, "display mathematics is written between"),
]


@pytest.mark.parametrize(("text", "line", "message"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_refuses_what_could_hide_a_box(text, line, message):
    with pytest.raises(LatexError) as problem:
        cut(text)
    assert message in str(problem.value)
    assert problem.value.place.line == line


def test_every_box_of_the_book_is_read():
    for path in contents(ROOT):
        boxes = sum(d.body.count(r"\boxed") for d in sources.read_page(path).displays)
        assert boxes == path.read_text(encoding="utf-8").count(r"\boxed"), path.name
