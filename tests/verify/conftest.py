"""The lecture as test data: the formulas of the source in their own LaTeX, completed by those that it lacks."""

from pathlib import Path

import pytest

from lectcode.verify.reader import read_book

LECTURE = Path(__file__).parent / "book"


@pytest.fixture(scope="session")
def lecture():
    return read_book(LECTURE)


@pytest.fixture
def altered(tmp_path):
    """Write a copy of the lecture in which one text is replaced; the folder is returned."""

    def alter(page, old, new):
        for path in (LECTURE / "_toc.yml", LECTURE / "intro.md", *sorted((LECTURE / "chapters").glob("*.md"))):
            copy = tmp_path / path.relative_to(LECTURE)
            copy.parent.mkdir(exist_ok=True)
            text = path.read_text()
            if path.stem == page:
                assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times on {page}"
                text = text.replace(old, new)
            copy.write_text(text)
        return tmp_path

    return alter
