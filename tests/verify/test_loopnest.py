"""The generated loops: exact, checked reads, and equal to a formula worked out by hand."""

# ruff: noqa: E501 (a formula is one line)

import numpy as np
import pytest
from sympy import KroneckerDelta, Rational, Sum, Symbol, sin

from lectcode.verify import Refuted
from lectcode.verify.cases import random_tensor, sizes_of
from lectcode.verify.errors import Unsupported
from lectcode.verify.expressions import fresh, tensor
from lectcode.verify.loopnest import identifier, loop_nest
from lectcode.verify.oracle import Oracle, _Given, compiled
from lectcode.verify.reader import read_book, read_text
from lectcode.verify.subjects import GIVEN, Subject, subjects
from tests.test_imports import python
from tests.verify.test_reader import BOX, HEAD, Y, boxed
from tests.verify.test_translate import gradient

TOY = r"""---
proofs: 0
---
$$
\begin{aligned}
\mathbf{X} & \in \mathbb{R}^{A} \\
\mathbf{O} & \in \mathbb{R}^{E}STATED
\end{aligned}
$$

$$
\boxed{\mathbf{O}[e] = FORMULA}
$$ (toy)
"""
X = np.array([3, 1, 4, 1, 5])


def toy(formula):
    """The page of one formula; it says of D what is used."""
    stated = r" \\ D & \geq 1" if "D" in formula else ""
    return TOY.replace("FORMULA", formula).replace("STATED", stated)


def run(formula, sizes, compiled):
    (f,) = read_text(toy(formula)).formulas
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


@pytest.mark.parametrize("compiled", [compiled(), False])
@pytest.mark.parametrize(
    ("formula", "message"),
    [
        (r"\frac{1}{D} \mathbf{X}[e]", "this division leaves a remainder"),
        (r"3002399751580331 \mathbf{X}[0] - 4503599627370496", "a number is too large"),  # 2^53 + 1, then less
        (r"4503599627370496 - 3002399751580331 \mathbf{X}[0]", "a number is too large"),
        (r"(\mathbf{X}[0] + 9739)^4 - 4503599627370496", "a number is too large"),  # 9742^4 > 2^53 > 9741^4
        (r"\sum_{a=0}^{A-1} 2251799813685248 \mathbf{X}[1]", "a number is too large"),  # 5 * 2^51
        (r"4503599627370496 \mathbf{X}[1] + 4503599627370496", "a number is too large"),  # 2^52 + 2^52
        (r"-4503599627370496 \mathbf{X}[1] - 4503599627370496", "a number is too large"),
    ],
    ids=["remainder", "product", "negative product", "power", "sum", "entry", "negative entry"],
)
def test_what_is_not_exact_raises(formula, message, compiled):
    with pytest.raises(ArithmeticError, match=message):
        run(formula, {"A": 5, "E": 3, "D": 2}, compiled)


@pytest.mark.parametrize("compiled", [compiled(), False])
def test_what_is_exact_is_computed(compiled):
    for formula, value in (
        (r"3002399751580330 \mathbf{X}[0]", 2**53 - 2),
        (r"(\mathbf{X}[0] + 9738)^4", 9741**4),
        (r"\sum_{a=0}^{2} 3002399751580330 \mathbf{X}[1] - 1", 2**53 - 3),
        (r"-3002399751580330 \mathbf{X}[0] - 1", 1 - 2**53),
    ):
        assert run(formula, {"A": 5, "E": 1}, compiled) == [value]


TWICE = """
import numpy as np
from lectcode.verify import steps
from lectcode.verify.reader import read_text
from lectcode.verify.loopnest import loop_nest

(f,) = read_text({page!r}).formulas
nest = loop_nest(f.right, tuple(f.indices.values()), f.scope.shapes["O"])
print(nest(np.zeros(3, np.int64), {{"X": np.arange(9)}}, {{"A": 9, "E": 3}}), end=" ")
stats = [function.stats for function in (nest.run, steps.compiled_steps()["read"])]
print(*[sum(s.cache_misses.values()) for s in stats], sum(stats[0].cache_hits.values()))
"""


