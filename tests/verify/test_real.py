"""Real functions: exp, log, conditions between real numbers, and a loss that is a formula; what is wrong is refused."""

# ruff: noqa: E501 (a formula is one line)

import math
import random
import zlib
from dataclasses import replace

import numpy as np
import pytest
from sympy import Add, Indexed, Mul, Pow, S, Sum, Symbol

from lectcode.verify import LatexError, Refuted, derivation, oracle, prove
from lectcode.verify.bounds import check_bounds
from lectcode.verify.difference import difference
from lectcode.verify.errors import Unsupported
from lectcode.verify.expressions import (
    AtLeastZero,
    Exponential,
    IsPositive,
    IsZero,
    Logarithm,
    Reciprocal,
    canonical,
    fresh,
    normal,
    plain,
    tensor,
)
from lectcode.verify.facts import Facts
from lectcode.verify.mutants import changes, mutants, verdict
from lectcode.verify.oracle import Oracle
from lectcode.verify.prover import prove_formula
from lectcode.verify.reader import read_text
from lectcode.verify.scope import Scope
from lectcode.verify.world import World, differ, real

SHAPES = r"""
$$
\begin{aligned}
\mathbf{O} & \in \mathbb{R}^{N \times C} \\
\mathbf{Y} & \in \mathbb{R}^{N \times C} \\
\mathbf{t} & \in \{0, \ldots, C - 1\}^{N}
\end{aligned}
$$
"""
SOFTMAX = r"""
$$
\boxed{\mathbf{Y}[n, c] = \frac{\exp(\mathbf{O}[n, c])}{\sum_{c'=0}^{C-1} \exp(\mathbf{O}[n, c'])}}
$$ (softmax)
"""
LOSS = r"""
$$
\boxed{L = \frac{1}{N} \sum_{n=0}^{N-1} \left( \log\left( \sum_{c=0}^{C-1} \exp(\mathbf{O}[n, c]) \right) - \mathbf{O}[n, \mathbf{t}[n]] \right)}
$$ (softmax-cross-entropy)
"""
PAGE = "---\nproofs: 1\n---\n" + SHAPES + SOFTMAX + LOSS
LEFT = r"\frac{\partial L}{\partial \mathbf{O}[n, c]} = "
RIGHT = r"\frac{1}{N} \left( \mathbf{Y}[n, c] - \mathbf{1}_{c = \mathbf{t}[n]} \right)"
BOX = f"\n$$\n\\boxed{{{LEFT}{RIGHT}}}\n$$ (softmax-cross-entropy-grad)\n"
DEFINITIONS = SHAPES + SOFTMAX + LOSS


def test_the_softmax_cross_entropy():
    assert str(prove(DEFINITIONS, LEFT + RIGHT)) == "the formula given: proved for all sizes"


@pytest.mark.parametrize(
    "right",
    [
        r"\frac{1}{N} \left( \frac{\exp(\mathbf{O}[n, c])}{\sum_{j=0}^{C-1} \exp(\mathbf{O}[n, j])} - \mathbf{1}_{c = \mathbf{t}[n]} \right)",
        r"\frac{1}{N} \mathbf{Y}[n, c] - \frac{1}{N} \delta_{c, \mathbf{t}[n]}",
        r"\frac{1}{N} \sum_{j=0}^{C-1} \mathbf{1}_{j = c} \cdot \mathbf{Y}[n, j] - \frac{1}{N} \mathbf{1}_{c = \mathbf{t}[n]}",
    ],
)
def test_correct_rewritings_are_proved(right):
    assert prove(DEFINITIONS, LEFT + right)


