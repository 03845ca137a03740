"""How to cite the book, as BibTeX, from CITATION.cff: `python -m tools.citation` prints it.

`make address` writes the same entry into the pages that show it; a test compares them.
"""

import re

import yaml

from tools.notebooks import BOOK, repository_url

PAGES = ("intro.md", "README.md")
BLOCK = re.compile(r"(?<=```bibtex\n).*?(?=```)", re.S)


def bibtex(book=BOOK):
    """Return the BibTeX entry of the book."""
    citation = yaml.safe_load((book / "CITATION.cff").read_text("utf8"))
    year = yaml.safe_load((book / "_config.yml").read_text("utf8"))["copyright"]
    fields = {
        "author": " and ".join(map(_author, citation["authors"])),
        "title": f"{{{citation['title']}}}",
        "year": year,
        "note": f"Version {citation['version']}",
    }
    address = repository_url(book)
    if address:
        fields["url"] = address
    lines = [f"  {name:<6} = {{{value}}}," for name, value in fields.items()]
    return "\n".join(["@misc{lectcode,", *lines, "}"]) + "\n"


def _author(author):
    """Return an author as BibTeX writes one: a group in braces of its own, a person as family name, given names."""
    if "name" in author:
        return f"{{{author['name']}}}"
    return f"{author['family-names']}, {author['given-names']}"


def refreshed(text, entry):
    """Return a page with the entry in its BibTeX block; refuse one that has no such block, or several."""
    new, count = BLOCK.subn(lambda match: entry, text)
    if count != 1:
        raise ValueError(f"a page that shows the citation has one block of BibTeX, got {count}")
    return new


if __name__ == "__main__":
    print(bibtex(), end="")
