"""The formula sheet: every boxed formula once, under its label and its chapter."""

import pytest

from lectcode.verify.sheet import formula_sheet
from tests.verify.conftest import LECTURE


def test_every_boxed_body_stands_on_the_sheet_once_with_its_label(lecture):
    sheet = formula_sheet(LECTURE)
    boxes = {f.row.display.label: f for f in lecture.formulas if f.boxed}
    assert [d.label for page in sheet.pages.values() for d in page] == list(boxes)
    text = sheet._repr_markdown_()
    for label, f in boxes.items():
        body = f.row.display.body.strip()
        assert text.count(f"{{eq}}`{label}`\n\n$$\n{body}\n$$") == 1
    for page in sheet.pages:
        assert text.count(f"**{{doc}}`{page}`**") == 1


def test_in_a_terminal_the_labels_by_page():
    lines = repr(formula_sheet(str(LECTURE))).splitlines()
    assert lines[0] == "conv-forward: conv-output-size, conv-forward"
    assert all(": " in line for line in lines)


def test_by_default_it_is_the_sheet_of_this_book(monkeypatch):
    monkeypatch.setattr("lectcode.verify.sheet.find_book", lambda: LECTURE)
    assert repr(formula_sheet()) == repr(formula_sheet(LECTURE))


NO_BOX = r"""# Sizes

$$
\begin{aligned}
X & \in \mathbb{R}^{K} \\
S & = K + 1 \\
Y & \in \mathbb{R}^{S}
\end{aligned}
$$
"""


def test_an_empty_book_is_an_error(tmp_path):
    (tmp_path / "_toc.yml").write_text("root: intro\n")
    (tmp_path / "intro.md").write_text(NO_BOX)
    with pytest.raises(ValueError, match="the book has no boxed formula"):
        formula_sheet(tmp_path)
