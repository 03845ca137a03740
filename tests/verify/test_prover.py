"""Proofs for all sizes: the lecture's gradients, correct rewritings of them, and what is refused."""

# ruff: noqa: E501 (a formula is one line)

from unittest import mock

import pytest

from lectcode.verify import LatexError, Refuted, bounds, prove
from lectcode.verify.chainrule import contributing
from lectcode.verify.counterexample import counterexample
from lectcode.verify.errors import Unsupported
from lectcode.verify.prover import prove_formula
from lectcode.verify.reader import read_book, read_text
from tests.verify.test_reader import BOX, HEAD, Y, boxed

LAYER = r"""
$$
\begin{aligned}
\mathbf{I} & \in \mathbb{R}^{N \times C_{in} \times H \times W} \\
\mathbf{F} & \in \mathbb{R}^{C_{out} \times C_{in} \times K_h \times K_w} \\
\mathbf{B} & \in \mathbb{R}^{C_{out}} \\
P & \geq 0 \\
S & \geq 1 \\
\mathbf{I}_{pad} & \in \mathbb{R}^{N \times C_{in} \times (H + 2P) \times (W + 2P)}
\end{aligned}
$$

$$
\mathbf{I}_{pad}[n, c, i, j] =
\begin{cases}
\mathbf{I}[n, c, i - P, j - P] & \text{if } P \leq i < H + P \text{ and } P \leq j < W + P \\
0 & \text{otherwise}
\end{cases}
$$

$$
\begin{aligned}
H_{out} & = \left\lfloor \frac{H + 2P - K_h}{S} \right\rfloor + 1 \\
W_{out} & = \left\lfloor \frac{W + 2P - K_w}{S} \right\rfloor + 1 \\
\mathbf{O} & \in \mathbb{R}^{N \times C_{out} \times H_{out} \times W_{out}}
\end{aligned}
$$

$$
\mathbf{O}[n, c_{out}, h, w] = \sum_{c_{in}=0}^{C_{in}-1} \sum_{k_h=0}^{K_h-1} \sum_{k_w=0}^{K_w-1}
\mathbf{F}[c_{out}, c_{in}, k_h, k_w] \cdot \mathbf{I}_{pad}[n, c_{in}, h S + k_h, w S + k_w] + \mathbf{B}[c_{out}]
$$

$$
\mathbf{G} = \frac{\partial L}{\partial \mathbf{O}} \in \mathbb{R}^{N \times C_{out} \times H_{out} \times W_{out}}
$$
"""
DF = r"\frac{\partial L}{\partial \mathbf{F}[c_{out}, c_{in}, k_h, k_w]} = "
DI_PAD = r"\frac{\partial L}{\partial \mathbf{I}_{pad}[n, c_{in}, u, v]} = "
DI = r"\frac{\partial L}{\partial \mathbf{I}[n, c_{in}, x, y]} = "
SUMS = r"\sum_{n=0}^{N-1} \sum_{h=0}^{H_{out}-1} \sum_{w=0}^{W_{out}-1} "
G = r"\mathbf{G}[n, c_{out}, h, w]"
PAD = r"\mathbf{I}_{pad}[n, c_{in}, h S + k_h, w S + k_w]"
OVER_OUT = r"\sum_{c_{out}=0}^{C_{out}-1} \sum_{h=0}^{H_{out}-1} \sum_{w=0}^{W_{out}-1} "
F = r"\mathbf{F}[c_{out}, c_{in}, u - h S, v - w S]"
INSIDE = r"\mathbf{1}_{0 \leq u - h S < K_h} \cdot \mathbf{1}_{0 \leq v - w S < K_w}"


def test_all_claims_of_the_lecture(lecture):
    claims = [f for f in lecture.formulas if f.kind == "gradient"]
    assert len(claims) == 16
    for f in claims:
        prove_formula(f)


def test_output_sizes_count_the_windows(lecture):
    sizes = [f for f in lecture.formulas if f.kind == "size" and f.boxed]
    assert len(sizes) == 6
    for f in sizes:
        prove_formula(f)


