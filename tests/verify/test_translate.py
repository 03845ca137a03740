"""From trees to expressions: what has no meaning is refused, with the piece that has none."""

import pytest

from lectcode.verify import LatexError
from lectcode.verify.reader import read_text
from tests.verify.test_reader import BOX, HEAD

F = "$$\nf: \\mathbb{R}^{A \\times E} \\to \\mathbb{R}\n$$\n\n"
BLOCK = r"f(\mathbf{X}[0:A, 0:E])"


def gradient(value):
    left, _ = BOX.split(" = ", 1)
    return f"{left} = {value}}}\n$$ (toy-grad)\n"


REFUSED = [  # before, the value of the gradient, words of the message
    ("", "(e, 0)", r"Tuple cannot stand here \(at '\(e, 0\)'\)"),
    ("", r"2 \mathbf{V}", r"the tensor V needs its indices here \(at '\\\\mathbf\{V\}'\)"),
    ("", r"\frac{1}{e}", r"the denominator is not known to be positive \(at 'e'\)"),
    ("", r"\mathbf{V}[e]^5", r"only the powers 0 to 4 are understood \(at '5'\)"),
    ("", r"\mathbf{V}[e]^E", r"only the powers 0 to 4 are understood \(at 'E'\)"),
    ("", r"\lfloor \frac{e}{\mathbf{V}[e]} \rfloor", "floor and ceiling need a quotient of whole numbers"),
    ("", r"\lceil \frac{\frac{1}{A}}{\mathbf{V}[e]} \rceil", "with a positive denominator"),
    ("", r"A \bmod e", r"the modulus is not known to be positive \(at 'e'\)"),
    ("", r"\mathbf{V}[0:e]", r"a slice stands only inside f\(\.\.\)"),
    (
        "",
        r"\frac{\partial L}{\partial \mathbf{V}}",
        "an entry of a tensor, with its indices, is expected below the bar",
    ),
    ("", r"\frac{\partial L}{\partial \mathbf{Y}[e]}", r"the shape of Y is not declared \(at '\\\\mathbf\{Y\}\[e\]'\)"),
    ("", r"\frac{\partial \mathbf{X}[0, e]}{\partial \mathbf{V}[e]}", "X has no definition to differentiate"),
    ("", r"\frac{\partial e}{\partial \mathbf{V}[e]}", r"only L or an entry of a tensor can stand above .* \(at 'e'\)"),
    ("", BLOCK, "the function f is not declared"),
    (F, "f(e)", r"f takes a block of a declared tensor \(at 'e'\)"),
    (F, r"f(\mathbf{Y}[0:A, 0:E])", r"f takes a block of a declared tensor \(at '\\\\mathbf\{Y\}"),
    (F, r"f(\mathbf{X}[0:A])", "X has 2 axes"),
    (F, r"f(\mathbf{X}[0:E, 0:E])", "f takes a window of A x E, not E x E"),
    (F, r"\partial_{0} " + BLOCK, "the position inside the window of f has the wrong number of indices"),
    ("", r"\mathbf{1}_{e \mid A}", r"the divisor is not known to be positive \(at 'e'\)"),
    ("", r"\mathbf{1}_{e \in A}", r"the relation in in a condition"),
]


@pytest.mark.parametrize(("before", "value", "message"), REFUSED, ids=[r[1] for r in REFUSED])
def test_refuses(before, value, message):
    with pytest.raises(LatexError, match=message):
        read_text(HEAD + before + gradient(value))


READ = [
    ("", r"\frac{1}{A}"),
    ("", r"\mathbf{V}[e]^4"),
    ("", r"\lfloor \frac{e}{A} \rfloor"),
    ("", r"\lfloor -\frac{e}{A} \rfloor"),
    ("", r"e \bmod A"),
    ("", r"\frac{\partial \mathbf{O}[0]}{\partial \mathbf{V}[e]}"),
    (F, BLOCK),
    (F, r"\partial_{0, e} " + BLOCK),
    ("", r"\mathbf{1}_{A \mid e}"),
]


@pytest.mark.parametrize(("before", "value"), READ, ids=[r[1] for r in READ])
def test_reads(before, value):
    assert read_text(HEAD + before + gradient(value)).formulas[-1].kind == "gradient"


def test_a_window_uses_the_tensor_that_it_is_cut_from():
    shape = "$$\n\\mathbf{Y} \\in \\mathbb{R}^{A \\times E}\n$$\n\n"
    defined = F + shape + "$$\n\\mathbf{Y}[a, e] = \\mathbf{X}[a, e]\n$$\n\n"
    assert len(read_text(HEAD + defined + gradient(BLOCK.replace("X", "Y"))).formulas) == 3
    with pytest.raises(LatexError, match="nothing uses Y"):
        read_text(HEAD + defined + gradient(BLOCK))
