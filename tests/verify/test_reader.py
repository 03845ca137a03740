"""Reading pages: what defines, what does not, and that everything else is refused with its place."""

import pytest

from lectcode.verify import LatexError
from lectcode.verify.reader import read_book, read_pages, read_text
from lectcode.verify.sources import cut

HEAD = r"""---
proofs: 1
---
$$
\begin{aligned}
\mathbf{X} & \in \mathbb{R}^{A \times E} \\
\mathbf{V} & \in \mathbb{R}^{E} \\
\mathbf{O} & \in \mathbb{R}^{A} \\
\end{aligned}
$$

$$
\boxed{\mathbf{O}[a] = \sum_{e=0}^{E-1} \mathbf{X}[a, e] \cdot \mathbf{V}[e]}
$$ (toy-forward)

$$
\mathbf{G} = \frac{\partial L}{\partial \mathbf{O}} \in \mathbb{R}^{A}
$$
"""
FORWARD = r"\mathbf{O}[a] = \sum_{e=0}^{E-1} \mathbf{X}[a, e] \cdot \mathbf{V}[e]"
BOX = r"""
$$
\boxed{\frac{\partial L}{\partial \mathbf{V}[e]} = \sum_{a=0}^{A-1} \mathbf{G}[a] \cdot \mathbf{X}[a, e]}
$$ (toy-grad)
"""
Y = "$$\n\\mathbf{Y} \\in \\mathbb{R}^{E}\n$$\n\n"
GIVEN = "$$\n\\mathbf{Q} = \\frac{\\partial L}{\\partial \\mathbf{O}} \\in \\mathbb{R}^{A}\n$$\n\n"


def boxed(formula):
    return f"\n$$\n\\boxed{{{formula}}}\n$$ (toy-grad)\n"


def test_reads_a_page():
    book = read_text(HEAD + BOX)
    assert [(f.kind, f.label) for f in book.formulas] == [("definition", "toy-forward"), ("gradient", "toy-grad")]


def test_the_lecture_is_read_whole(lecture):
    assert [r.text.strip() for r, _ in lecture.unread] == []
    assert sum(f.boxed for f in lecture.formulas) == 27
    assert len(lecture.sections) == 3


SILENT = [
    ("inline", r"In line $\mathbf{O}[a] = 7$ and $Q = \frac{1$."),
    ("code", "```{code-cell}\nbox = r'$$ \\boxed{x} $$'\n```"),
    ("exercise", "```{exercise}\n:label: ex\n$$\n\\boxed{\\mathbf{O}[a] = 7}\n$$\n```"),
    ("solution", "```{solution-start} ex\n```\n\n$$\n\\boxed{\\mathbf{O}[a] = 7}\n$$\n\n```{solution-end}\n```"),
    ("comment", "<!--\n$$\n\\boxed{\\mathbf{O}[a] = 7}\n$$\n-->"),
    ("empty display", "$$\n\n$$"),
    ("block in an exercise", "````{exercise}\n```{math}\n\\boxed{x}\n```\n````"),
    ("program in a note", "````{note}\n```{code-cell}\nbox = r'\\boxed{x}'\n```\n````"),
    ("chain", "$$\nq = A = E\n$$"),
    ("equation", "$$\n2 \\mathbf{V}[0] = 3\n$$"),
    ("sum", "$$\n2 + 3\n$$"),
    ("member", "$$\nq \\in \\mathbb{R}\n$$"),
    ("known minimum", "$$\nA \\geq 1\n$$"),
    ("the same shape", "$$\n\\text{shape}(\\mathbf{X}) = (A, E)\n$$"),
    ("true range", "$$\n0 \\leq a < A\n$$"),
    ("true range before", "$$\n0 \\leq e \\leq E - 1\n$$"),
    ("example", "$$\n\\underbrace{1 + 2}_{\\text{three}} = 3\n$$"),
]


