"""The generated loops: exact, checked reads, and equal to a formula worked out by hand."""

# ruff: noqa: E501 (a formula is one line)

import numpy as np
import pytest

from lectcode.verify import Refuted
from lectcode.verify.cases import sizes_of
from lectcode.verify.loopnest import identifier, loop_nest
from lectcode.verify.oracle import Oracle, compiled
from lectcode.verify.reader import read_book, read_text
from lectcode.verify.subjects import subjects

TOY = r"""---
proofs: 0
---
$$
\begin{aligned}
\mathbf{X} & \in \mathbb{R}^{A} \\
\mathbf{O} & \in \mathbb{R}^{E} \\
D & \geq 1
\end{aligned}
$$

$$
\boxed{\mathbf{O}[e] = FORMULA}
$$ (toy)
"""
X = np.array([3, 1, 4, 1, 5])


def run(formula, sizes, compiled):
    (f,) = read_text(TOY.replace("FORMULA", formula)).formulas
    nest = loop_nest(f.right, tuple(f.indices.values()), f.scope.shapes["O"], compiled)
    return list(nest(np.zeros(sizes["E"], np.int64), {"X": X}, sizes))


VALUES = [
    (r"\mathbf{X}[e] + 1", [4, 2, 5]),
    (r"\mathbf{X}[e + 1] \cdot \mathbf{X}[e]", [3, 4, 4]),
    (r"\sum_{a=e}^{A-1} \mathbf{X}[a]", [14, 11, 10]),
    (r"\sum_{a=A}^{A-1} \mathbf{X}[a]", [0, 0, 0]),  # an empty sum
    (r"\prod_{a=0}^{e-1} \mathbf{X}[a]", [1, 3, 3]),
    (r"\mathbf{X}[\lfloor \frac{e}{D} \rfloor]", [3, 3, 1]),
    (r"\mathbf{X}[\lceil \frac{e}{D} \rceil]", [3, 1, 1]),
    (r"\mathbf{X}[e \bmod D]", [3, 1, 3]),
    (r"\mathbf{1}_{D \mid e}", [1, 0, 1]),
    (r"\mathbf{X}[e - 1] \cdot \mathbf{1}_{e \geq 1}", [0, 3, 1]),  # not read where the condition fails
    (r"\begin{cases} \mathbf{X}[e - 1] & \text{if } e > 0 \\ 7 & \text{otherwise} \end{cases}", [7, 3, 1]),
    (r"\delta_{e, 1} \cdot \mathbf{X}[e]", [0, 1, 0]),
    (r"\frac{1}{D} (\mathbf{X}[e] + \mathbf{X}[e])", [3, 1, 4]),
    (r"\sum_{a=\max(0, e - 1)}^{\min(A - 1, e)} \mathbf{X}[a]", [3, 4, 5]),
    (r"-\mathbf{X}[e]^2", [-9, -1, -16]),
]


@pytest.mark.parametrize(("formula", "values"), VALUES, ids=[v[0] for v in VALUES])
def test_values_worked_by_hand(formula, values):
    assert run(formula, {"A": 5, "E": 3, "D": 2}, False) == values


@pytest.mark.parametrize(("formula", "values"), VALUES[1:5], ids=[v[0] for v in VALUES[1:5]])
def test_compiled_values_worked_by_hand(formula, values):
    assert run(formula, {"A": 5, "E": 3, "D": 2}, True) == values


@pytest.mark.parametrize("formula", [r"\mathbf{X}[e + 3]", r"\mathbf{X}[e - 1]", r"\mathbf{X}[A - 6 + e]"])
@pytest.mark.parametrize("compiled", [True, False], ids=["compiled", "plain"])
def test_a_read_outside_raises(formula, compiled):
    with pytest.raises(IndexError, match="X is read outside"):
        run(formula, {"A": 5, "E": 3, "D": 2}, compiled)


def test_a_remainder_raises():
    with pytest.raises(ArithmeticError, match="leaves a remainder"):
        run(r"\frac{1}{D} \mathbf{X}[e]", {"A": 5, "E": 3, "D": 2}, False)


def test_names_become_identifiers():
    assert [identifier(n) for n in ("K_h'", "G~", "∂I_pad")] == ["K_h_prime", "G_tilde", "d_I_pad"]


def test_sizes_differ_pairwise_and_are_many(lecture):
    scope = lecture.labelled("conv-grad-filters")[0].scope
    found = sizes_of(scope, 10**6)
    assert len(found) > 5000
    for s in found:
        lengths = [s[n] for n in ("N", "C_in", "C_out", "K_h", "K_w", "H", "W")]
        assert len(set(lengths)) == len(lengths)
        assert s["H_out"] == (s["H"] + 2 * s["P"] - s["K_h"]) // s["S"] + 1 >= 1
    assert {s["S"] for s in found} == {1, 2, 3}
    assert {s["P"] for s in found} == {0, 1, 2, 3}


