"""Wrong statements that an earlier reader or prover let through, and right ones beside them."""

# ruff: noqa: E501 (a formula is one line)

import pytest

from lectcode.verify import LatexError, Refuted, check, prove
from lectcode.verify.cases import sizes_of
from lectcode.verify.identities import IDENTITIES
from lectcode.verify.oracle import Oracle
from lectcode.verify.prover import prove_formula
from lectcode.verify.reader import read_text
from tests.verify.test_reader import FORWARD, HEAD, boxed

LAYER = r"""---
proofs: 0
---
$$
\begin{aligned}
\mathbf{I} & \in \mathbb{R}^{H} \\
\mathbf{F} & \in \mathbb{R}^{K_h} \\
STATED
\end{aligned}
$$

$$
\boxed{H_{out} = VALUE}
$$ (conv-size)

$$
\begin{aligned}
\mathbf{O} & \in \mathbb{R}^{H_{out}} \\
\mathbf{O}[h] & = \sum_{k=0}^{K_h-1} \mathbf{F}[k] \cdot \mathbf{I}[h S + k D - P] \cdot \mathbf{1}_{0 \leq h S + k D - P < H}
\end{aligned}
$$

$$
\mathbf{G} = \frac{\partial L}{\partial \mathbf{O}} \in \mathbb{R}^{H_{out}}
$$
"""
STATED = r"S, D & \geq 1 \\ P & \geq 0"
VALUE = r"\left\lfloor \frac{H + 2P - (K_h - 1) D - 1}{S} \right\rfloor + 1"


def size(value=VALUE, stated=STATED):
    """The proof of an output size that stands before the formula with the settings."""
    return prove_formula(read_text(LAYER.replace("VALUE", value).replace("STATED", stated)).labelled("conv-size")[0])


def test_a_right_size_is_proved():
    assert size()


@pytest.mark.parametrize("value", [VALUE.replace("(K_h - 1) D - 1", "K_h"), VALUE.replace(" + 2P", "")])
def test_a_size_cannot_forget_a_setting_that_the_page_states(value):
    with pytest.raises(Refuted, match="H_out does not count the windows that fit"):
        size(value)


def test_a_setting_that_nothing_uses_is_refused():
    """A kernel would be called without it, and only that would be compared."""
    with pytest.raises(LatexError, match="says something of D_h, but nothing uses it"):
        size(stated=STATED + r" \\ D_h & \geq 1")


def test_a_setting_is_stated_before_the_size_that_it_changes():
    late = LAYER.replace("VALUE", VALUE.replace(" + 2P", "")).replace("STATED", r"S, D & \geq 1")
    late = late.replace(r"\mathbf{O} & \in", "P & \\geq 0 \\\\\n\\mathbf{O} & \\in")
    with pytest.raises(LatexError, match="P appears later in this section; say what it is before H_out"):
        read_text(late)


def test_a_setting_has_one_name():
    both = LAYER.replace("VALUE", VALUE).replace("STATED", STATED + r" \\ K & \geq 1")
    formula = read_text(both.replace(r"\mathbf{F}[k] \cdot", r"\mathbf{F}[k] \cdot K \cdot")).labelled("conv-size")[0]
    with pytest.raises(Refuted, match="both K and K_h among the sizes"):
        prove_formula(formula)


def test_a_size_is_a_whole_number():
    with pytest.raises(LatexError, match="a size must be a whole number"):
        size(VALUE.replace(r"\left\lfloor", "").replace(r"\right\rfloor", ""))


def test_a_remainder_may_be_zero():
    """For S = 1 it always is, so this factor makes the gradient vanish."""
    full = IDENTITIES[0]
    with pytest.raises(Refuted, match=r"S = 1\b"):
        prove(full.definitions, full.statement + r" \cdot \mathbf{1}_{r_h \geq 1}")


STEPS = r"""
$$
\begin{aligned}
\mathbf{X} & \in \mathbb{R}^{A} \\
\mathbf{V} & \in \mathbb{R}^{K} \\
E & = \left\lfloor \frac{A - K}{2} \right\rfloor \\
\mathbf{O} & \in \mathbb{R}^{(E + 1)} \\
\mathbf{O}[h] & = \sum_{k=0}^{K-1} \mathbf{V}[k] \cdot \mathbf{X}[2 h + k] \\
\mathbf{G} & = \frac{\partial L}{\partial \mathbf{O}} \in \mathbb{R}^{(E + 1)}
\end{aligned}
$$
"""