WRONG = {
    "without the mean": r"\mathbf{Y}[n, c] - \mathbf{1}_{c = \mathbf{t}[n]}",
    "plus": RIGHT.replace(" - ", " + "),
    "without the right class": r"\frac{1}{N} \mathbf{Y}[n, c]",
    "of the right class": RIGHT.replace("n, c]", r"n, \mathbf{t}[n]]"),
    "not divided": RIGHT.replace(r"\mathbf{Y}[n, c]", r"\exp(\mathbf{O}[n, c])"),
    "over the batch": RIGHT.replace(
        r"\mathbf{Y}[n, c]",
        r"\frac{\exp(\mathbf{O}[n, c])}{\sum_{m=0}^{N-1} \exp(\mathbf{O}[m, c])}",
    ),
    "of another picture": RIGHT.replace(r"\mathbf{Y}[n, c]", r"\mathbf{Y}[N - 1 - n, c]"),
    "the inverse": RIGHT.replace(
        r"\mathbf{Y}[n, c]",
        r"\frac{\sum_{j=0}^{C-1} \exp(\mathbf{O}[n, j])}{\exp(\mathbf{O}[n, c])}",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_variants_are_refuted_by_numbers(name):
    with pytest.raises(Refuted, match=r"counterexample: for N = \d.* the formula gives"):
        prove(DEFINITIONS, LEFT + WRONG[name])


def test_a_residue_is_written_in_plain_signs():
    x = tensor("O")[fresh("n")]
    written = [plain(f(x)) for f in (Exponential, Logarithm, Reciprocal, IsPositive)]
    assert written == ["exp(O[n])", "log(O[n])", "1/(O[n])", "[O[n] > 0]"]


RELU = r"""
$$
\mathbf{I} \in \mathbb{R}^{N \times C}, \quad \mathbf{O} \in \mathbb{R}^{N \times C}
$$

$$
\boxed{\mathbf{O}[n, c] = \mathbf{1}_{\mathbf{I}[n, c] > 0} \cdot \mathbf{I}[n, c]}
$$ (relu-forward)

$$
\mathbf{G} = \frac{\partial L}{\partial \mathbf{O}} \in \mathbb{R}^{N \times C}
$$
"""
DI = r"\frac{\partial L}{\partial \mathbf{I}[n, c]} = "


@pytest.mark.parametrize("condition", [r"\mathbf{I}[n, c] > 0", r"0 < \mathbf{I}[n, c]"])
def test_the_rectifier(condition):
    assert prove(RELU, DI + rf"\mathbf{{1}}_{{{condition}}} \cdot \mathbf{{G}}[n, c]")


@pytest.mark.parametrize(
    "right",
    [
        r"\mathbf{G}[n, c]",
        r"\mathbf{1}_{\mathbf{I}[n, c] < 0} \cdot \mathbf{G}[n, c]",
        r"\mathbf{1}_{\mathbf{G}[n, c] > 0} \cdot \mathbf{G}[n, c]",
        r"\mathbf{1}_{\mathbf{I}[n, c] > 1} \cdot \mathbf{G}[n, c]",
        r"\mathbf{1}_{\mathbf{I}[n, c] > 0} \cdot \mathbf{I}[n, c] \cdot \mathbf{G}[n, c]",
    ],
)
def test_a_wrong_rectifier_is_refuted(right):
    with pytest.raises(Refuted, match="counterexample: for"):
        prove(RELU, DI + right)


RECTIFIED = (
    "---\nproofs: 1\n---\n"
    + RELU
    + f"\n$$\n\\boxed{{{DI}\\mathbf{{1}}_{{\\mathbf{{I}}[n, c] > 0}} \\mathbf{{G}}[n, c]}}\n$$ (relu-grad)\n"
)


@pytest.mark.parametrize("factor", ["1", r"\frac{1}{N} \sum_{m=0}^{N-1} 1"])
def test_the_rectifier_is_run_on_whole_and_on_real_numbers(factor):
    book = read_text(RECTIFIED.replace(r"\mathbf{1}_", factor + r" \cdot \mathbf{1}_"))
    for formula in (book.formulas[0], book.formulas[-1]):
        assert Oracle(book, shapes=40).run(formula).kernels == ("nn.ReLU",)


@pytest.mark.parametrize(
    "wrong",
    [
        r"\mathbf{1}_{2 \mathbf{I}[n, c] > 1}",
        r"\mathbf{1}_{1000 \mathbf{I}[n, c] > 1}",
        r"\mathbf{1}_{\mathbf{I}[n, c] > -1}",
        r"\mathbf{1}_{0 < \mathbf{I}[n, c] < 10}",
        r"\mathbf{1}_{0 < \mathbf{I}[n, c] < 10000}",
        r"\mathbf{1}_{\mathbf{I}[n, c] > 0} \cdot \frac{10000000001}{10000000000}",
    ],
)
@pytest.mark.parametrize("number", [0, -1], ids=["forward", "gradient"])
def test_a_rectifier_with_another_threshold_is_seen_by_running_it(wrong, number):
    # Both formulas are changed, so the gradient is proved.
    book = read_text(RECTIFIED.replace(r"\mathbf{1}_{\mathbf{I}[n, c] > 0}", wrong))
    assert prove_formula(book.formulas[-1])
    with pytest.raises(Refuted, match=r"nn\.ReLU differ for|leaves a remainder"):
        Oracle(book, compile_loops=False, shapes=40).run(book.formulas[number])


@pytest.mark.parametrize("wrong", [r"2 \mathbf{I}[n, c] > 1", r"0 < \mathbf{I}[n, c] < 10"])
def test_one_shape_is_run_on_all_kinds_of_numbers(wrong):
    page = RECTIFIED.replace(r"\mathbb{R}^{N \times C}", r"\mathbb{R}^{2 \times 3}")
    right = read_text(page)
    assert Oracle(right).run(right.formulas[0]).shapes == 1
    book = read_text(page.replace(r"\mathbf{I}[n, c] > 0", wrong))
    with pytest.raises(Refuted, match=r"nn\.ReLU differ"):
        Oracle(book).run(book.formulas[0])


@pytest.mark.parametrize("condition", [r"0 < \mathbf{I}[n, c] < 10", r"1000 \mathbf{I}[n, c] > 1"])
def test_a_counterexample_has_small_or_large_numbers_where_it_needs_them(condition):
    with pytest.raises(Refuted, match="counterexample: for"):
        prove(RELU, DI + rf"\mathbf{{1}}_{{{condition}}} \cdot \mathbf{{G}}[n, c]")


@pytest.mark.parametrize("wrong", [r"2 \mathbf{O}[n, c] > 1", r"\mathbf{O}[n, c] < 10", r"1000 \mathbf{O}[n, c] > -1"])
def test_a_threshold_in_a_softmax_is_seen_by_running_it(wrong):
    wrong = r"\exp(\mathbf{O}[n, c] \cdot CONDITION)".replace("CONDITION", rf"\mathbf{{1}}_{{{wrong}}}")
    book = read_text(PAGE.replace(r"\frac{\exp(\mathbf{O}[n, c])}", rf"\frac{{{wrong}}}") + BOX)
    with pytest.raises(Refuted, match=r"reference\.softmax differ for"):
        Oracle(book, compile_loops=False, shapes=40).run(book.formulas[0])


def test_an_identity_with_a_condition_on_its_left_is_run_on_real_numbers():
    book = read_text(RECTIFIED)
    formula = replace(book.formulas[0], left=IsPositive(tensor("I")[0, 0]), right=S.Zero)
    assert real(replace(formula, scope=Scope())) == 0.5


def worlds(text, name, count=40):
    formula = read_text(text).formulas[0]
    sizes = dict.fromkeys(formula.scope.sizes, 5)
    return [World(formula.scope, sizes, seed, False, False, real=real(formula))[name] for seed in range(count)]


def test_where_signs_are_asked_for_entries_are_whole_real_small_and_large():
    whole, quarters = [], []
    for numbers in worlds(RECTIFIED, "I"):
        (quarters if numbers.dtype.kind == "f" else whole).append(numbers)
    assert len(whole) == len(quarters) == 20
    assert 9 < np.max(whole) <= 909
    assert np.min(whole) < -9
    found = np.abs(quarters)
    assert found.max() > 10**5
    assert 0 < found[found > 0].min() < 1 / 1000
    assert {0.25, 0.5, 2.25} <= set(found.flat)
    # Sums of up to 1000 products of two keep all their digits.
    assert all((np.max(np.abs(q)) / np.min(np.abs(q)[q != 0])) ** 2 * 1000 < 2**53 for q in quarters)


def test_whole_numbers_are_small_or_large_and_the_same_every_time():
    linear = RECTIFIED.replace(r"\mathbf{1}_{\mathbf{I}[n, c] > 0}", "2")
    found = worlds(linear, "I")
    assert all(numbers.dtype.kind == "i" for numbers in found)
    large = [seed for seed, numbers in enumerate(found) if (np.abs(numbers) > 9).any()]
    assert len(large) > 15
    assert all(seed % 2 == 0 for seed in large)
    assert all((a == b).all() for a, b in zip(found, worlds(linear, "I"), strict=True))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (r"\log(\mathbf{O}[n, c])", "not known to be positive"),
        (r"\log(\exp(\mathbf{O}[n, c]) - 1)", "not known to be positive"),
        (r"\log\left( \sum_{j=0}^{C-2} \exp(\mathbf{O}[n, j]) \right)", "not known to be positive"),  # empty for C = 1
        (r"\log\left( \sum_{j=0}^{C-1} \mathbf{O}[n, j] \right)", "not known to be positive"),
        (r"\frac{1}{\exp(\mathbf{O}[n, c]) - 1}", "the denominator is not known to be positive"),
        (r"\frac{1}{\sum_{j=c}^{C-1} \exp(\mathbf{O}[n, j])}", "the denominator is not known to be positive"),
        (r"\mathbf{1}_{\mathbf{O}[n, c] \geq 0}", "O is not an integer tensor"),
        (r"\mathbf{1}_{\mathbf{O}[n, c] = 0}", "O is not an integer tensor"),
        (r"\mathbf{1}_{\exp(\mathbf{O}[n, c]) > 1}", "this is not always a whole number"),
        (r"\mathbf{O}[n, \exp(c)]", "this is not always a whole number"),
        (r"\left\lfloor \frac{\mathbf{O}[n, c]^2}{1000000} \right\rfloor", "O is not an integer tensor"),
        (r"\left\lceil \frac{\mathbf{O}[n, c]}{10} \right\rceil", "O is not an integer tensor"),
    ],
)
def test_what_has_no_meaning_for_all_numbers_is_refused(value, message):
    with pytest.raises(LatexError, match=message):
        read_text(
            SHAPES + f"\n$$\n\\mathbf{{Y}}[n, c] = {value} + \\mathbf{{O}}[n, \\mathbf{{t}}[n]]\n$$\n", promised=False
        )