@pytest.mark.parametrize("text", [s[1] for s in SILENT], ids=[s[0] for s in SILENT])
def test_says_nothing_about_definitions(text):
    assert len(read_text(HEAD + text + "\n" + BOX).formulas) == 2


REFUSED = [  # what is wrong, text before the box, the box, words of the message
    ("unread box", "", BOX.replace(r"\cdot", r"\star"), r"text:21:\d+: not understood here \(at '\\\\star'\)"),
    (
        "unclassified",
        "",
        "\n$$\n\\boxed{a < b}\n$$ (toy-grad)\n",
        "neither a definition nor a gradient nor an identity",
    ),
    ("unlabelled", "", BOX.replace(" (toy-grad)", ""), "a boxed formula needs a label"),
    ("box in the text", "$\\boxed{a}$\n", BOX, "must stand between"),
    ("box in a line", "see $$x$$ here\n", BOX, r"\$\$ must open its own line"),
    ("math directive", "```{math}\nx\n```\n", BOX, "between"),
    ("open display", "", BOX + "\n$$\nx\n", "never closed"),
    ("open block", "", BOX + "\n```{note}\n", "never closed"),
    ("open solution", "```{solution-start} x\n```\n", BOX, "without solution-end"),
    ("beside the box", "", BOX.replace(r"\boxed", r"x = \boxed"), "nothing stands beside it"),
    ("unknown name", "", BOX.replace("X}[a, e]", "X}[a, q]"), r"unknown name q \(at 'q'\)"),
    ("unknown size", "", BOX.replace("A-1", "Q-1"), r"unknown name Q"),
    ("undeclared", "", BOX.replace(r"\mathbf{X}", r"\mathbf{Y}"), "the shape of Y is not declared"),
    ("axes", "", BOX.replace("X}[a, e]", "X}[a]"), "X has 2 axes, not 1"),
    ("bound twice", "", BOX.replace("_{a=0}", "_{e=0}"), "the index e is already bound"),
    ("index is a size", "", BOX.replace("_{a=0}", "_{A=0}"), "A cannot be an index"),
    ("repeated index", "", BOX.replace("V}[e]}", "X}[e, e]}"), "stands twice on the left-hand side"),
    ("real index", "", BOX.replace("X}[a, e]", "X}[a, \\mathbf{V}[e]]"), "V is not an integer tensor"),
    ("fraction index", "", BOX.replace("X}[a, e]", "X}[a, \\frac{e}{A}]"), "not always a whole number"),
    ("label twice", "", BOX.replace("toy-grad", "toy-forward"), "label toy-forward is used twice"),
    ("number of proofs", "", BOX + BOX.replace("toy-grad", "again"), "promises 1 proofs, the page has 2"),
    ("unused name", "$$\nb = a + 1\n$$\n", BOX, "nothing uses b"),
    ("unused size", "$$\nB = A + 1\n$$\n", BOX, "nothing uses B"),
    ("defined twice", "$$\nb = a\n$$\n\n$$\nb = a\n$$\n", BOX, "b is already defined at text:"),
    ("defined by itself", "$$\nb = b + a\n$$\n", BOX, "b is defined by itself"),
    (
        "cycle",
        "$$\n\\begin{aligned}\nb &= c \\\\\nc &= b\n\\end{aligned}\n$$\n",
        BOX.replace("X}[a, e]", "X}[a, b]"),
        "b is defined by itself",
    ),
    (
        "size cycle",
        "$$\n\\begin{aligned}\nB &= A + 1 \\\\\nA &= B\n\\end{aligned}\n$$\n",
        BOX,
        "A is defined by itself",
    ),
    ("tensor twice", "$$\n\\mathbf{O}[a] = 0\n$$\n", BOX, "O is already defined at text:"),
    (
        "wrong range",
        "",
        BOX.replace("e]}\n", "e]}, \\quad e \\in \\{0, \\ldots, A - 1\\}\n"),
        "nothing stands beside it",
    ),
    (
        "range",
        "",
        BOX.replace("[a, e]}", "[a, e], \\quad e \\in \\{0, \\ldots, A - 1\\}}"),
        "gives e the range 0 to E - 1",
    ),
    (
        "range of nothing",
        "",
        BOX.replace("[a, e]}", "[a, e], \\quad q \\in \\{0, \\ldots, A - 1\\}}"),
        "q is not an index",
    ),
    (
        "wrong G",
        "$$\n\\mathbf{G} = \\frac{\\partial L}{\\partial \\mathbf{O}} \\in \\mathbb{R}^{E}\n$$\n",
        BOX,
        "shape",
    ),
    (
        "given derivative defined",
        "$$\n\\mathbf{G}[a] = 0\n$$\n",
        BOX,
        "is the given derivative, so it cannot be defined",
    ),
    ("loss as a size", "$$\n\\mathbf{Y} \\in \\mathbb{R}^{L}\n$$\n", BOX, "L is the loss"),
    ("late minimum", "$$\nA \\geq 3\n$$\n", BOX, "say that it is at least 3 before"),
    ("verbatim", "$$\n\\boxed{" + FORWARD + "}\n$$ (again)\n", BOX, "already defined, in the same words"),
    ("range of no formula", "$$\n0 \\leq q < A\n$$\n", "", r"text:20:8: no formula uses this index \(at 'q'\)"),
    ("another dimension", "$$\n\\mathbf{X} \\in \\mathbb{R}^{L}\n$$\n", BOX, r"L is the loss, .* \(at 'L'\)"),
    ("two formulas", "", BOX.replace("[a, e]}", "[a, e], \\quad e = 0}"), "only the ranges of its indices may follow"),
    ("no statement", "", boxed(r"\mathbf{O}[a]"), r"boxed, but no statement \(at '\\\\mathbf\{O\}\[a\]'\)"),
    ("real size", "$$\nB = A + 1 \\in \\mathbb{R}\n$$\n", BOX, r"only a size can be said to be an integer here"),
    ("chain", "", boxed(r"\mathbf{O}[a] = \mathbf{V}[0] = 0"), "a boxed formula has one equals sign"),
    (
        "box without shape",
        "",
        boxed(r"\mathbf{Y}[a] = 0"),
        r"the shape of Y is not declared \(at '\\\\mathbf\{Y\}\[a\]'\)",
    ),
    ("size by an index", "$$\nA = q + r\n$$\n", BOX, "A is a size, so q, r cannot give it"),
    ("size by a number", "$$\nA = 3\n$$\n", BOX, "A is a size, so its value cannot give it"),
    ("boxed name", "", boxed("b = 2"), "an abbreviation is not boxed"),
    ("tensor by itself", Y + "$$\n\\mathbf{Y}[e] = \\mathbf{Y}[e] + 1\n$$\n", BOX, "Y is defined by itself"),
    ("same sides", "", boxed(r"2 \mathbf{V}[0] = \mathbf{V}[0] + \mathbf{V}[0]"), "both sides are the same expression"),
    ("number as an index", "", boxed(r"\mathbf{V}[0] = 1"), "the left-hand side has plain index names only"),
    ("no such tensor", "", BOX.replace("V", "Y"), r"the shape of Y is not declared"),
    ("axes on the left", "", BOX.replace(r"\mathbf{V}[e]}", r"\mathbf{X}[e]}"), "X has 2 axes, not 1"),
    ("floor as a size", Y.replace("^{E}", r"^{\lfloor \frac{A}{E} \rfloor}"), BOX, "give this size a name first"),
    ("size as a tensor", "$$\nA \\in \\mathbb{R}^{E}\n$$\n", BOX, "A cannot be a tensor: it already has a meaning"),
    ("waiting definition", "$$\n\\mathbf{Y}[e] = q\n$$\n" + Y, BOX, r"text:20:17: unknown name q \(at 'q'\)"),
    (
        "no name in a set",
        "$$\nA + 1 \\in \\mathbb{Z}\n$$\n",
        BOX,
        r"a name is expected before this sign \(at 'A \+ 1'\)",
    ),
    ("tensor as an integer", "$$\n\\mathbf{V} \\in \\mathbb{Z}\n$$\n", BOX, "V already has a meaning"),
    ("tensor as a number", "$$\n\\mathbf{V} \\geq 1\n$$\n", BOX, "V already has a meaning"),
    ("no dots", "$$\n\\mathbf{Y} \\in \\{0, A\\}^{E}\n$$\n", BOX, r"a range is written \\\{0, \\ldots, n\\\}"),
    ("counts from 1", "$$\n\\mathbf{Y} \\in \\{1, \\ldots, A\\}^{E}\n$$\n", BOX, r"a range counts 0, 1, \.\."),
    ("derivative of no loss", GIVEN.replace(r"\partial L", r"\partial A"), BOX, "the given derivative is"),
    ("shape of the derivative", GIVEN.replace("^{A}", "^{E}"), BOX, "Q must have the shape of O"),
    ("function of a number", "$$\nf: \\mathbb{R} \\to \\mathbb{R}\n$$\n", BOX, "a function is declared by f: "),
    (
        "range of a sum",
        "",
        BOX.replace("[a, e]}", "[a, e], \\quad a \\in \\{0, \\ldots, E - 1\\}}"),
        "the sum over a runs over another range",
    ),
    (
        "range before",
        "$$\n0 \\leq e \\leq E\n$$\n",
        BOX,
        r"text:20:1: the declared shape of V gives e the range 0 to E - 1",
    ),
    ("range after", "$$\n0 < a < A\n$$\n", BOX, "the declared shape of O gives a the range 0 to A - 1"),
    ("two minima", "$$\nB \\geq 2\n$$\n\n$$\nB > 2\n$$\n", BOX, "B was said to be at least 2, now at least 3"),
    (
        "derivative of a product",
        Y + "$$\n\\mathbf{Y}[e] = \\prod_{a=0}^{e} \\mathbf{V}[a]\n$$\n",
        boxed(r"\frac{\partial \mathbf{Y}[0]}{\partial \mathbf{V}[0]} = 1"),
        "the derivative of a product over a range by V",
    ),
    ("box without braces", "", "\n$$\n\\boxed x\n$$ (toy-grad)\n", r"text:21:1: \\boxed needs braces"),
    ("open brace", "", "\n$$\n\\boxed{x\n$$ (toy-grad)\n", r"text:21:7: this brace is never closed \(at '\{'\)"),
    ("closed brace", "$$\na } b\n$$\n", BOX, r"text:20:3: this brace was never opened \(at '\}'\)"),
    ("end without start", "```{solution-end}\n```\n", BOX, "solution-end does not fit here"),
    ("text behind a display", "$$\na\n$$ and more\n", BOX, r"after the closing \$\$ only \(label\) may follow"),
]


