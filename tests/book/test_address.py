"""Everything public derives from one address, and without it nothing points anywhere."""

import re
import subprocess
import sys
from xml.etree import ElementTree

import nbformat
import pytest

from tests.book.conftest import ADDRESS, copy_book
from tools import address, notebooks

PAGES = "https://example-owner.github.io/example-book/"
LAUNCH = ("mybinder.org", "colab.research.google.com")


def test_without_an_address_nothing_is_launched(site):
    for page in site.rglob("*.html"):
        text = page.read_text("utf8")
        assert not [host for host in (*LAUNCH, "github.com/example") if host in text], page.name
    assert not (site / "sitemap.xml").exists()


def test_with_an_address_every_link_derives_from_it(published_site):
    page = (published_site / "chapters/conv-forward.html").read_text("utf8")
    path = "example-owner/example-book"
    assert f"https://mybinder.org/v2/gh/{path}/main?urlpath=lab/tree/chapters/conv-forward.ipynb" in page
    assert f"https://colab.research.google.com/github/{path}/blob/main/chapters/conv-forward.ipynb" in page
    assert f'<link rel="canonical" href="{PAGES}chapters/conv-forward.html"' in page
    assert re.search(rf'<meta property="og:url" content="{PAGES}chapters/conv-forward.html"', page)
    assert re.search(r'<meta property="og:title" content="[^"]*The convolution layer, forward"', page)
    locations = [element.text for element in ElementTree.parse(published_site / "sitemap.xml").iter() if element.text]
    assert f"{PAGES}chapters/conv-forward.html" in locations
    assert all(text.startswith(PAGES) for text in locations if text.strip())


def test_both_sites_offer_the_notebook_and_the_search(site, published_site):
    for built in (site, published_site):
        page = (built / "chapters/conv-forward.html").read_text("utf8")
        assert "_sources/chapters/conv-forward.ipynb" in page
        assert (built / "_sources/chapters/conv-forward.ipynb").exists()
        assert (built / "searchindex.js").exists()


def first_cell(book):
    return nbformat.read(book / "chapters/conv-forward.ipynb", as_version=4).cells[0]


def test_colab_cell_installs_only_on_colab(tmp_path):
    book = copy_book(tmp_path)
    address.fill_in(ADDRESS, book)
    assert f'%pip install --quiet "lectcode[book] @ git+{ADDRESS}"' in first_cell(book).source
    assert "remove-cell" in first_cell(book).metadata.tags
    assert notebooks.difference(book / "chapters/conv-forward.md", ADDRESS) is None
    assert "was not" not in str(notebooks.difference(book / "chapters/conv-forward.md", ""))
    # Elsewhere the cell imports sys and does nothing: IPython never reaches the installation.
    code = first_cell(book).source.replace("%pip", "raise SystemExit #")
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == ""


def test_the_address_is_undone(tmp_path):
    book = copy_book(tmp_path)
    before = {path: path.read_bytes() for path in sorted(book.rglob("*")) if path.is_file()}
    address.fill_in(ADDRESS, book)
    changed = {str(path.relative_to(book)) for path, content in before.items() if path.read_bytes() != content}
    assert {"_config.yml", "README.md", "intro.ipynb", "chapters/conv-forward.ipynb"} <= changed
    assert len(re.findall(re.escape(ADDRESS), (book / "_config.yml").read_text("utf8"))) == 1
    address.fill_in("", book)
    assert {path: path.read_bytes() for path in before} == before


def test_readme_has_the_badges_of_the_address():
    text = (notebooks.BOOK / "README.md").read_text("utf8")
    assert address.BADGES.search(text)[0] == address.badges(notebooks.repository_url())


@pytest.mark.parametrize("bad", ["github.com/a/b", "https://github.com/only-owner", "https://gitlab.com/a/b", "a b"])
def test_a_bad_address_is_refused(bad):
    command = [sys.executable, "-m", "tools.address", bad]
    finished = subprocess.run(command, cwd=notebooks.BOOK, capture_output=True, text=True)
    assert finished.returncode != 0
    assert "must look like https://github.com/OWNER/NAME" in finished.stderr