@pytest.mark.parametrize(
    "value", [r"\exp \mathbf{O}[n, c]", r"\exp(\mathbf{O}[n, c], 1)", r"\ln(\exp(\mathbf{O}[n, c]))", r"\log_2(2)"]
)
def test_outside_the_grammar(value):
    with pytest.raises(LatexError, match="not understood here"):
        read_text(PAGE.replace(r"\exp(\mathbf{O}[n, c])}{", f"{value}}}{{") + BOX)


def test_positive_sums_and_products_may_be_divided_by():
    value = r"\frac{\mathbf{O}[n, c]}{N + 2 \exp(\mathbf{O}[n, c]) \cdot \frac{1}{\exp(\mathbf{O}[n, \mathbf{t}[n]])}}"
    box = f"\n$$\n\\boxed{{\\mathbf{{Y}}[n, c] = {value}}}\n$$ (softmax)\n"
    assert read_text(SHAPES + box, promised=False).formulas[0].kind == "definition"


# --- the loss as a formula ---


def test_the_loss_is_a_definition():
    book = read_text(PAGE + BOX)
    assert [(f.kind, f.tensor) for f in book.formulas] == [("definition", "Y"), ("definition", "L"), ("gradient", "O")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (SHAPES + SOFTMAX + LOSS + LOSS.replace("-entropy", "-again"), "L is already defined at"),
        (
            SHAPES
            + SOFTMAX
            + LOSS
            + "\n$$\n\\mathbf{G} = \\frac{\\partial L}{\\partial \\mathbf{Y}} \\in \\mathbb{R}^{N \\times C}\n$$\n",
            "L is defined at .*: nothing is given",
        ),
        (
            RELU + "\n$$\n\\boxed{L = \\sum_{n=0}^{N-1} \\mathbf{O}[n, 0]}\n$$ (softmax-x)\n",
            "L is given by its derivative",
        ),
        (SHAPES + "\n$$\nL = \\sum_{n=0}^{N-1} \\mathbf{O}[n, \\mathbf{t}[n]]\n$$\n", "nothing uses L"),
    ],
    ids=["twice", "given as well", "given before", "not used"],
)
def test_a_loss_has_one_meaning(text, message):
    with pytest.raises(LatexError, match=message):
        read_text(text, promised=False)