@pytest.mark.parametrize(("before", "box", "message"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_refuses(before, box, message):
    with pytest.raises(LatexError, match=message):
        read_text(HEAD + before + box)


def test_front_matter_must_promise():
    with pytest.raises(LatexError, match="proofs: 1 is missing"):
        read_text((HEAD + BOX).split("---\n", 2)[2])
    with pytest.raises(LatexError, match="whole number"):
        read_text((HEAD + BOX).replace("proofs: 1", "proofs: many"))
    with pytest.raises(LatexError, match="text:1:1: the front matter is not closed by ---"):
        read_text("---\nproofs: 1\n")
    assert read_text((HEAD + BOX).replace("proofs: 1", "title: Toy\nproofs: 1")).pages[0].proofs == 1


def test_a_label_belongs_to_one_page():
    toy, again = cut(HEAD + BOX, "toy.md"), cut((HEAD + BOX).replace("-grad", "-again"), "again.md")
    with pytest.raises(LatexError, match=r"again\.md:12:3: label toy-forward is already used at toy\.md:12:3"):
        read_pages([toy, again])


UNREAD = [
    (r"q = A = E", "a chain of equations"),
    (r"2 \mathbf{V}[0] = 3", "an equation without a box"),
    (r"q \in \mathbb{R}", "a membership that declares nothing"),
    (r"A < E", "an inequality that declares nothing"),
    (r"1 + ", "the formula ends too early: "),
]


@pytest.mark.parametrize(("formula", "why"), UNREAD, ids=[u[1] for u in UNREAD])
def test_what_declares_nothing_is_listed(formula, why):
    book = read_text(HEAD + f"$$\n{formula}\n$$\n" + BOX)
    assert [(row.text.strip(), reason) for row, reason in book.unread] == [(formula.strip(), why)]


def test_a_shape_may_be_an_equation():
    shape = "$$\n\\text{shape}(\\mathbf{Y}) = E\n$$\n\n"
    use = BOX.replace(r"\mathbf{X}[a, e]", r"\mathbf{X}[a, e] \cdot \mathbf{Y}[e]")
    scope = read_text(HEAD + shape + use).formulas[-1].scope
    assert scope.shapes["Y"] == (scope.size("E"),)


def test_a_range_may_be_that_of_a_sum():
    stated = BOX.replace("[a, e]}", "[a, e], \\quad a \\in \\{0, \\ldots, A - 1\\}}")
    assert len(read_text(HEAD + stated).formulas) == 2


def test_the_given_derivative_may_be_of_a_tensor_without_a_definition():
    given = GIVEN.replace(r"\mathbf{O}", r"\mathbf{Y}").replace("^{A}", "^{E}")
    assert read_text(HEAD + Y + given + BOX).formulas[-1].scope.upstream == {"O": "G", "Y": "Q"}


def test_an_error_names_file_line_and_token(altered):
    folder = altered("conv-gradients", r"\mathbf{G}[n, c_{\text{out}}, h, w].", r"\mathbf{G}[n, c_{\text{out}}, h, q].")
    with pytest.raises(LatexError) as problem:
        read_book(folder)
    assert str(problem.value) == "chapters/conv-gradients.md:12:168: unknown name q (at 'q')"


def test_a_shape_may_follow_the_definition_but_not_the_use():
    shape = "$$\n\\mathbf{Y} \\in \\mathbb{R}^{E}\n$$\n\n"
    definition = "$$\n\\mathbf{Y}[e] = 2 \\mathbf{V}[e]\n$$\n\n"
    use = BOX.replace(r"\mathbf{X}[a, e]", r"\mathbf{X}[a, e] \cdot \mathbf{Y}[e]")
    assert len(read_text(HEAD + definition + shape + use).formulas) == 3
    with pytest.raises(LatexError, match="the shape of Y is not declared"):
        read_text(HEAD + definition + use + shape)
    with pytest.raises(LatexError, match="the shape of Y is not declared"):
        read_text(HEAD + definition + BOX)


def test_rows_continue_after_signs():
    box = r"""
$$
\boxed{
\begin{aligned}
\frac{\partial L}{\partial \mathbf{V}[e]}
& = \sum_{a=0}^{A-1} \\
& \quad \mathbf{G}[a] \\
& \qquad \cdot \mathbf{X}[a, e]
\end{aligned}
}
$$ (toy-grad)
"""
    with pytest.raises(LatexError):  # a row that begins with a tensor is a row of its own
        read_text(HEAD + box)
    assert len(read_text(HEAD + box.replace("{A-1} \\\\\n& \\quad", "{A-1}")).formulas) == 2


def test_another_shape_starts_a_new_section():
    again = HEAD.split("---\n", 2)[2].replace(r"\times E", r"\times E \times E").replace("[a, e]", "[a, e, e]")
    book = read_text(HEAD + BOX + again.replace("toy-forward", "toy-second"))
    assert [f.section for f in book.formulas] == [0, 0, 1]
