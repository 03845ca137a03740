"""What readers and the command line see, and that they are told when something does not hold or was not checked."""

import shutil

import pytest

from lectcode.verify import Refuted, Unsupported, check, check_chapter, ledger, loops, report
from lectcode.verify.__main__ import main
from lectcode.verify.identities import Outcome
from lectcode.verify.oracle import compiled
from lectcode.verify.theorems import THEOREMS
from tests.verify.conftest import LECTURE

SHAPES = 200
RUN_ON = SHAPES if compiled() else SHAPES // 100  # plain Python is slow


@pytest.fixture(autouse=True)
def few_shapes(monkeypatch):
    monkeypatch.setattr("lectcode.verify.oracle.SHAPES", SHAPES)


@pytest.fixture
def no_identities(monkeypatch):
    """The identities take a few seconds and have tests of their own."""
    monkeypatch.setattr("lectcode.verify.__main__.identity_table", lambda: "identities")


def build(folder, old="", new=""):
    """A book of a few formulas that are quick to check, with one text replaced."""
    text = (LECTURE / "chapters" / "conv-gradients.md").read_text()
    bias = text[text.index("# Gradients") : text.index("(conv-grad-bias)")] + "(conv-grad-bias)\n"
    page = (LECTURE / "chapters" / "conv-forward.md").read_text().replace("proofs: 0", "proofs: 1") + bias
    assert old in page
    shutil.copy(LECTURE / "intro.md", folder)
    (folder / "_toc.yml").write_text("root: intro\nchapters:\n  - file: chapters/page\n")
    (folder / "chapters").mkdir(exist_ok=True)
    (folder / "chapters" / "page.md").write_text(page.replace(old, new) if old else page)
    return folder


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    return build(tmp_path_factory.mktemp("book"))


@pytest.fixture
def wrong(tmp_path):
    """Build the small book with one text replaced."""
    return lambda old, new: build(tmp_path, old, new)


def test_check_shows_a_small_table(book):
    folder = book
    table = check("conv-grad-bias", folder)
    assert table.rows == [
        ("proved from the printed definitions", "for all sizes"),
        ("every read lies inside its tensor", "for all sizes (4 indices)"),
        ("run as loops, equals conv2d_grad_bias", f"on {RUN_ON} shapes"),
        ("run as loops, equals reference.conv2d_grad_bias", f"on {min(40, RUN_ON)} shapes"),
    ]
    assert repr(table) == repr(check("conv-grad-bias", folder))
    assert table._repr_html_().count("<tr>") == 5
    assert table._repr_markdown_().count("\n") == 5


def test_check_raises_on_a_wrong_formula(wrong):
    folder = wrong(r"\sum_{n=0}^{N-1} \sum_{h=0}", r"\sum_{n=1}^{N-1} \sum_{h=0}")
    with pytest.raises(Refuted) as refusal:
        check("conv-grad-bias", folder)
    message = str(refusal.value)
    assert "chapters/page.md:" in message
    assert "counterexample: for N = " in message
    assert "differ for N = " in message


def test_unknown_labels_list_the_known_ones(book):
    with pytest.raises(
        KeyError, match="no formula is labelled 'conv-grad'; the labels are conv-forward, conv-grad-bias"
    ):
        check("conv-grad", book)
    with pytest.raises(KeyError, match="no formulas on a page called 'pages'; pages: intro, page"):
        check_chapter("pages", book)


def test_command_line_prints_the_ledger(book, capsys):
    assert main(["--chapters", str(book)]) == 0
    out = capsys.readouterr().out
    assert "conv-grad-bias" in out
    assert "5 formulas, 3 proved for all sizes, 17 reads in bounds" in out
    assert "the transposed convolution is the adjoint" in out


def test_command_line_gives_reasons(wrong, capsys, no_identities):
    folder = wrong(r"\mathbf{G}[n, c_{\text{out}}, h, w].", r"2 \mathbf{G}[n, c_{\text{out}}, h, w].")
    assert main(["--chapters", str(folder)]) == 1
    captured = capsys.readouterr()
    assert "conv-grad-bias" in captured.out
    assert "NO" in captured.out
    assert "conv-grad-bias is not proved" in captured.err


def test_command_line_refuses_what_it_cannot_read(wrong, capsys, tmp_path, no_identities):
    assert (
        main(["--chapters", str(wrong(r"\cdot \mathbf{I}_{pad}[n, c_{in}, h", r"\star \mathbf{I}_{pad}[n, c_{in}, h"))])
        == 1
    )
    assert "not understood here (at '\\\\star')" in capsys.readouterr().err
    assert main(["--chapters", str(tmp_path / "nowhere")]) == 1
    assert "no _toc.yml" in capsys.readouterr().err


