"""The formula sheet: every boxed formula of the book, as it stands in its chapter."""

from __future__ import annotations

from pathlib import Path

from lectcode.verify.reader import read_book
from lectcode.verify.sources import Display, find_book


class FormulaSheet:
    """Boxed formulas by page; a notebook shows them as Markdown, a terminal as their labels."""

    def __init__(self, pages: dict[str, list[Display]]):
        self.pages = pages

    def __repr__(self):
        return "\n".join(f"{page}: {', '.join(str(d.label) for d in boxes)}" for page, boxes in self.pages.items())

    def _repr_markdown_(self):
        blocks = []
        for page, boxes in self.pages.items():
            blocks.append(f"**{{doc}}`{page}`**")
            for box in boxes:
                blocks.append(f"{{eq}}`{box.label}`\n\n$$\n{box.body.strip()}\n$$")
        return "\n\n".join(blocks)


def formula_sheet(folder: Path | str | None = None) -> FormulaSheet:
    """Collect the boxed formulas of a book, in the order of its contents.

    Parameters
    ----------
    folder : path, optional
        The book; by default the one around this package or inside it.

    Returns
    -------
    FormulaSheet
        A notebook shows it as LaTeX, with the numbers of the formulas.

    Raises
    ------
    ValueError
        If the book has no boxed formula.
    """
    book = read_book(Path(folder) if folder else find_book())
    pages: dict[str, list[Display]] = {}
    for formula in book.formulas:
        boxes = pages.setdefault(Path(formula.page).stem, [])
        if formula.boxed and formula.row.display not in boxes:
            boxes.append(formula.row.display)
    pages = {page: boxes for page, boxes in pages.items() if boxes}
    if not pages:
        raise ValueError("the book has no boxed formula")
    return FormulaSheet(pages)
