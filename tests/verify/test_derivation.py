"""Derivations: each step is read back and proved equal to the one before; a step that does not follow is refused."""

import pytest
from sympy import Integer, Sum, Symbol

from lectcode.verify import Refuted, derivation, derive
from lectcode.verify.derivation import Piece, derive_formula, pieces, without_known
from lectcode.verify.errors import Unsupported
from lectcode.verify.expressions import AtLeastZero, IsZero, fresh, tensor
from lectcode.verify.facts import Facts
from lectcode.verify.grammar import parse
from lectcode.verify.prover import facts_of
from lectcode.verify.reader import read_book
from tests.verify.conftest import LECTURE

LABELS = [
    "conv-grad-bias",
    "conv-grad-padded-input",
    "conv-grad-input",
    "pool-grad",
    "max-pool-grad",
    "conv-grad-filters-general",
]


def test_the_filters_step_by_step():
    d = derive("conv-grad-filters", LECTURE)
    assert [s.words.split(":")[0].split(" leaves")[0] for s in d.steps] == [
        "the chain rule over the entries that depend on it",
        "the derivative of the definition",
        *["one delta"] * 4,
        "in the letters of the page",
    ]
    assert (
        r"\frac{\partial \mathbf{O}[n, c'_{out}, h, w]}{\partial \mathbf{F}[c_{out}, c_{in}, k_h, k_w]}"
        in d.steps[0].latex
    )
    assert d.steps[1].latex.count(r"\delta_") == 4
    assert d.steps[-2].latex == (
        r"\sum_{n=0}^{N - 1} \sum_{h=0}^{H_{out} - 1} \sum_{w=0}^{W_{out} - 1} "
        r"\mathbf{G}[n, c_{out}, h, w] \cdot \mathbf{I}_{pad}[n, c_{in}, h S + k_h, w S + k_w]"
    )


@pytest.mark.parametrize("label", LABELS)
def test_every_step_follows(lecture, label):
    (formula,) = lecture.labelled(label)
    d = derive_formula(formula)
    assert len(d.steps) >= 4
    before = None
    for step in d.steps:
        (tree,) = parse(step.latex)
        e = formula.scope.expression(tree, formula.indices)
        assert before is None or derivation.equal(formula.scope, before, e, facts_of(formula))
        before = e


def test_shown_as_latex_and_as_text():
    d = derive("conv-grad-bias", LECTURE)
    assert d._repr_latex_().startswith("$$\n\\begin{aligned}\n& \\frac{\\partial L}{\\partial \\mathbf{B}[c_{out}]}")
    assert repr(d) == repr(derive("conv-grad-bias", LECTURE))


def test_a_wrong_formula_is_not_derived(altered):
    book = read_book(altered("conv-gradient-input", "x + P, y + P]}, \\quad", "x + P, y]}, \\quad"))
    with pytest.raises(Refuted, match="a step does not follow"):
        derive_formula(book.labelled("conv-grad-input")[0])


def test_a_wrong_step_is_noticed(monkeypatch, lecture):
    (formula,) = lecture.labelled("conv-grad-filters")

    def careless(piece, facts):
        found = true_step(piece, facts)
        return found and (derivation.replace(found[0], coefficient=Integer(2)), *found[1:])

    true_step = derivation.eliminated
    monkeypatch.setattr(derivation, "eliminated", careless)
    with pytest.raises(Refuted, match="a step does not follow"):
        derive_formula(formula)


@pytest.mark.parametrize(("latex", "problem"), [(r"\star", "not understood here"), ("q", "unknown name q")])
def test_a_step_that_cannot_be_read_back_is_refused(lecture, latex, problem):
    deriver = derivation._Deriver(lecture.labelled("conv-grad-bias")[0])
    with pytest.raises(Refuted, match=f"conv-grad-bias: a step cannot be read back: {problem}"):
        deriver.add("a wrong step", latex)


def test_pieces_multiply_out_or_say_that_they_cannot():
    N, i = Symbol("N", integer=True, positive=True), fresh("i")
    A, B = tensor("A"), tensor("B")
    found = pieces(2 * N * Sum((A[i] + B[i]) * IsZero(i - N), (i, 0, N)))
    assert [(p.coefficient, p.limits, p.factors) for p in found] == [(2 * N, ((i, 0, N),), (x,)) for x in (A[i], B[i])]
    with pytest.raises(Unsupported, match="a derivation with "):
        pieces((A[N] + 1) ** 2)


def test_known_and_repeated_conditions_are_left_out():
    N, i = Symbol("N", integer=True, positive=True), fresh("i")
    open_, known = IsZero(i - N), AtLeastZero(N - 1)
    left = without_known(Piece(Integer(1), (), (), (Integer(1), open_, known, open_)), Facts([N - 1]))
    assert left.conditions == (open_,)


def test_only_gradients_are_derived(lecture):
    with pytest.raises(ValueError, match="is a definition; only gradients are derived"):
        derive_formula(lecture.labelled("conv-forward")[0])