def test_an_empty_book_is_not_ok(tmp_path, capsys, no_identities):
    (tmp_path / "_toc.yml").write_text("root: intro\n")
    (tmp_path / "intro.md").write_text("# Nothing\n")
    assert main(["--chapters", str(tmp_path)]) == 1
    assert "no boxed formula" in capsys.readouterr().err


def test_without_z3_bounds_are_not_called_ok(book, capsys, monkeypatch, no_identities):
    monkeypatch.setattr(report, "available", lambda: False)
    folder = str(book)
    assert ("every read lies inside its tensor", report.NOT_CHECKED) in check("conv-grad-bias", folder).rows
    assert main(["--chapters", folder]) == 1
    captured = capsys.readouterr()
    assert "not checked here" in captured.out
    assert "--without-bounds accepts that" in captured.err
    assert main(["--chapters", folder, "--without-bounds"]) == 0
    assert "not checked here" in capsys.readouterr().out


def test_a_page_in_the_contents_must_exist(tmp_path, capsys, no_identities):
    folder = build(tmp_path)
    with (folder / "_toc.yml").open("a") as toc:
        toc.write("  - file: chapters/missing\n")
    assert main(["--chapters", str(folder)]) == 1
    assert "chapters/missing" in capsys.readouterr().err


def test_ledger_and_chapter_have_the_same_formulas(book):
    folder = book
    assert [r[0] for r in ledger(folder).rows] == [r[0] for r in check_chapter("page", folder).rows]


IDENTITY = r"""
$$
\boxed{2 \mathbf{B}[0] = \mathbf{B}[0] + \sum_{m=0}^{0} \mathbf{B}[m]}
$$ (conv-twice)

$$
\boxed{1 + \mathbf{1}_{N \geq 1} = 2}
$$ (conv-two)
"""


@pytest.fixture(scope="module")
def identities_book(tmp_path_factory):
    folder = build(tmp_path_factory.mktemp("identities"))
    page = folder / "chapters" / "page.md"
    page.write_text(page.read_text().replace("proofs: 1", "proofs: 3") + IDENTITY)
    return folder


def test_an_identity_shows_that_both_sides_are_equal(identities_book):
    shapes = RUN_ON // 10
    assert check("conv-twice", identities_book).rows == [
        ("proved from the printed definitions", "for all sizes"),
        ("every read lies inside its tensor", "for all sizes (3 indices)"),
        ("run as loops, both sides are equal", f"on {shapes} shapes"),
    ]
    rows = {row[0]: row for row in check_chapter("page", identities_book).rows}
    assert rows["conv-twice"][1:] == ("identity", "for all sizes", "3 of 3", f"both sides equal: {shapes} shapes", "-")
    assert rows["conv-two"][3] == "no reads"


def test_loops_are_shown_for_what_gives_entries(book, identities_book):
    assert loops("conv-grad-bias", book).startswith("def formula(out, G, C_out, N, H_out, W_out):\n    for c_out ")
    pad, forward = loops("conv-pad", LECTURE), loops("conv-forward", LECTURE)
    for source in (pad, forward):
        compile(source, "loops", "exec")
    assert "term = read(I, (n, c, -P + i, -P + j))" in pad
    with pytest.raises(Unsupported, match="conv-twice is no formula that gives the entries"):
        loops("conv-twice", identities_book)


def test_a_check_has_only_the_lines_that_apply(identities_book):
    assert not any("every read" in line for line, _ in check("conv-two", identities_book).rows)
    lines = [line for line, _ in check("conv-forward", identities_book).rows]
    assert "proved from the printed definitions" not in lines
    assert "every read lies inside its tensor" in lines


def test_without_z3_theorems_are_not_called_proved(monkeypatch):
    monkeypatch.setattr(report, "prove_all", lambda: [Outcome("an identity", 3)])
    monkeypatch.setattr(report, "available", lambda: False)
    rows = report.identity_table().rows
    assert rows[0] == ("an identity", "for all sizes", "3 rejected")
    assert rows[1:] == [(t.name, report.NOT_CHECKED, "-") for t in THEOREMS]


def test_no_formulas_are_not_verified(monkeypatch, capsys, no_identities):
    monkeypatch.setattr("lectcode.verify.__main__.verify_all", lambda *arguments: [])
    assert main([]) == 1
    assert "not verified: no formulas" in capsys.readouterr().err