@pytest.mark.skipif(not compiled(), reason="nothing is compiled without the JIT")
def test_a_second_process_finds_the_loops_on_disk(tmp_path):
    def printed(formula):
        return python(TWICE.format(page=toy(formula)), NUMBA_CACHE_DIR=str(tmp_path))

    first, second = r"\mathbf{X}[e + 1]", r"\mathbf{X}[e + 2]"
    assert printed(first) == "[1 2 3] 1 1 0\n"
    assert printed(first) == "[1 2 3] 0 0 1\n"
    assert printed(second) == "[2 3 4] 1 0 0\n"  # other loops, with the same steps
    assert len(list(tmp_path.rglob("formulas/*.py"))) == 2


def test_numbers_and_quotients_by_themselves():
    N = Symbol("N", integer=True, positive=True)

    def value(e):
        return int(loop_nest(e, (), (), False)(np.zeros((), int), {"X": X}, {"N": 2}))

    assert value(Rational(6, 1)) == 6
    assert value(4 / N) == value(KroneckerDelta(N, 2) * 2) == 2
    assert value(KroneckerDelta(N, 3)) == 0
    assert value(Rational(3, 2) * tensor("X")[N]) == 6
    for e in (Rational(1, 2), 1 / N):
        with pytest.raises(ArithmeticError, match="leaves a remainder"):
            value(e)


def test_an_index_keeps_its_name_unless_something_else_has_it():
    index, again, function = (fresh(name) for name in ("e", "e", "df"))
    X = tensor("X")
    inner = Sum(X[again] * X[function], (again, 0, index), (function, 0, 1))
    source = loop_nest(inner, (index,), (Symbol("total", integer=True),), False).source
    assert source.splitlines()[1:5] == [
        "    for e in range(total):",
        "        total_2 = 0",
        "        for df in range(2):",
        "            for e_2 in range(1 + e):",
    ]


def test_what_has_no_loops_is_unsupported():
    N, i = Symbol("N", integer=True), fresh("i")
    for e, message in (
        (tensor("X")[i], "the index i is not bound"),
        (sin(N), r"sin in a loop nest: sin\(N\)"),
        (tensor("X'")[0] * tensor("X_prime")[0], "two names become one in Python: out, X_prime, X_prime"),
    ):
        with pytest.raises(Unsupported, match=message):
            loop_nest(e, (), (), False)


def test_integer_tensors_take_values_from_their_range():
    declared = Y.replace(r"\mathbb{R}", r"\{0, \ldots, A\}")
    scope = read_text(HEAD + declared + BOX).formulas[-1].scope
    found = random_tensor(scope, "Y", {"A": 2, "E": 100}, np.random.default_rng(0))
    assert found.shape == (100,)
    assert set(found) == {0, 1, 2}


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


F = r"\mathbf{F}[c_{out}, c_{in}, k_h, k_w]"


@pytest.mark.parametrize(
    "wrong",
    [
        rf"{F} \cdot \mathbf{{1}}_{{{F} < 10}}",
        rf"{F} \cdot \mathbf{{1}}_{{4 {F} \cdot {F} > 1}}",
        rf"({F} + \prod_{{m=-9}}^{{9}} ({F} - m))",
        rf"({F} + \prod_{{m=1}}^{{64}} 2)",
        rf"({F} + ((({F} \cdot {F} + {F})^4)^4)^4)",
        rf"({F} + \sum_{{m=1}}^{{65536}} 281474976710656 {F})",
        rf"18446744073709551617 {F}",
    ],
    ids=["below 10", "not near 0", "zero from -9 to 9", "2^64", "even to the power of 64", "sum", "number"],
)
@pytest.mark.parametrize("compile_loops", [compiled(), False])
def test_what_small_whole_numbers_of_64_bits_do_not_show(altered, wrong, compile_loops):
    book = read_book(altered("conv-forward", F + r" \cdot \mathbf{I}_{pad}", wrong + r" \cdot \mathbf{I}_{pad}"))
    (formula,) = book.labelled("conv-forward")
    with pytest.raises((Refuted, Unsupported), match=r"differ for|too large"):
        Oracle(book, compile_loops=compile_loops, shapes=10).run(formula)