def test_a_loss_that_does_not_depend_on_it():
    with pytest.raises(Refuted, match="the output does not depend on Y"):
        prove(SHAPES + SOFTMAX + LOSS, r"\frac{\partial L}{\partial \mathbf{Y}[n, c]} = \mathbf{Y}[n, c]")


def test_there_is_no_derivation_of_a_loss():
    formula = read_text(PAGE + BOX).formulas[-1]
    with pytest.raises(Unsupported, match="a derivation from a formula for L"):
        derivation.derive_formula(formula)
    with pytest.raises(Unsupported, match="a derivation with"):
        derivation.pieces(Exponential(tensor("O")[fresh("n")]))


# --- run and in bounds ---


def test_formulas_are_run_against_the_network_and_the_definitions():
    book = read_text(PAGE + BOX)
    for f, kernel in zip(book.formulas, ("", "nn.SoftmaxCrossEntropy", "nn.SoftmaxCrossEntropy"), strict=True):
        run = Oracle(book, shapes=10).run(f)
        assert run.kernels == ((kernel,) if kernel else ())
        assert len(run.references) == 1
        assert run.reference_shapes >= 10


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (r"\frac{1}{N} \sum_{n=0}", r"\sum_{n=0}"),
        (r"\log\left(", r"\exp\left("),
        (r"- \mathbf{O}[n, \mathbf{t}[n]]", r"+ \mathbf{O}[n, \mathbf{t}[n]]"),
    ],
)
def test_a_wrong_definition_is_seen_by_running_it(old, new):
    assert old in LOSS
    book = read_text(PAGE.replace(LOSS, LOSS.replace(old, new)) + BOX)
    with pytest.raises(Refuted, match=r"softmax-cross-entropy and nn\.SoftmaxCrossEntropy differ"):
        Oracle(book, compile_loops=False, shapes=10).run(book.formulas[1])


