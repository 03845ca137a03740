"""The built site: every page is there, nothing is fetched from elsewhere, and a fault fails the build."""

import re
import shutil

import nbformat
import pytest

from tests.book.conftest import build, copy_book
from tools import site as checker
from tools.notebooks import BOOK


def test_site_is_whole_and_fetches_nothing(site):
    assert checker.problems(site) == []


def test_pages_hold_what_was_verified(site):
    page = (site / "chapters/conv-forward.html").read_text("utf8")
    text = re.sub(r"<[^>]+>", "", page)
    for words in ("for n, c, i, j in np.ndindex(I_pad.shape):", "Photograph: danielbuechele", "array([[4, 7, 7],"):
        assert words in text, f"the page of conv-forward does not show {words!r}"
    for part in ('id="equation-conv-forward"', "solution dropdown", 'alt="Three grids of numbers.'):
        assert part in page, f"the page of conv-forward has no {part!r}"


def test_no_page_runs_thebe(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) > 3
    assert not [page.name for page in pages if "thebe" in page.read_text("utf8").lower()]


@pytest.fixture
def spoilt(site, tmp_path):
    """A copy of the built site, free to be spoilt."""
    return shutil.copytree(site, tmp_path / "html")


def test_a_page_that_was_not_built_is_seen(spoilt):
    (spoilt / "chapters/conv-forward.html").unlink()
    problems = checker.problems(spoilt)
    assert problems[0] == "chapters/conv-forward is in _toc.yml, but conv-forward.html was not built"
    assert all("no such file" in problem for problem in problems[1:])  # the links to it


def test_a_page_with_another_title_is_seen(spoilt):
    shutil.copy(spoilt / "intro.html", spoilt / "chapters/conv-forward.html")
    assert "its source is titled 'The convolution layer, forward'" in checker.problems(spoilt)[0]


@pytest.mark.parametrize(
    "tag",
    [
        '<script src="https://cdn.example.org/x.js"></script>',
        '<script src="//cdn.example.org/x.js"></script>',
        '<link rel="stylesheet" href="https://fonts.example.org/x.css">',
        '<img src="http://images.example.org/x.png">',
    ],
)
def test_a_foreign_resource_is_seen(spoilt, tag):
    page = spoilt / "intro.html"
    page.write_text(page.read_text("utf8").replace("</head>", tag + "</head>"), "utf8")
    assert "from another host" in checker.problems(spoilt)[0]


@pytest.mark.parametrize(
    ("link", "fault"),
    [
        ("chapters/gone.html", "no such file"),
        ("chapters/shapes.html#gone", "no such place"),
        ("#gone", "no such place"),
        ("chapters/shapes.html#exercises", None),
        ("https://example.org/gone", None),
    ],
)
def test_a_dead_link_is_seen(spoilt, link, fault):
    page = spoilt / "intro.html"
    page.write_text(page.read_text("utf8").replace("</article>", f'<a href="{link}">link</a></article>', 1), "utf8")
    assert checker.dead_links(spoilt) == ([f"intro.html links to {link}, and there is {fault}"] if fault else [])


def test_an_empty_table_of_contents_is_refused(tmp_path):
    (tmp_path / "_toc.yml").write_text("format: jb-book\n")
    with pytest.raises(ValueError, match="lists no page"):
        checker.pages(tmp_path / "_toc.yml")


MISSING = {
    "{ref}`sec:not-there`": "sec:not-there",
    "{eq}`not-there-eq`": "not-there-eq",
    "{numref}`fig:not-there`": "fig:not-there",
    "{cite}`nobody1900nothing`": "nobody1900nothing",
    "{doc}`not-a-page`": "not-a-page",
}


def test_a_missing_label_fails_the_build(tmp_path):
    book = copy_book(tmp_path)
    twin = book / "chapters/bibliography.ipynb"
    notebook = nbformat.read(twin, as_version=4)
    notebook.cells[-1].source += "\n\n" + "\n\n".join(MISSING)
    nbformat.write(notebook, twin)
    finished = build(book)
    assert finished.returncode != 0
    for label in MISSING.values():
        assert label in finished.stdout, f"the build did not complain of {label}"


def test_every_page_of_the_folder_is_in_the_contents():
    listed = [name for name in checker.pages(BOOK / "_toc.yml") if name.startswith("chapters/")]
    assert sorted(listed) == sorted(f"chapters/{path.stem}" for path in (BOOK / "chapters").glob("*.md"))
