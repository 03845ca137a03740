"""Fill in the public address of the repository: `python -m tools.address https://github.com/OWNER/NAME`.

The address stands in `_config.yml`. This command writes it there and refreshes what derives from it outside of the
site's build: the first cell of every notebook, the badges of the README and the BibTeX entry where it is shown.
Without an argument it refreshes only.
"""

import argparse
import re

import nbformat

from tools import citation, notebooks

ADDRESS = re.compile(r"https://github\.com/[\w.-]+/[\w.-]+")
BADGES = re.compile(r"(?<=<!-- badges -->\n).*?(?=<!-- /badges -->)", re.S)


def badges(address, branch="main"):
    """Return the README's badges; none without an address."""
    if not address:
        return ""
    owner, name = address.split("/")[-2:]
    first = "chapters/conv-forward.ipynb"
    links = {
        "[![book]({0}/actions/workflows/book.yml/badge.svg)]({0}/actions/workflows/book.yml)": address,
        "[![read the book](https://img.shields.io/badge/read-the%20book-blue)]({0})": f"https://{owner}.github.io/{name}/",
        "[![Binder](https://mybinder.org/badge_logo.svg)]({0})": (
            f"https://mybinder.org/v2/gh/{owner}/{name}/{branch}?urlpath=lab/tree/{first}"
        ),
        "[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({0})": (
            f"https://colab.research.google.com/github/{owner}/{name}/blob/{branch}/{first}"
        ),
    }
    return "".join(text.format(target) + "\n" for text, target in links.items())


def fill_in(address, book=notebooks.BOOK):
    """Write the address to `_config.yml` and refresh what derives from it."""
    _replace(book / "_config.yml", r'(?<=^  url: )".*"$', f'"{address}"')
    _replace(book / "README.md", BADGES, badges(address))
    entry = citation.bibtex(book)
    for name in citation.PAGES:
        page = book / name
        page.write_text(citation.refreshed(page.read_text("utf8"), entry), "utf8")
    for source in notebooks.sources(book):
        twin = source.with_suffix(".ipynb")
        notebook = nbformat.read(twin, as_version=4)
        first = notebook.cells[0]
        if first.metadata == notebooks.COLAB_METADATA:
            first.source = notebooks.colab_cell(address).source
            for cell in notebook.cells:
                if cell.cell_type == "markdown" and citation.BLOCK.search(cell.source):
                    cell.source = citation.refreshed(cell.source, entry)
            nbformat.write(notebook, twin)


def _replace(path, pattern, text):
    old = path.read_text("utf8")
    new, count = re.subn(pattern, lambda match: text, old, flags=re.M if isinstance(pattern, str) else 0)
    if count != 1:
        raise SystemExit(f"{path.name} has {count} places for the address; expected one")
    path.write_text(new, "utf8")


def main():
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("address", nargs="?", default=notebooks.repository_url())
    address = parser.parse_args().address.removesuffix(".git").rstrip("/")
    if address and not ADDRESS.fullmatch(address):
        raise SystemExit(f"the address must look like https://github.com/OWNER/NAME, got {address!r}")
    fill_in(address)


if __name__ == "__main__":
    main()