def test_a_size_that_is_no_axis_may_be_as_small_as_its_value():
    gradient = r"\frac{\partial L}{\partial \mathbf{V}[k]} = \sum_{h=0}^{E} \mathbf{G}[h] \cdot \mathbf{X}[2 h + k]"
    assert prove(STEPS, gradient)
    with pytest.raises(Refuted):
        prove(STEPS, gradient + r" \cdot \mathbf{1}_{E \geq 1}")  # with one window there is no gradient then
    scope = read_text(STEPS).formulas[-1].scope
    assert min(sizes["E"] for sizes in sizes_of(scope, 2000)) == 0  # O has E + 1 entries, at least one


CHAIN = r"""
$$
\begin{aligned}
\mathbf{X} & \in \mathbb{R}^{A} \\
\mathbf{Z} & \in \mathbb{R}^{A} \\
\mathbf{O} & \in \mathbb{R}^{A} \\
\mathbf{Z}[a] & = 3 \mathbf{X}[a] \\
\mathbf{O}[a] & = \mathbf{Z}[a] \cdot \mathbf{Z}[a] \\
\mathbf{G} & = \frac{\partial L}{\partial \mathbf{O}} \in \mathbb{R}^{A}
\end{aligned}
$$
"""
BY_X = r"\frac{\partial L}{\partial \mathbf{X}[a]} = "
TOTAL = r"\sum_{e=0}^{A-1} \mathbf{G}[e] \cdot \frac{\partial \mathbf{O}[e]}{\partial \mathbf{X}[a]}"
STEP = r"3 \frac{\partial L}{\partial \mathbf{Z}[a]}"


def test_a_derivative_follows_all_ways():
    assert prove(CHAIN, BY_X + TOTAL)
    assert prove(CHAIN, BY_X + STEP)
    with pytest.raises(Refuted):
        prove(CHAIN, BY_X + STEP + " + " + TOTAL)


def test_a_derivative_through_a_window_is_refused():
    """The way over Z cannot be written out, so the way beside it would be taken for the whole."""
    window = CHAIN.replace(
        r"\mathbf{Z} & \in", "f & : \\mathbb{R}^{K} \\rightarrow \\mathbb{R} \\\\\n\\mathbf{Z} & \\in"
    )
    window = window.replace(r"\mathbf{O} & \in \mathbb{R}^{A}", r"\mathbf{O} & \in \mathbb{R}^{(A - K + 1)}")
    window = window.replace(r"\mathbf{O}} \in \mathbb{R}^{A}", r"\mathbf{O}} \in \mathbb{R}^{(A - K + 1)}")
    window = window.replace(r"\mathbf{Z}[a] \cdot \mathbf{Z}[a]", r"f(\mathbf{Z}[a:a + K]) + \mathbf{X}[a]")
    assert r"f(\mathbf{Z}[a:a + K])" in window
    total = TOTAL.replace("A-1", "A-K")
    for right in (total, f"{STEP} + {total}"):
        with pytest.raises(LatexError, match="O reads a window of Z, which is computed from X"):
            prove(window, BY_X + right)


def test_the_given_derivative_belongs_to_its_last_output():
    more = r"""
$$
\begin{aligned}
\mathbf{Y} & \in \mathbb{R}^{A} \\
\mathbf{Y}[a] & = 5 \mathbf{O}[a] \\
\mathbf{G} & = \frac{\partial L}{\partial \mathbf{Y}} \in \mathbb{R}^{A}
\end{aligned}
$$
"""
    assert prove(CHAIN + more, BY_X + r"90 \mathbf{G}[a] \cdot \mathbf{X}[a]")
    with pytest.raises(Refuted):
        prove(CHAIN + more, BY_X + r"18 \mathbf{G}[a] \cdot \mathbf{X}[a]")


def test_a_reminder_of_a_shape_keeps_the_definition():
    reminder = "\n$$\n\\mathbf{Z} \\in \\mathbb{R}^{A}\n$$\n"
    assert prove(CHAIN + reminder, BY_X + r"18 \mathbf{G}[a] \cdot \mathbf{X}[a]")