def test_the_same_sizes_every_time(lecture):
    scope = lecture.labelled("conv-grad-filters")[0].scope
    assert sizes_of(scope, 50) == sizes_of(scope, 50)


LAYERS = [
    "conv-pad",
    "conv-forward",
    "conv-grad-filters",
    "conv-grad-input",
    "avg-pool-grad",
    "pool-grad",
    "max-pool-grad",
]


@pytest.mark.parametrize("label", [*LAYERS, "conv-forward-general"])
def test_formulas_equal_kernels_and_definitions(lecture, label):
    for f in lecture.labelled(label):
        run = Oracle(lecture, shapes=120).run(f)
        assert run.references
        assert run.kernels or f.tensor == "I_pad"
        assert run.shapes >= (40 if compiled() else 5)


def test_every_function_under_test_is_met_by_the_lecture(lecture):
    oracle = Oracle(lecture)
    met = {s for f in lecture.formulas if f.kind != "abbreviation" for s in oracle.compared(f)}
    names = {s.name for s in met}
    for wanted in ("conv2d (direct)", "conv2d_grad_bias", "pool2d", "avg_pool2d_backward", "max_pool2d", "output_size"):
        assert wanted in names


WRONG = [
    ("conv-forward", "conv-forward", r"+ \mathbf{B}[c_{out}]", r"- \mathbf{B}[c_{out}]"),
    ("conv-forward", "conv-pad", "i - P, j - P", "i - P, j"),
    ("pooling", "avg-pool-forward", r"\frac{1}{K^2} \sum_{i=0}", r"\frac{1}{K} \sum_{i=0}"),
    ("pooling", "max-pool-forward", r"w_{start} + \mathbf{A}_w[n, c, h, w]]", "w_{start}]"),
    ("pooling", "pool-output-size", r"\frac{W - K}{S}", r"\frac{W - 1}{S}"),
    ("conv-gradients", "conv-grad-bias", r"\mathbf{G}[n, c_{\text{out}}, h, w].", r"\mathbf{G}[0, c_{\text{out}}, h, w]."),
]  # fmt: skip


@pytest.mark.parametrize(("page", "label", "old", "new"), WRONG, ids=[w[1] for w in WRONG])
def test_a_wrong_formula_differs(altered, page, label, old, new):
    book = read_book(altered(page, old, new))
    oracle = Oracle(book, compile_loops=False, shapes=10)
    formula = book.labelled(label)[-1]
    with pytest.raises(Refuted, match=r"differ for|outside|remainder|has shape|cannot be called"):
        oracle.run(formula)


def test_no_function_to_compare_with_is_an_error():
    book = read_text(TOY.replace("FORMULA", r"\mathbf{X}[0]"))
    with pytest.raises(Refuted, match="nothing to compare toy with"):
        Oracle(book).run(book.formulas[0])
    assert subjects("toy", "O") == []


def test_a_gradient_without_a_kernel_is_compared_with_the_chain_rule():
    toy = TOY.replace("FORMULA", r"\sum_{a=0}^{A-1} \mathbf{X}[a] \cdot \mathbf{1}_{a = 2 e}").replace(
        "proofs: 0", "proofs: 1"
    )
    toy += "\n$$\n\\mathbf{G} = \\frac{\\partial L}{\\partial \\mathbf{O}} \\in \\mathbb{R}^{E}\n$$\n"
    toy += "\n$$\n\\boxed{\\frac{\\partial L}{\\partial \\mathbf{X}[a]} = SUM \\mathbf{G}[e] \\cdot \\mathbf{1}_{a = 2 e}}\n$$ (g)\n"
    for total, right in ((r"\sum_{e=0}^{E-1}", True), (r"\sum_{e=1}^{E-1}", False)):
        book = read_text(toy.replace("SUM", total))
        oracle = Oracle(book, compile_loops=False, shapes=100)
        if right:
            assert oracle.run(book.formulas[-1]).references == ("the chain rule",)
        else:
            with pytest.raises(Refuted, match="the chain rule differ"):
                oracle.run(book.formulas[-1])


def test_no_shapes_is_an_error(altered):
    # Windows of 9 rows never fit into pictures of at most 8.
    folder = altered("pooling", r"f & : \mathbb{R}^{K \times K}", r"K & \geq 9 \\ f & : \mathbb{R}^{K \times K}")
    book = read_book(folder)
    with pytest.raises(Refuted, match="no small sizes"):
        Oracle(book, compile_loops=False).run(book.labelled("avg-pool-forward")[0])