def test_without_a_function_a_gradient_is_compared_with_the_chain_rule(monkeypatch):
    monkeypatch.setattr(oracle, "subjects", lambda label, quantity: [])
    book = read_text(PAGE + BOX)
    assert Oracle(book, compile_loops=False, shapes=100).run(book.formulas[2]).references == ("the chain rule",)
    book = read_text(PAGE + BOX.replace(" - ", " + "))
    with pytest.raises(Refuted, match="and the chain rule differ"):
        Oracle(book, compile_loops=False, shapes=100).run(book.formulas[2])


def test_what_differs():
    whole = np.array([1, 2, 3])
    assert differ(whole, np.array([1, 2, 4])).tolist() == [False, False, True]
    close = np.array([1 + 1e-12, 2, np.nan])
    assert differ(close, whole + 0.0).tolist() == [False, False, True]
    assert differ(whole + 1e-6, whole + 0.0).all()


def test_reads_inside_exp_and_log_are_in_bounds():
    book = read_text(PAGE + BOX)
    assert [check_bounds(f).reads for f in book.formulas] == [4, 5, 3]


@pytest.mark.parametrize(
    ("page", "number"),
    [
        (PAGE.replace("{c'=0}^{C-1}", "{c'=0}^{C}"), 0),
        (PAGE.replace("{c=0}^{C-1}", "{c=0}^{C}"), 1),
        (PAGE.replace(r"\{0, \ldots, C - 1\}", r"\{0, \ldots, C\}"), 1),
    ],
)
def test_a_read_outside_is_refuted(page, number):
    assert page != PAGE
    with pytest.raises(Refuted, match="leaves the range"):
        check_bounds(read_text(page + BOX).formulas[number])


def test_every_mutant_is_rejected():
    book = read_text(PAGE + BOX)
    assert "function" in {kind for kind, *_ in changes(book.formulas[1])}
    everything = list(mutants(book))
    chosen = random.Random(0).sample(everything, 40)
    assert [str(m) for m in chosen if verdict(book, m) == "survived"] == []
    relu = read_text(
        "---\nproofs: 1\n---\n"
        + RELU
        + f"\n$$\n\\boxed{{{DI}\\mathbf{{1}}_{{\\mathbf{{I}}[n, c] > 0}} \\mathbf{{G}}[n, c]}}\n$$ (relu-grad)\n"
    )
    prove_formula(relu.formulas[-1])
    chosen = random.Random(0).sample(list(mutants(relu)), 25)
    assert [str(m) for m in chosen if verdict(relu, m) == "survived"] == []


# --- the normal form ---

N, M = (Symbol(s, integer=True, positive=True) for s in "NM")
A, B = tensor("A"), tensor("B")
x, y = fresh("x"), fresh("y")
KNOWN = Facts([x, N - 1 - x, y, M - 1 - y, N - 1, M - 1])


def exp_sum(name, other=0):
    i = fresh(name)
    return Sum(Exponential(A[x, i] + other), (i, 0, M - 1))


