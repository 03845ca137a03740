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
MISSING = re.compile(r"\b(?:import|from) (?:z3|torch|hypothesis)\b|\bprove_theorem\b")  # z3 is not in requirements.txt
CHAPTERS = [
    "shapes",
    "conv-forward",
    "conv-gradients",
    "conv-gradient-input",
    "dilation-groups",
    "pooling",
    "receptive-field",
    "checking",
]


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
        if re.search(r"@(numba\.)?(n?jit|vectorize|guvectorize|stencil|entry|inner|inlined)\b", code):
            faults.append(f"a kernel in a cell; kernels live in lectcode, where they are tested: {first}")
        if MISSING.search(code):
            faults.append(f"a cell that needs more than readers install: {first}")
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


def faults_of_boxes(text):
    """Return which boxed formulas have no label, or no check in the next cells."""
    pieces = re.split(r"(?m)^\$\$", text)
    formulas, behind = pieces[1::2], pieces[2::2]
    faults, waiting = [], []
    for formula, words in zip(formulas, behind, strict=True):
        label = re.match(r" \((\S+)\)\n", words)
        if r"\boxed" in formula and label is None:
            faults.append(f"a box without a label: {formula.strip()}")
        elif r"\boxed" in formula:
            waiting.append(label[1])
        code = "".join(CELL.findall(words))
        if code:  # formulas in a row share the cells behind them
            faults += [f"no check follows {name}" for name in waiting if f'check("{name}")' not in code]
            waiting = []
    return faults + [f"no check follows {name}" for name in waiting]


@pytest.mark.parametrize("name", PAGES)
def test_boxed_formulas_are_labelled_and_checked_in_place(name):
    assert faults_of_boxes(PAGES[name]) == []


def faults_of_a_chapter(text):
    """Return what a chapter lacks of what every chapter has."""
    exercises = re.findall(r"^```\{exercise-start\}\n.*?^```\n(.*?)^```\{exercise-end\}", text, re.M | re.S)
    wanted = {
        "four exercises": len(exercises) >= 4,
        "an exercise to find an error": any("**Find the error.**" in exercise for exercise in exercises),
        "a hard exercise": any("**Hard.**" in exercise for exercise in exercises),
        "real data": re.search(r"\bdata\.(photograph|digits)\(", text),
        "two figures": len(re.findall(r"^ +name: fig:", text, re.M)) >= 2,
        "terms of the index": "```{index}" in text,
        "sources": "{cite}`" in text,
        "figures from lectcode": "matplotlib" not in text,
    }
    return [what for what, found in wanted.items() if not found]


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_chapter_has_what_every_chapter_has(name):
    assert faults_of_a_chapter(PAGES[name]) == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("**Hard.**", "**Easy.**", "a hard exercise"),
        ("**Find the error.**", "**Find nothing.**", "an exercise to find an error"),
        ("{cite}`", "{site}`", "sources"),
        ("```{index}", "```{indices}", "terms of the index"),
        ("data.", "date.", "real data"),
        ("name: fig:", "name: picture:", "two figures"),
        ("import numpy as np", "import matplotlib", "figures from lectcode"),
    ],
)
def test_a_chapter_that_lacks_something_is_seen(old, new, fault):
    assert faults_of_a_chapter(PAGES["pooling"].replace(old, new)) == [fault]


def test_a_box_without_label_or_check_is_seen():
    good = "$$\n\\boxed{a = b}\n$$ (a-b)\n\n" + cell('check("a-b")')
    assert faults_of_boxes(good) == []
    assert faults_of_boxes(good.replace(" (a-b)", "")) == [r"a box without a label: \boxed{a = b}"]
    assert faults_of_boxes(good.replace('"a-b"', '"b-a"')) == ["no check follows a-b"]


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
        ("from lectcode.kernels.compiled import entry\n\n@entry\ndef f(x):\n    return x", "a kernel in a cell"),
        ("import numba\n\n@numba.njit(cache=True)\ndef f(x):\n    return x", "a kernel in a cell"),
        ("from lectcode.verify.theorems import prove_theorem", "more than readers install"),
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