def test_a_pooling_function_of_large_numbers_is_refused(altered):
    # f squares: of numbers times 2^32 it would be 0 in 64 bits.
    box = r"f(\mathbf{I}[n, c, h_{start}:h_{end}, w_{start}:w_{end}])" + "\n}\n$$ (pool-forward)"
    large = r"\mathbf{Z} & \in \mathbb{R}^{N \times C \times H \times W} \\ \mathbf{Z}[n, c, i, j] & = 4294967296 \mathbf{I}[n, c, i, j]"
    large = f"$$\n\\begin{{aligned}}\n{large}\n\\end{{aligned}}\n$$\n\n"
    start = "$$\n\\boxed{\n\\mathbf{O}[n, c, h, w] = "
    book = read_book(
        altered("pooling", start + box, large + start + box.split("\n")[0].replace("I", "Z") + f" + {box}")
    )
    with pytest.raises(Refuted, match="a number is too large for the pooling function"):
        Oracle(book, shapes=4).run(book.labelled("pool-forward")[0])


@pytest.mark.parametrize("compile_loops", [compiled(), False])
@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            r"\partial_{x - h_{start},",
            r"\partial_{x - h_{start} + 1,",
            r"the derivative of a window is read outside of its shape",
        ),
        (
            r"f(\mathbf{I}[n, c, h_{start}:h_{end}, w_",
            r"f(\mathbf{I}[n, c, h_{start}+H:h_{end}+H, w_",
            "I is read outside",
        ),
    ],
    ids=["derivative", "window"],
)
def test_a_window_outside_of_the_input_is_refused(altered, old, new, message, compile_loops):
    page = r"\partial_{x - h_{start}, y - w_{start}} f(\mathbf{I}[n, c, h_{start}:h_{end}, w_"
    book = read_book(altered("pooling", page, page.replace(old, new)))
    with pytest.raises(Refuted, match=message):
        Oracle(book, compile_loops=compile_loops, shapes=4).run(book.labelled("pool-grad")[0])


def test_no_function_to_compare_with_is_an_error():
    book = read_text(toy(r"\mathbf{X}[0]"))
    with pytest.raises(Refuted, match="nothing to compare toy with"):
        Oracle(book).run(book.formulas[0])
    assert subjects("toy", "O") == []


def test_a_gradient_without_a_kernel_is_compared_with_the_chain_rule():
    page = toy(r"\sum_{a=0}^{A-1} \mathbf{X}[a] \cdot \mathbf{1}_{a = 2 e}").replace("proofs: 0", "proofs: 1")
    page += "\n$$\n\\mathbf{G} = \\frac{\\partial L}{\\partial \\mathbf{O}} \\in \\mathbb{R}^{E}\n$$\n"
    page += "\n$$\n\\boxed{\\frac{\\partial L}{\\partial \\mathbf{X}[a]} = SUM \\mathbf{G}[e] \\cdot \\mathbf{1}_{a = 2 e}}\n$$ (g)\n"
    for total, right in ((r"\sum_{e=0}^{E-1}", True), (r"\sum_{e=1}^{E-1}", False)):
        book = read_text(page.replace("SUM", total))
        oracle = Oracle(book, compile_loops=False, shapes=100)
        if right:
            loop_nest.cache_clear()
            assert oracle.run(book.formulas[-1]).references == ("the chain rule",)
            assert loop_nest.cache_info().misses == 2  # not one for each choice of sizes
        else:
            with pytest.raises(Refuted, match="the chain rule differ"):
                oracle.run(book.formulas[-1])
    large = page.replace(r"\mathbf{X}[a] \cdot", r"\mathbf{X}[a]^4 \cdot \mathbf{X}[a]^4 \cdot \mathbf{X}[a]^4 \cdot")
    book = read_text(large.replace("SUM", r"\sum_{e=0}^{E-1}"))
    with pytest.raises(Refuted, match="g by the chain rule: a number is too large to be exact"):
        Oracle(book, compile_loops=False, shapes=100).run(book.formulas[-1])