REWRITTEN = [
    ("factors swapped", DF + SUMS + PAD + r" \cdot " + G),
    ("sums reordered", DF + r"\sum_{w=0}^{W_{out}-1} \sum_{n=0}^{N-1} \sum_{h=0}^{H_{out}-1} " + G + r" \cdot " + PAD),
    (
        "renamed indices",
        DF + r"\sum_{m=0}^{N-1} \sum_{a=0}^{H_{out}-1} \sum_{b=0}^{W_{out}-1} \mathbf{G}[m, c_{out}, a, b]"
        r" \cdot \mathbf{I}_{pad}[m, c_{in}, a S + k_h, b S + k_w]",
    ),
    ("parentheses", DF + SUMS + "(" + G + r") \cdot (" + PAD + ")"),
    ("a factor before its sum", DF + r"\sum_{n=0}^{N-1} (\sum_{h=0}^{H_{out}-1} \sum_{w=0}^{W_{out}-1} " + G + r" \cdot " + PAD + ")"),
    (
        "shifted bounds",
        DF + r"\sum_{n=0}^{N-1} \sum_{h=1}^{H_{out}} \sum_{w=0}^{W_{out}-1} \mathbf{G}[n, c_{out}, h - 1, w]"
        r" \cdot \mathbf{I}_{pad}[n, c_{in}, (h - 1) S + k_h, w S + k_w]",
    ),
    (
        "reversed sum",
        DF + SUMS + r"\mathbf{G}[n, c_{out}, H_{out} - 1 - h, w] \cdot \mathbf{I}_{pad}[n, c_{in}, (H_{out} - 1 - h) S + k_h, w S + k_w]",
    ),
    (
        "padding written out",
        DF + SUMS + G + r" \cdot \mathbf{I}[n, c_{in}, h S + k_h - P, w S + k_w - P]"
        r" \cdot \mathbf{1}_{P \leq h S + k_h < H + P} \cdot \mathbf{1}_{P \leq w S + k_w < W + P}",
    ),
    (
        "padding as cases",
        DF + SUMS + G + r" \cdot \begin{cases} \mathbf{I}[n, c_{in}, h S + k_h - P, w S + k_w - P]"
        r" & \text{if } 0 \leq h S + k_h - P < H \text{ and } 0 \leq w S + k_w - P < W \\ 0 & \text{otherwise} \end{cases}",
    ),
    ("condition turned round", DI_PAD + OVER_OUT + G + r" \cdot " + F + r" \cdot \mathbf{1}_{K_h > u - h S \geq 0, h S + 0 \leq u} \cdot \mathbf{1}_{w S \leq v < w S + K_w}"),
    (
        "sum over the filter with deltas",
        DI_PAD + OVER_OUT + r"\sum_{k_h=0}^{K_h-1} \sum_{k_w=0}^{K_w-1} " + G
        + r" \cdot \mathbf{F}[c_{out}, c_{in}, k_h, k_w] \cdot \delta_{u, h S + k_h} \cdot \delta_{v, w S + k_w}",
    ),
    (
        "explicit range of h",
        DI_PAD + OVER_OUT.replace(r"\sum_{h=0}^{H_{out}-1}", r"\sum_{h=\max(0, \lceil \frac{u-K_h+1}{S} \rceil)}^{\min(H_{out}-1, \lfloor \frac{u}{S} \rfloor)}")
        + G + r" \cdot " + F + r" \cdot \mathbf{1}_{0 \leq v - w S < K_w}",
    ),
    ("composed down to G", DI + (OVER_OUT + G + r" \cdot " + F + r" \cdot " + INSIDE).replace("u - ", "x + P - ").replace("v - ", "y + P - ")),
    ("the slice", DI + r"\frac{\partial L}{\partial \mathbf{I}_{pad}[n, c_{in}, P + x, y + P]}"),
    (
        "divisibility",
        DI_PAD + r"\sum_{c_{out}=0}^{C_{out}-1} \sum_{k_h=0}^{K_h-1} \sum_{k_w=0}^{K_w-1} \sum_{h=0}^{H_{out}-1} \sum_{w=0}^{W_{out}-1} " + G
        + r" \cdot \mathbf{F}[c_{out}, c_{in}, k_h, k_w] \cdot \mathbf{1}_{u - k_h = h S} \cdot \mathbf{1}_{v = w S + k_w}",
    ),
    (
        "two halves",
        DF + r"\sum_{n=0}^{N-1} \sum_{h=0}^{H_{out}-1} \sum_{w=0}^{W_{out}-1} \frac{1}{2} " + G + r" \cdot " + PAD
        + r" + \frac{1}{2} " + SUMS + G + r" \cdot " + PAD,
    ),
]  # fmt: skip