def test_equal_sums_inside_functions_are_one():
    assert Logarithm(exp_sum("i")) != Logarithm(exp_sum("j"))
    assert normal(Logarithm(exp_sum("i"))) == normal(Logarithm(exp_sum("j")))
    assert difference(Reciprocal(exp_sum("i")), Reciprocal(exp_sum("j")), KNOWN) == []
    assert difference(Reciprocal(exp_sum("i")), Reciprocal(exp_sum("j", B[x])), KNOWN) != []


def test_numbering_captures_nothing():
    """The outer index of two nested sums keeps its name inside the inner one."""
    i, j = fresh("i"), fresh("j")
    nested = Sum(Exponential(Sum(A[i, j], (j, 0, M - 1))), (i, 0, N - 1))
    swapped = Sum(Exponential(Sum(A[i, j], (i, 0, M - 1))), (j, 0, N - 1))
    assert canonical(nested) != canonical(swapped)
    assert canonical(canonical(nested)) == canonical(nested)
    assert canonical(nested) == canonical(nested.xreplace({i: j, j: fresh("k")}))
    free = Sum(A[i, j], (j, 0, i))
    (inner,) = canonical(Exponential(free)).atoms(Sum)
    assert i in inner.free_symbols


def number(name, indices):
    return (zlib.crc32(repr((name, *indices)).encode()) % 19 - 9) / 4


def value(e, at):
    """Brute force in floats, with nothing of the package."""
    if isinstance(e, Sum):
        *inner, (i, low, high) = e.limits
        body = Sum(e.function, *inner) if inner else e.function
        return sum(value(body, {**at, i: k}) for k in range(value(low, at), value(high, at) + 1))
    if isinstance(e, Add):
        return sum(value(a, at) for a in e.args)
    if isinstance(e, Mul):
        return math.prod(value(a, at) for a in e.args)
    if isinstance(e, Pow):
        return value(e.base, at) ** int(e.exp)
    if isinstance(e, IsZero | AtLeastZero | IsPositive):
        v = value(e.args[0], at)
        return int(v == 0 if isinstance(e, IsZero) else v >= 0 if isinstance(e, AtLeastZero) else v > 0)
    if isinstance(e, Exponential):
        return math.exp(value(e.args[0], at))
    if isinstance(e, Logarithm):
        return math.log(value(e.args[0], at))
    if isinstance(e, Reciprocal):
        return 1 / value(e.args[0], at)
    if isinstance(e, Indexed):
        return number(e.base.label.name, [int(value(i, at)) for i in e.indices])
    return at[e] if e in at else int(e)


def random_positive(rng, i):
    body = Exponential(rng.choice([A[x, i], A[y, i], A[i, x], A[x, y]]) + rng.choice([0, B[x], B[i]]))
    return Sum(rng.choice([1, 2]) * body, (i, 0, rng.choice([N, M]) - 1))


def random_real(rng):
    i, j = fresh(rng.choice("ij")), fresh("k")
    entry = rng.choice([A[x, y], A[y, x], B[x]])
    pieces = [Exponential(entry), Logarithm(random_positive(rng, i)), Reciprocal(random_positive(rng, i)), entry]
    pieces += [IsPositive(entry), IsPositive(-entry), Sum(B[j] * IsZero(j - x), (j, 0, N - 1)), 2]
    out = S.Zero
    for _ in range(rng.randint(1, 2)):
        out += rng.choice([1, 1, -1]) * rng.choice(pieces) * rng.choice(pieces)
    return out


def test_no_false_proof_in_many_random_pairs():
    rng = random.Random(1)
    pool = [random_real(rng) for _ in range(260)]
    points = [{N: 2, M: 3, x: 1, y: 0}, {N: 3, M: 2, x: 2, y: 1}, {N: 2, M: 2, x: 0, y: 1}]
    values = [[value(e, at) for at in points] for e in pool]
    proved = wrong = 0
    for _ in range(1500):
        a, b = rng.randrange(len(pool)), rng.randrange(len(pool))
        if rng.random() < 0.3:
            near = [k for k in range(len(pool)) if np.allclose(values[k], values[a], rtol=1e-12)]
            b = rng.choice(near)
        if difference(pool[a], pool[b], KNOWN) == []:
            proved += 1
            wrong += not np.allclose(values[a], values[b], rtol=1e-9, atol=1e-12)
    assert wrong == 0
    assert proved > 300