def test_no_shapes_is_an_error(altered):
    # Windows of 9 rows never fit into pictures of at most 8.
    folder = altered("pooling", r"f & : \mathbb{R}^{K \times K}", r"K & \geq 9 \\ f & : \mathbb{R}^{K \times K}")
    book = read_book(folder)
    with pytest.raises(Refuted, match="no small sizes"):
        Oracle(book, compile_loops=False).run(book.labelled("avg-pool-forward")[0])


def test_an_identity_is_run_on_both_sides():
    for equation, right in (
        (r"2 \mathbf{V}[0] = \mathbf{V}[0] + \sum_{a=0}^{0} \mathbf{V}[a]", True),
        (r"2 \mathbf{V}[0] = 1", False),
    ):
        book = read_text(HEAD + boxed(equation))
        oracle = Oracle(book, compile_loops=False, shapes=100)
        if right:
            found = oracle.run(book.formulas[-1])
            assert (found.kernels, found.references, found.shapes) == ((), (), 10)
        else:
            with pytest.raises(Refuted, match="the sides of toy-grad differ for A = "):
                oracle.run(book.formulas[-1])


def test_an_identity_that_reads_out_of_bounds_is_refuted():
    book = read_text(HEAD + boxed(r"2 \mathbf{V}[0] = \mathbf{V}[E]"))
    with pytest.raises(Refuted, match=r"V is read outside of its shape \(1,\); sizes"):
        Oracle(book, compile_loops=False, shapes=100).run(book.formulas[-1])


def test_a_derivative_that_is_not_printed_is_computed_by_the_chain_rule():
    # V -> Y -> O, and dL/dY is read but nowhere printed
    toy = HEAD.replace(r"\cdot \mathbf{V}[e]}", r"\cdot \mathbf{Y}[e]}").replace(
        "\n$$\n\\boxed", "\n" + Y + "$$\n\\mathbf{Y}[e] = 2 \\mathbf{V}[e]\n$$\n\n$$\n\\boxed"
    )
    book = read_text(toy + gradient(r"2 \frac{\partial L}{\partial \mathbf{Y}[e]}"))
    oracle = Oracle(book, compile_loops=False, shapes=100)
    assert oracle.run(book.formulas[-1]).references == ("the chain rule",)


def test_a_result_of_another_shape_is_refused(lecture):
    (formula,) = lecture.labelled("conv-grad-bias")
    oracle = Oracle(lecture, compile_loops=False, shapes=1)
    (sizes,) = oracle.choices(formula, 1)
    numbers = oracle.world(formula, sizes, 0)
    printed = oracle.value(formula, numbers)

    def compare(call):
        oracle.compare(formula, Subject("other", "conv", "∂B", call), printed, numbers)

    compare(lambda sizes, arrays: printed)
    with pytest.raises(Refuted, match=r"conv-grad-bias has shape \(\d+,\), other \(1, \d+\); sizes N = "):
        compare(lambda sizes, arrays: printed[None])
    with pytest.raises(Refuted, match="other cannot be called: 'Q'; sizes N = "):
        compare(lambda sizes, arrays: arrays["Q"])


def test_functions_see_the_tensors_of_the_page_as_floats_and_the_given_derivative(lecture):
    (formula,) = lecture.labelled("conv-grad-bias")
    oracle = Oracle(lecture, compile_loops=False, shapes=1)
    arrays = _Given(oracle.world(formula, oracle.choices(formula, 1)[0], 0))
    assert len(arrays) == len(list(arrays)) == len(formula.scope.shapes)
    assert arrays["G"].dtype == np.float64