@pytest.mark.parametrize("gradient", [r[1] for r in REWRITTEN], ids=[r[0] for r in REWRITTEN])
def test_accepts_correct_rewritings(gradient):
    prove(LAYER, gradient)


WRONG = [
    ("missing sum", DF + SUMS.replace(r"\sum_{n=0}^{N-1}", r"\sum_{n=0}^{0}") + G + r" \cdot " + PAD),
    ("no stride", DF + SUMS + G + r" \cdot \mathbf{I}_{pad}[n, c_{in}, h + k_h, w S + k_w]"),
    ("no indicator", DI_PAD + OVER_OUT + G + r" \cdot " + F + r" \cdot \mathbf{1}_{0 \leq u - h S < K_h}"),
    ("off by one", DI_PAD + OVER_OUT + G + r" \cdot " + F + r" \cdot " + INSIDE.replace("< K_h", r"\leq K_h")),
    ("sign", DF + SUMS + "(-" + G + r") \cdot " + PAD),
    ("wrong slice", DI + r"\frac{\partial L}{\partial \mathbf{I}_{pad}[n, c_{in}, x, y + P]}"),
    ("twice", DF + "2 " + SUMS + G + r" \cdot " + PAD),
    ("with a bias", DF + SUMS + G + r" \cdot " + PAD + r" + \mathbf{B}[c_{out}]"),
    ("mean loss", DF + r"\frac{1}{N} " + SUMS + G + r" \cdot " + PAD),
]


@pytest.mark.parametrize("gradient", [w[1] for w in WRONG], ids=[w[0] for w in WRONG])
def test_refuses_with_formula_residue_and_counterexample(gradient):
    with pytest.raises(Refuted) as refusal:
        prove(LAYER, gradient)
    message = str(refusal.value)
    assert f"formula: {' '.join(gradient.split())}" in message
    assert "wanted minus printed leaves:" in message
    assert "counterexample: for N = " in message
    assert "the true value is" in message or "is read outside of its shape" in message


def test_the_counterexample_is_true():
    with pytest.raises(Refuted) as refusal:
        prove(LAYER, DF + "2 " + SUMS + G + r" \cdot " + PAD)
    printed, true = str(refusal.value).rsplit("the formula gives ", 1)[1].split(", the true value is ")
    assert int(printed) == 2 * int(true) != 0


def test_a_gradient_is_proved_without_z3_too(monkeypatch):
    """Then it is not known if reads stay inside."""
    gradient = DF + SUMS + G + r" \cdot " + PAD
    asked = mock.Mock()
    monkeypatch.setattr(bounds, "check_bounds", asked)
    for installed in (True, False):
        monkeypatch.setattr(bounds, "available", lambda installed=installed: installed)
        assert "proved for all sizes" in str(prove(LAYER, gradient))
        assert asked.called == installed
        asked.reset_mock()


def test_nothing_is_proved_without_a_given_derivative():
    declared_only = LAYER.replace(r"\mathbf{G} = \frac{\partial L}{\partial \mathbf{O}} \in", r"\mathbf{G} \in")
    with pytest.raises(LatexError, match="nothing uses O"):
        prove(declared_only, DF + SUMS + G + r" \cdot " + PAD)


def test_nothing_is_proved_about_sizes_that_do_not_exist():
    nowhere = LAYER.replace(r"P & \geq 0", r"P & \geq 0 \\ R & = 0 \cdot K_h \\ \mathbf{Y} & \in \mathbb{R}^{R}")
    with pytest.raises(Refuted, match="no small sizes satisfy what the page says"):
        prove(nowhere, DF + SUMS + G + r" \cdot " + PAD)


def test_a_tensor_the_output_does_not_use_has_no_gradient():
    definitions = LAYER + "\n$$\n\\mathbf{Y} \\in \\mathbb{R}^{N}\n$$\n"
    with pytest.raises(Refuted, match="does not depend on Y"):
        prove(definitions, r"\frac{\partial L}{\partial \mathbf{Y}[n]} = 0")


