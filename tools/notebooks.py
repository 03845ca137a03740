"""Write and check the executed twins: every page's NAME.md is its source, NAME.ipynb its executed notebook.

`python -m tools.notebooks` executes every page and writes its twin; `--check` only compares, runs nothing, and fails
where a twin is missing, differs from its source or was not executed. Two runs write the same bytes: cells get fixed
ids, times are not recorded, and only the kernel's name is kept of the metadata.

Jupyter and Colab know no directives. So a twin holds the code of the package that its page includes; and captions, and
the words that say where an exercise and its solution begin, stand in it once more, in a class that websites hide.
"""

import argparse
import html
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import jupytext
import nbformat
import yaml
from nbclient import NotebookClient
from sphinx.directives.code import LiteralIncludeReader
from tqdm import tqdm

BOOK = Path(__file__).resolve().parents[1]
REFRESH = "run `make notebooks` and commit the result"
# Colab opens a notebook without the rest of its repository. The title folds the cell there; pages do not show it.
COLAB_CELL = """\
# @title On Colab, run this cell first: it installs lectcode. Anywhere else it does nothing.
import sys

if "google.colab" in sys.modules:
    {install}"""
COLAB_METADATA = {"tags": ["remove-cell"], "cellView": "form", "jupyter": {"source_hidden": True}}
IN_JUPYTER = '<p class="d-none">{}</p>'  # Bootstrap, which the site's theme brings, does not display this class
GATE = re.compile(r"^```\{(exercise|solution)-start\}.*?^```$", re.M | re.S)
INCLUDE = re.compile(r"^```\{literalinclude\} (\S+)\n((?::.*\n)*)```$", re.M)
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def repository_url(book=BOOK):
    """Return the public address of the repository from `_config.yml`; empty where it is not decided."""
    return yaml.safe_load((book / "_config.yml").read_text("utf8"))["repository"]["url"]


def colab_cell(address):
    """Return the first cell of every notebook: what Colab needs, and nothing anywhere else."""
    if address:
        install = f'%pip install --quiet "lectcode[book] @ git+{address}"'
    else:
        install = 'print("This copy has no public address: upload the lectcode folder beside this notebook.")'
    return nbformat.v4.new_code_cell(COLAB_CELL.format(install=install), metadata=COLAB_METADATA)


def sources(book=BOOK):
    """Return the pages that are notebooks: the landing page and the chapters."""
    return [book / "intro.md", *sorted((book / "chapters").glob("*.md"))]


def included(text, folder):
    """Return Markdown with each included piece of code in place of its directive."""

    def code(directive):
        options = yaml.safe_load(re.sub(r"(?m)^:", "", directive[2])) or {}
        reader = LiteralIncludeReader(str(folder / directive[1]), options, SimpleNamespace(source_encoding="utf-8"))
        return f"```python\n{reader.read()[0].rstrip()}\n```"

    return INCLUDE.sub(code, text)


def caption(cell):
    """Return the caption of a cell's figure as Jupyter shows it, with its formulas; None without a figure."""
    figure = cell.metadata.get("mystnb", {}).get("figure")
    if figure is None:
        return None
    words = html.escape(re.sub(r"\{\w+\}(?=`)", "", " ".join(figure["caption"].split())), quote=False)
    text = re.sub("`([^`]*)`", r"<code>\1</code>", words)
    return nbformat.v4.new_markdown_cell(IN_JUPYTER.format(f"<b>{figure['name']}.</b> {text}"))


def begun(text):
    """Return Markdown with a word behind each directive that begins an exercise or a solution."""
    return GATE.sub(lambda gate: f"{gate[0]}\n\n" + IN_JUPYTER.format(f"<b>{gate[1].title()}.</b>"), text)


def for_jupyter(cells, folder):
    """Return a page's cells with what Jupyter and Colab would not show."""
    shown = []
    for cell in cells:
        if cell.cell_type == "markdown":
            cell.source = included(begun(cell.source), folder)
        shown += filter(None, (cell, caption(cell)))
    return shown


def read_source(source, address):
    """Return the notebook, not executed, that a page's `.md` stands for."""
    cells = for_jupyter(jupytext.read(source).cells, source.parent)
    notebook = nbformat.v4.new_notebook(metadata={"kernelspec": KERNEL})
    has_code = any(cell.cell_type == "code" for cell in cells)
    notebook.cells = [colab_cell(address), *cells] if has_code else cells
    for position, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{position}"
    return notebook


def write_twin(source, address):
    """Execute a page in its own folder and write the twin beside it."""
    notebook = read_source(source, address)
    NotebookClient(
        notebook,
        timeout=600,
        record_timing=False,
        coalesce_streams=True,  # how prints are cut into messages depends on how busy the machine is
        resources={"metadata": {"path": source.parent}},
    ).execute()
    notebook.metadata = {"kernelspec": KERNEL}
    nbformat.validate(notebook)
    nbformat.write(notebook, source.with_suffix(".ipynb"))


def difference(source, address):
    """Return why a twin cannot be trusted, in one line; None where it can."""
    twin = source.with_suffix(".ipynb")
    if not twin.exists():
        return f"{twin.name} is missing; {REFRESH}"
    kept, wanted = nbformat.read(twin, as_version=4).cells, read_source(source, address).cells
    if [_essence(cell) for cell in kept] != [_essence(cell) for cell in wanted]:
        return f"{twin.name} differs from {source.name}; {REFRESH}"
    counts = [cell.execution_count for cell in kept if cell.cell_type == "code"]
    if counts != list(range(1, len(counts) + 1)):
        return f"{twin.name} was not executed from its first cell to its last (counts {counts}); {REFRESH}"
    return None


def _essence(cell):
    return cell.cell_type, cell.source, cell.metadata


def main():
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare only; execute and write nothing")
    parser.add_argument("pages", nargs="*", type=Path, help="only these .md files")
    arguments = parser.parse_args()
    address = repository_url()
    pages = [page.resolve() for page in arguments.pages] or sources()
    if arguments.check:
        sys.exit("\n".join(filter(None, (difference(page, address) for page in pages))) or None)
    for page in tqdm(pages, unit="page"):
        write_twin(page, address)


if __name__ == "__main__":
    main()
