"""Where the book is found, and in which order its pages are read."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import lectcode
from lectcode.verify import sources
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
