"""Theorems are numbered, boxed up to their proof, and found at an address of their own."""

import re
from types import SimpleNamespace

import pytest
from docutils import nodes
from sphinx.errors import ExtensionError

from _ext import theorems
from tools.notebooks import BOOK


def paragraph(kind, word, rest):
    return nodes.paragraph("", "", nodes.Text(""), kind("", word), nodes.Text(rest))


def chapter(*parts):
    document = nodes.section("", *parts)
    app = SimpleNamespace(env=SimpleNamespace(toc_secnumbers={"page": {"": (6,)}}))
    theorems.number(app, document, "page")
    return document


def test_a_theorem_is_numbered_and_boxed_up_to_its_proof():
    theorem = paragraph(nodes.strong, "Theorem (a name).", " Let it be.")
    proof = paragraph(nodes.emphasis, "Proof, if.", " It is.")
    again = paragraph(nodes.strong, "Theorem.", " Let it be again.")
    page = chapter(
        nodes.paragraph("", "before"),
        theorem,
        nodes.math_block("", "x"),
        proof,
        again,
        paragraph(nodes.emphasis, "Proof.", ""),
    )
    assert [type(part) for part in page] == [
        nodes.paragraph,
        nodes.container,
        nodes.paragraph,
        nodes.container,
        nodes.paragraph,
    ]
    assert page[1].astext() == "Theorem 6.1 (a name). Let it be.\n\nx"
    assert page[3].astext() == "Theorem 6.2. Let it be again."
    assert (page[1]["ids"], page[3]["ids"]) == (["theorem-6-1"], ["theorem-6-2"])


def test_a_theorem_without_a_proof_is_refused():
    with pytest.raises(ExtensionError, match=r"after theorem 6\.1 begins with \*Proof\*"):
        chapter(paragraph(nodes.strong, "Theorem.", " Believe me."))


def test_every_theorem_of_the_book_is_numbered(site):
    written = {}
    for source in sorted((BOOK / "chapters").glob("*.md")):
        if count := len(re.findall(r"^\*\*Theorem\b", source.read_text("utf8"), re.M)):
            written[source.stem] = count
    assert len(written) >= 2
    for name, count in written.items():
        page = (site / f"chapters/{name}.html").read_text("utf8")
        found = re.findall(
            r'<div class="theorem docutils container" id="theorem-(\d+)-(\d+)">\s*<p><strong>Theorem (\d+)\.(\d+)', page
        )
        assert [(a, b) for a, b, _, _ in found] == [(c, d) for _, _, c, d in found]
        assert [int(b) for _, b, _, _ in found] == list(range(1, count + 1))