def test_what_has_no_rule_is_not_proved():
    squared = r"\mathbf{1}_{h \cdot h \leq u} \cdot "
    with pytest.raises(Refuted, match="not proved"):
        prove(LAYER, DI_PAD + OVER_OUT + squared + G + r" \cdot " + F + r" \cdot " + INSIDE)


def test_a_wrong_definition_breaks_the_proofs(altered):
    folder = altered("conv-forward", r"w_{start} & = w \cdot S", r"w_{start} & = w \cdot S + 1")
    book = read_book(folder)
    with pytest.raises(Refuted):
        prove_formula(book.labelled("conv-grad-padded-input-full")[0])


def test_output_size_off_by_one_is_refused(altered):
    folder = altered(
        "pooling", r"\left\lfloor \frac{H - K}{S} \right\rfloor + 1", r"\left\lceil \frac{H - K}{S} \right\rceil + 1"
    )
    with pytest.raises(Refuted, match="does not count the windows"):
        prove_formula(read_book(folder).labelled("pool-output-size")[0])


def test_a_proof_says_what_it_proved():
    bias = r"\frac{\partial L}{\partial \mathbf{B}[c_{out}]} = " + SUMS + G
    assert str(prove(LAYER, bias)) == "the formula given: proved for all sizes"
    assert str(prove(LAYER, rf"$$\boxed{{{bias}}}$$")) == "the formula given: proved for all sizes"


def test_sizes_without_a_meaning_are_not_proved():
    K = Y.replace("{E}", "{K_h}")

    def size(equation):
        return read_text(HEAD + K + f"$$\n\\boxed{{{equation}}}\n$$ (size)\n" + BOX).labelled("size")[0]

    with pytest.raises(Refuted, match="text:24:8: B is a size of which nothing is known"):
        prove_formula(size("B = A + 1"))
    with pytest.raises(Refuted, match="size cannot be proved: 'neither K nor K_w among the sizes "):
        prove_formula(size("W_{out} = A + 1"))
    with pytest.raises(Refuted, match="size cannot be proved: 'H'"):
        prove_formula(size("H_{out} = K_h + 1"))


def test_a_definition_is_not_proved(lecture):
    with pytest.raises(LatexError, match="a definition is not proved, it is compared with its reference"):
        prove_formula(lecture.labelled("conv-forward")[0])


def test_without_an_output_there_is_no_chain_rule():
    other = HEAD.replace(r"{\partial \mathbf{O}} \in \mathbb{R}^{A}", r"{\partial \mathbf{V}} \in \mathbb{R}^{E}")
    formula = read_text(other + boxed(r"\frac{\partial L}{\partial \mathbf{X}[a, e]} = \mathbf{G}[e]")).formulas[-1]
    with pytest.raises(Unsupported, match="no output: G = dL/dO is not declared for a tensor that has a definition"):
        contributing(formula.scope)
    with pytest.raises(Refuted, match="toy-grad is not proved: no output"):
        prove_formula(formula)
    assert counterexample(formula) is None


def identity(equation, before=""):
    return read_text(HEAD + before + boxed(equation)).formulas[-1]


def test_a_counterexample_is_a_case_in_which_the_true_value_exists():
    found = counterexample(identity(r"\mathbf{V}[1] + 1 = \mathbf{V}[1]"))
    sizes = dict(part.split(" = ") for part in found.removeprefix("for ").split(" the formula")[0].split(", "))
    assert int(sizes["E"]) > 1
    printed, true = found.split("the formula gives ")[1].split(", the true value is ")
    assert int(true) == int(printed) + 1


def test_a_right_formula_has_no_counterexample():
    assert counterexample(read_text(HEAD + BOX).formulas[-1]) is None


def test_a_printed_value_that_cannot_be_computed_is_the_counterexample():
    assert "V is read outside of its shape" in counterexample(identity(r"2 \mathbf{V}[0] = \mathbf{V}[E]"))


def test_a_formula_that_cannot_be_run_has_no_counterexample():
    two_names = Y.replace(r"\mathbf{Y}", "Q'") + Y.replace(r"\mathbf{Y}", "Q_{prime}")
    assert counterexample(identity(r"2 \mathbf{V}[0] = Q'[0] \cdot Q_{prime}[0]", two_names)) is None
