"""The aids of a page: the time is computed by the stated rule, the links lead somewhere, the citation is that of the
book.
"""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml
from docutils import nodes

from _ext import reading_aids
from tests.book.conftest import ADDRESS, copy_book
from tools import citation, logo
from tools.address import fill_in
from tools.notebooks import BOOK

FORMS = BOOK / ".github/ISSUE_TEMPLATE"


def chapter(*parts):
    return nodes.section("", nodes.paragraph("", "", nodes.Text("one two three "), nodes.math("", "x + y")), *parts)


def cell(*classes):
    return nodes.container("", nodes.literal_block("", "print(1)"), classes=["cell", *classes])


@pytest.mark.parametrize(
    ("part", "extent"),
    [
        (nodes.paragraph("", "four more words here"), (8, 0, 0)),
        (nodes.math_block("", "x = y"), (4, 1, 0)),
        (cell(), (4, 0, 1)),
        (cell("tag_hide-input"), (4, 0, 0)),
        (nodes.literal_block("", "an included function of six words"), (4, 0, 0)),
        (nodes.admonition("", nodes.paragraph("", "do this"), classes=["exercise"]), (4, 0, 0)),
        (
            nodes.admonition("", nodes.paragraph("", "so"), nodes.math_block("", "x"), cell(), classes=["solution"]),
            (4, 0, 0),
        ),
    ],
)
def test_what_a_reader_meets_is_counted(part, extent):
    assert reading_aids.extent(chapter(part)) == extent


@pytest.mark.parametrize(
    ("extent", "minutes"), [((0, 0, 0), 5), ((1000, 0, 0), 5), ((2000, 10, 10), 20), ((4000, 0, 0), 20)]
)
def test_minutes(extent, minutes):
    assert reading_aids.minutes(*extent) == minutes


def test_the_landing_page_states_the_rule():
    assert (reading_aids.WORDS_A_MINUTE, reading_aids.MINUTES_A_STOP) == (200, 0.5)
    assert "200 words a minute and half a minute for each displayed formula and each cell" in (
        BOOK / "intro.md"
    ).read_text("utf8")


def test_every_chapter_and_no_other_page_has_its_time_and_links(site):
    (first, *_) = yaml.safe_load((BOOK / "_toc.yml").read_text("utf8"))["parts"]
    numbered = {f"{entry['file']}.html" for entry in first["chapters"]}
    with_aids = {}
    for page in site.rglob("*.html"):
        if aids := re.search(r'<p class="reading-aids">(.*?)</p>', page.read_text("utf8"), re.S):
            with_aids[page.relative_to(site).as_posix()] = aids[1]
    assert numbered <= set(with_aids)
    assert len(numbered) >= 7
    for name, aids in with_aids.items():
        assert re.match(r"<span>About [1-9]\d?[05]? minutes", aids), name
        assert 'href="notation.html">Notation</a>' in aids
        assert 'href="formula-sheet.html">Formula sheet</a>' in aids


def test_without_an_address_no_error_can_be_reported(site):
    assert not [page.name for page in site.rglob("*.html") if "found-an-error" in page.read_text("utf8")]


def test_with_an_address_every_page_leads_to_a_form_that_asks_for_page_and_formula(published_site):
    for page in (published_site / "chapters").glob("*.html"):
        (link,) = re.findall(r'<p class="found-an-error"><a href="([^"]*)"', page.read_text("utf8"))
        parts = urlsplit(link.replace("&amp;", "&"))
        assert link.startswith(f"{ADDRESS}/issues/new?")
        asked = parse_qs(parts.query)
        assert asked["page"] == [f"chapters/{page.stem}"]
        form = yaml.safe_load((FORMS / asked["template"][0]).read_text("utf8"))
        assert {"page", "formula"} <= {field["id"] for field in form["body"]}


@pytest.mark.parametrize("name", citation.PAGES)
def test_pages_show_the_citation(name):
    text = (BOOK / name).read_text("utf8")
    assert citation.refreshed(text, citation.bibtex()) == text


def test_the_citation_has_the_address_and_only_what_citation_cff_says(tmp_path):
    book = copy_book(tmp_path)
    fill_in(ADDRESS, book)
    assert f"  url    = {{{ADDRESS}}}," in (book / "README.md").read_text("utf8")
    assert f"  url    = {{{ADDRESS}}}," in (book / "intro.md").read_text("utf8")
    said = yaml.safe_load((BOOK / "CITATION.cff").read_text("utf8"))
    assert f"author = {{{{{said['authors'][0]['name']}}}}}" in citation.bibtex(book)
    people = {"authors": [{"family-names": "Doe", "given-names": "A. B."}], "title": "T", "version": "1"}
    (book / "CITATION.cff").write_text(yaml.safe_dump(people))
    assert "author = {Doe, A. B.}," in citation.bibtex(book)


@pytest.mark.parametrize("text", ["no block", "```bibtex\n```\n\n```bibtex\n```\n"])
def test_a_page_without_one_place_for_the_citation_is_refused(text):
    with pytest.raises(ValueError, match="one block of BibTeX"):
        citation.refreshed(text, "entry")


def test_the_logos_are_drawn_from_the_palette():
    for name, text in logo.drawings().items():
        assert (BOOK / "_static" / name).read_text("utf8") == text, f"{name}: run `python -m tools.logo`"