ANEW = "\n$$\n\\mathbf{Z} \\in \\mathbb{R}^{A}\n$$\n\n$$\n\\mathbf{Z}[a] = \\mathbf{X}[a]\n$$\n"
LATER = (
    CHAIN.replace("\\mathbf{Z}[a] & = 3 \\mathbf{X}[a] \\\\\n", "") + "\n$$\n\\mathbf{Z}[a] = 3 \\mathbf{X}[a]\n$$\n"
)


@pytest.mark.parametrize("text", [CHAIN + ANEW, LATER], ids=["anew", "late"])
def test_a_tensor_is_defined_before_it_is_read(text):
    with pytest.raises(LatexError, match=r"Z is read at text:\d+.*; define it before that"):
        read_text(text)


@pytest.mark.parametrize(
    ("formula", "words"),
    [
        (
            r"\frac{\partial L}{\partial \mathbf{V}[e]} = \frac{\partial L}{\partial \mathbf{V}[e]}",
            "is given by itself",
        ),
        (
            r"\frac{\partial L}{\partial \mathbf{V}[e]} = \mathbf{V}[e] + 0 \cdot \mathbf{V}[e + 99]",
            "cancels here",
        ),
        (r"\frac{\partial L}{\partial \mathbf{V}[e]} = \mathbf{V}[e + 99] - \mathbf{V}[e + 99]", "cancels here"),
        (r"\frac{\partial L}{\partial \mathbf{V}[e]} = \frac{\mathbf{V}[e + 99]}{\mathbf{V}[e + 99]}", "cancels here"),
    ],
)
def test_what_would_not_be_checked_is_refused(formula, words):
    with pytest.raises(LatexError, match=words):
        read_text(HEAD + boxed(formula))


WHOLE = "$$\n\\mathbf{t} \\in \\{0, \\ldots, A - 1\\}^{A}\n$$\n"


def test_whole_numbers_are_declared_and_not_defined():
    with pytest.raises(LatexError, match="t is declared by the range of its numbers, so it cannot be defined"):
        read_text(HEAD + WHOLE + "$$\n\\mathbf{t}[a] = a + A\n$$\n")
    with pytest.raises(LatexError, match="t holds whole numbers, so there is no derivative by it"):
        read_text(HEAD + WHOLE + boxed(r"\frac{\partial L}{\partial \mathbf{t}[a]} = \mathbf{G}[a]"))


def test_a_proof_needs_reads_inside():
    """Without r_h and r_w the frame is too small for the last rows; the sums agree all the same."""
    pytest.importorskip("z3")
    full = IDENTITIES[0]
    narrow = full.definitions.replace(r" + r_h \\", r" \\").replace(r" + r_w \\", r" \\")
    narrow = "\n".join(line for line in narrow.splitlines() if not line.startswith("r_"))
    with pytest.raises(Refuted, match="leaves the range"):
        prove(narrow, full.statement)


def test_what_a_layer_gives_is_compared_even_without_a_box():
    book = read_text(HEAD.replace(rf"\boxed{{{FORWARD}}}", FORWARD), promised=False)
    with pytest.raises(Refuted, match="nothing to compare toy-forward with"):
        Oracle(book).run(book.labelled("toy-forward")[0])


def test_new_sizes_of_a_formula_are_known_where_it_is_run():
    """P is used in the gradient for the first time."""
    stated = HEAD.replace(r"\mathbf{X} &", "P & \\geq 0 \\\\\n\\mathbf{X} &")
    formula = read_text(stated + boxed(r"\frac{\partial L}{\partial \mathbf{V}[e]} = P \cdot \mathbf{V}[e]")).formulas[
        -1
    ]
    assert "P" in formula.scope.sizes


def test_an_axis_has_no_negative_length():
    text = HEAD + "$$\n\\mathbf{Y} \\in \\mathbb{R}^{(A - 2)}\n$$\n" + boxed(r"\mathbf{Y}[a] = \mathbf{V}[0]")
    scope = read_text(text, promised=False).formulas[-1].scope
    assert min(sizes["A"] for sizes in sizes_of(scope, 500)) == 3


def test_an_abbreviation_has_nothing_to_check_alone():
    assert "nothing to check alone" in str(check("conv-window-start"))
