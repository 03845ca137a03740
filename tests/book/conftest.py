"""Built copies of the book, in folders of their own, and a browser that reads one."""

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools.address import fill_in
from tools.browser import launched, served
from tools.notebooks import BOOK

ADDRESS = "https://github.com/example-owner/example-book"


def copy_book(target: Path):
    """Copy what a build reads, without what was built or installed."""
    for name in (
        "_config.yml",
        "_toc.yml",
        "references.bib",
        "README.md",
        "CITATION.cff",
        "intro.md",
        "intro.ipynb",
        "genindex.md",
    ):
        shutil.copy(BOOK / name, target)
    for name in ("_ext", "_static", "assets", "chapters", "lectcode"):
        shutil.copytree(BOOK / name, target / name, ignore=shutil.ignore_patterns("__pycache__"))
    if (BOOK / "_build/pictures").exists():  # named by what they are made of, so they are never stale
        shutil.copytree(BOOK / "_build/pictures", target / "_build/pictures")
    (target / ".pytest_cache").mkdir()  # what a test run leaves behind must not become a page
    (target / ".pytest_cache/README.md").write_text("# Not a page of the book\n")
    return target


def build(book: Path):
    """Build a copy as `make book` does; return the finished process, its two streams in one."""
    command = [Path(sys.executable).with_name("jupyter-book"), "build", "--all", "-W", "-n", "--keep-going", book]
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600)


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The site of a copy of the book whose public address is not decided."""
    book = copy_book(tmp_path_factory.mktemp("without-address"))
    fill_in("", book)
    finished = build(book)
    assert finished.returncode == 0, finished.stdout
    return book / "_build/html"


@pytest.fixture(scope="session")
def published_site(tmp_path_factory):
    """The site of a copy of the book with a public address. Of several processes that test, the first builds it."""
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    book = root / "with-address"
    with open(root / "with-address.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not book.exists():
            book.mkdir()
            fill_in(ADDRESS, copy_book(book))
            finished = build(book)
            if finished.returncode:
                shutil.rmtree(book)
                pytest.fail(finished.stdout)
    return book / "_build/html"


@pytest.fixture(scope="session")
def browser():
    """A running Chromium; a missing one is an error that says how to install it."""
    with launched() as running:
        yield running


@pytest.fixture(scope="session")
def address(published_site):
    """The local address of the site with a public address: what readers of the published book see."""
    with served(published_site) as url:
        yield url
