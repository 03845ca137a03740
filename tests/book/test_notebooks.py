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


PAGE = """\
```{literalinclude} code.py
:pyobject: double
```

```{code-cell}
---
mystnb:
  figure:
    name: fig:lines
    caption: A line of slope $\\frac{2}{1} < 3$, by `double`; {numref}`fig:other` is steeper.
---
1 + 1
```

```{exercise-start}
:label: ex_one
```

Why?

```{exercise-end}
```

```{solution-start} ex_one
:class: dropdown
```

So.

```{solution-end}
```
"""


@pytest.fixture
def text(tmp_path):
    """What Jupyter shows of a page with code of the package, a figure, and an exercise; a function of the code."""
    head = (notebooks.BOOK / "chapters/shapes.md").read_text("utf8").split("proofs: 0\n---\n")[0] + "---\n\n"
    (tmp_path / "page.md").write_text(head + PAGE, "utf8")

    def read(code):
        (tmp_path / "code.py").write_text(code, "utf8")
        cells = notebooks.read_source(tmp_path / "page.md", "").cells
        return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")

    return read


def test_jupyter_shows_included_code_captions_and_where_exercises_begin(text):
    shown = text("def other():\n    pass\n\n\ndef double(x):\n    return 2 * x\n")
    assert shown.startswith("```python\ndef double(x):\n    return 2 * x\n```\n\n")
    line = r"A line of slope $\frac{2}{1} &lt; 3$, by <code>double</code>"
    caption = f"<b>fig:lines.</b> {line}; <code>fig:other</code> is steeper."
    assert f'<p class="d-none">{caption}</p>' in shown
    assert ':label: ex_one\n```\n\n<p class="d-none"><b>Exercise.</b></p>\n\nWhy?' in shown
    assert ':class: dropdown\n```\n\n<p class="d-none"><b>Solution.</b></p>\n\nSo.' in shown


def test_changed_code_of_the_package_makes_a_twin_stale(text):
    assert text("def double(x):\n    return 2 * x\n") != text("def double(x):\n    return x + x\n")


def test_no_twin_includes_what_jupyter_cannot_show():
    twins = [nbformat.read(source.with_suffix(".ipynb"), as_version=4) for source in SOURCES]
    prose = [cell.source for twin in twins for cell in twin.cells if cell.cell_type == "markdown"]
    assert sum("```python" in words for words in prose) > 5
    assert not any("literalinclude" in words for words in prose)


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
