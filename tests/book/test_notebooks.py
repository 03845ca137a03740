"""Every page's notebook is the executed twin of its source, and nbval sees a changed digit."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from tools import notebooks

SOURCES = notebooks.sources()
ADDRESS = notebooks.repository_url()


def test_there_are_pages_with_code():
    assert len(SOURCES) >= 2
    assert any("{code-cell}" in source.read_text("utf8") for source in SOURCES)


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_twin_is_fresh(source):
    assert notebooks.difference(source, ADDRESS) is None


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_outputs_name_no_machine(source):
    text = source.with_suffix(".ipynb").read_text("utf8")
    folders = re.compile(r"/(home|Users|root|tmp|work|var)/|[A-Z]:\\\\")
    assert not folders.search(re.sub(r'"image/\w+": "[^"]*"', "", text))


@pytest.fixture
def page(tmp_path):
    """A copy of the landing page and its twin, free to be spoilt."""
    for name in ("intro.md", "intro.ipynb"):
        shutil.copy(notebooks.BOOK / name, tmp_path)
    return tmp_path / "intro.md"


def spoil(page, change):
    twin = page.with_suffix(".ipynb")
    notebook = nbformat.read(twin, as_version=4)
    change([cell for cell in notebook.cells if cell.cell_type == "code"])
    nbformat.write(notebook, twin)


def never_run(code):
    code[-1].execution_count = None


def run_out_of_order(code):
    code[0].execution_count, code[1].execution_count = 2, 1


def edited(code):
    code[-1].source += "  # edited in Jupyter only"


def dropped_tag(code):
    code[1].metadata = {}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (never_run, r"intro\.ipynb was not executed .* run `make notebooks`"),
        (run_out_of_order, r"intro\.ipynb was not executed .* run `make notebooks`"),
        (edited, r"intro\.ipynb differs from intro\.md; run `make notebooks`"),
        (dropped_tag, r"intro\.ipynb differs from intro\.md; run `make notebooks`"),
    ],
)
def test_a_stale_twin_is_seen(page, change, message):
    assert notebooks.difference(page, ADDRESS) is None
    spoil(page, change)
    assert re.search(message, notebooks.difference(page, ADDRESS))


def test_an_edited_source_and_a_missing_twin_are_seen(page):
    page.write_text(page.read_text("utf8") + "\nOne more sentence.\n", "utf8")
    assert "differs from intro.md; run `make notebooks`" in notebooks.difference(page, ADDRESS)
    page.with_suffix(".ipynb").unlink()
    assert "is missing; run `make notebooks`" in notebooks.difference(page, ADDRESS)


def run_nbval(notebook: Path):
    """Run strict nbval as `make test` does, on one notebook, and return what it printed."""
    command = [sys.executable, "-m", "pytest", "--nbval", "-q", "-p", "no:cacheprovider", str(notebook)]
    return subprocess.run(command, cwd=notebook.parent, capture_output=True, text=True, timeout=300)


def change_a_digit(code):
    output = next(o for cell in code for o in cell.outputs if "(2, 4, 4, 5)" in str(o.get("data", "")))
    output.data["text/plain"] = output.data["text/plain"].replace("(2, 4, 4, 5)", "(2, 4, 4, 6)")


def test_nbval_sees_a_changed_digit(page):
    twin = page.with_suffix(".ipynb")
    passed = run_nbval(twin)
    assert passed.returncode == 0, passed.stdout
    spoil(page, change_a_digit)
    failed = run_nbval(twin)
    assert failed.returncode == 1
    assert "(2, 4, 4, 6)" in failed.stdout
