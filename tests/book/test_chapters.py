"""The chapters keep the rules that make them readable (text only; nothing is built)."""

import ast
import re

import pytest

from tools.notebooks import BOOK, sources

CELL = re.compile(r"^```\{code-cell\}[^\n]*\n(?:---\n.*?^---\n|(?::[^\n]*\n)+)?(.*?)^```", re.M | re.S)
INCLUDE = re.compile(r"\{literalinclude\} (\S+)\n:pyobject: (\S+)")
LABEL = re.compile(r"^\((\S+)\)=$|^:label: (\S+)$|^ +name: (fig:\S+)$|^\$\$ \((\S+)\)$", re.M)
EXERCISE = re.compile(r"^```\{exercise(?:-start)?\}.*?^:label: (\S+)$", re.M | re.S)
SOLUTION = re.compile(r"^```\{solution-start\} (\S+)\n(.*?)^```\{solution-end\}", re.M | re.S)
PAGES = {source.stem: source.read_text("utf8") for source in sources()}
LONGEST_CELL, WIDEST_LINE = 15, 80


def faults_of_cells(text):
    """Return what is wrong with a page's code cells, a line each."""
    faults = []
    for code in CELL.findall(text):
        lines = code.strip().splitlines()
        first = lines[0] if lines else "an empty cell"
        if len(lines) > LONGEST_CELL:
            faults.append(f"longer than a page ({len(lines)} lines): {first}")
        if max(map(len, lines), default=0) > WIDEST_LINE:
            faults.append(f"wider than a page: {first}")
        if re.search(r"@(numba\.)?(n?jit|vectorize|guvectorize|stencil)\b", code):
            faults.append(f"a kernel in a cell; kernels live in lectcode, where they are tested: {first}")
    return faults


def faults_of_solutions(text):
    """Return which exercises lack a collapsed solution that asserts."""
    solutions = dict(SOLUTION.findall(text))
    faults = []
    for label in EXERCISE.findall(text):
        body = solutions.get(label, "")
        if ":class: dropdown" not in body or not any("assert" in code for code in CELL.findall(body)):
            faults.append(f"{label} has no collapsed solution that asserts")
    return faults


def faults_of_figures(text):
    """Return the figures without alt text, caption or label."""
    headers = re.findall(r"^```\{code-cell\}\n---\n(.*?)^---\n(?=(?:(?!^```).)*figures\.)", text, re.M | re.S)
    return [header for header in headers if not all(word in header for word in ("alt:", "caption:", "name: fig:"))]


@pytest.mark.parametrize("name", PAGES)
def test_cells_are_short_and_define_no_kernels(name):
    assert faults_of_cells(PAGES[name]) == []


@pytest.mark.parametrize("name", PAGES)
def test_exercises_have_solutions_that_assert(name):
    assert faults_of_solutions(PAGES[name]) == []


@pytest.mark.parametrize("name", PAGES)
def test_figures_have_alt_text_caption_and_label(name):
    assert faults_of_figures(PAGES[name]) == []


@pytest.mark.parametrize("name", PAGES)
def test_included_functions_exist(name):
    for path, function in INCLUDE.findall(PAGES[name]):
        tree = ast.parse((BOOK / "chapters" / path).read_text("utf8"))
        assert function in {node.name for node in tree.body if hasattr(node, "name")}, f"{path} has no {function}"


def test_labels_are_unique():
    names = ["".join(groups) for text in PAGES.values() for groups in LABEL.findall(text)]
    assert names
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize(
    "name",
    [
        "shapes",
        "conv-forward",
        "conv-gradients",
        "conv-gradient-input",
        "dilation-groups",
        "pooling",
        "receptive-field",
        "checking",
    ],
)
def test_a_chapter_has_enough_exercises(name):
    assert len(EXERCISE.findall(PAGES[name])) >= 4


def faults_of_corrections(text):
    """Return which of the lecture's 27 inaccuracies have no row, or a row that names no place."""
    rows = [re.split(r" *(?<!\\)\| *", line)[1:-1] for line in text.splitlines() if re.match(r"\| \d+ \|", line)]
    missing = [f"row {n} is missing" for n in range(1, 28) if str(n) not in {row[0] for row in rows}]
    return missing + [
        f"row {row[0]} names no place" for row in rows if not re.search(r"\{(eq|ref|prf:ref)\}`", row[-1])
    ]


def test_every_inaccuracy_of_the_lecture_has_a_row_that_names_a_place():
    text = PAGES["corrections"]
    assert faults_of_corrections(text) == []
    assert faults_of_corrections(re.sub(r"(?m)^\| 13 .*\n", "", text)) == ["row 13 is missing"]
    assert faults_of_corrections(text.replace("| {eq}`conv-grad-filters-correlation` |", "| |")) == [
        "row 12 names no place"
    ]


def test_the_misprints_of_the_lecture_occur_in_no_chapter():
    misprints = re.compile(r"conbine|\b(\w+) \1\b(?<!that that)", re.I)
    assert misprints.search("Conbine")
    assert misprints.search("The the size")
    prose = {
        name: re.sub(r"(?s)```\{code-cell\}.*?^```|\$\$.*?\$\$|\$[^$]*\$|`[^`]*`|\|[^\n]*", "", text)
        for name, text in PAGES.items()
    }
    assert {name: m.group() for name, text in prose.items() if (m := misprints.search(text))} == {}


def cell(code):
    return f"Text.\n\n```{{code-cell}}\n{code}\n```\n"


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        ("\n".join(f"x{i} = {i}" for i in range(16)), "longer than a page"),
        ("x = " + "1 + " * 30 + "1", "wider than a page"),
        ("from numba import njit\n\n@njit\ndef f(x):\n    return x", "a kernel in a cell"),
        ("import numba\n\n@numba.njit(cache=True)\ndef f(x):\n    return x", "a kernel in a cell"),
    ],
)
def test_a_bad_cell_is_seen(code, fault):
    assert faults_of_cells(cell("x = 1")) == []
    assert fault in faults_of_cells(cell(code))[0]


@pytest.mark.parametrize("solution", ["", "assert True", "print(1)"])
def test_an_exercise_without_a_real_solution_is_seen(solution):
    exercise = "```{exercise}\n:label: ex_one\n\nWhy?\n```\n"
    good = (
        "\n```{solution-start} ex_one\n:class: dropdown\n```\n"
        + cell("assert 1 + 1 == 2")
        + "\n```{solution-end}\n```\n"
    )
    assert faults_of_solutions(exercise + good) == []
    bad = solution and good.replace(":class: dropdown\n", "" if "assert" in solution else ":class: dropdown\n")
    assert faults_of_solutions(exercise + bad.replace("assert 1 + 1 == 2", solution)) == [
        "ex_one has no collapsed solution that asserts"
    ]


def test_a_figure_without_alt_text_is_seen():
    figure = (
        "```{code-cell}\n---\nmystnb:\n  figure:\n    name: fig:x\n    caption: A.\n---\nfigures.pictures([])\n```\n"
    )
    assert len(faults_of_figures(figure)) == 1
    assert faults_of_figures(figure.replace("mystnb:", "mystnb:\n  image:\n    alt: B")) == []