PADDED_ALREADY = r"""---
proofs: 0
---
$$
\begin{aligned}
\mathbf{I}_{pad} & \in \mathbb{R}^{N \times C_{in} \times H_p \times W_p} \\
\mathbf{F} & \in \mathbb{R}^{C_{out} \times C_{in} \times K_h \times K_w} \\
\mathbf{O} & \in \mathbb{R}^{N \times C_{out} \times (H_p - K_h + 1) \times (W_p - K_w + 1)}
\end{aligned}
$$

$$
\boxed{
\mathbf{O}[n, c_{out}, h, w] = \sum_{c_{in}=0}^{C_{in}-1} \sum_{k_h=0}^{K_h-1} \sum_{k_w=0}^{K_w-1}
\mathbf{F}[c_{out}, c_{in}, k_h, k_w] \cdot \mathbf{I}_{pad}[n, c_{in}, h + k_h, w + k_w]
}
$$ (conv-padded)
"""


def test_functions_take_the_padded_picture_where_a_page_begins_with_it():
    book = read_text(PADDED_ALREADY)
    run = Oracle(book, compile_loops=False, shapes=4).run(book.formulas[-1])
    assert "conv2d (direct)" in run.kernels
    assert run.references == ("reference.conv2d",)
    wrong = read_text(PADDED_ALREADY.replace("h + k_h", "h + K_h - 1 - k_h"))
    with pytest.raises(Refuted, match="differ for"):
        Oracle(wrong, compile_loops=False, shapes=4).run(wrong.formulas[-1])


def test_windows_that_lie_in_the_padding_are_not_compared():
    def chosen(layer):
        page = (
            toy("1")
            .replace(r"\mathbb{R}^{A}", r"\mathbb{R}^{P}")
            .replace(r"^{E}", r"^{K}")
            .replace("(toy)", f"({layer}-toy)")
        )
        book = read_text(page)
        return Oracle(book, compile_loops=False).choices(book.formulas[-1], 1000)

    assert all(s["P"] < s["K"] for s in chosen("avg-pool"))
    assert any(s["P"] >= s["K"] for s in chosen("pool"))


def subject(label, quantity, name):
    return next(s for s in subjects(label, quantity) if s.name == name)


def test_functions_take_what_a_page_leaves_out():
    picture = np.arange(6.0).reshape(2, 3)
    padded = subject("conv-x", "I_pad", "reference.pad").call({"P": 1}, {"I": picture})
    assert padded.shape == (4, 5)
    assert (padded[1:-1, 1:-1] == picture).all()
    batch = np.arange(25.0).reshape(1, 1, 5, 5)
    for D, last in ((1, 12), (2, 24)):
        out = subject("max-pool-x", "O", "max_pool2d").call({"K": 3, "S": 1, "D": D}, {"I": batch})
        assert out[0, 0, 0, 0] == last
    field = {"k": [3, 3], "s": [2, 1], "d": [1, 1], "p": [0, 0]}
    assert subject("receptive-field-x", "r", "reference.receptive_field").call({}, field).tolist() == [1, 3, 7]


def test_positions_of_a_window_in_the_input():
    sizes = {"H": 3, "W": 3, "K": 3, "S": 1, "P": 1, "H_out": 3, "W_out": 3}
    assert GIVEN["avg-pool-border", "M"](sizes, {}).tolist() == [[4, 6, 4], [6, 9, 6], [4, 6, 4]]


def test_a_tensor_that_cannot_be_given_is_refused(lecture):
    formula = lecture.labelled("max-pool-forward")[-1]
    oracle = Oracle(lecture, compile_loops=False, shapes=1)
    (sizes,) = oracle.choices(formula, 1)
    assert oracle.world(formula, sizes, 0)["A_h"].min() >= 0
    without = {name: n for name, n in sizes.items() if name != "K"}
    with pytest.raises(Refuted, match="A_h of max-pool-forward cannot be given: 'neither K nor K_h among the sizes"):
        oracle.world(formula, without, 0)["A_h"]
