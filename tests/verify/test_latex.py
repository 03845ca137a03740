"""What is written can be read back: each expression as LaTeX."""

import pytest
from sympy import Integer, Symbol, sin

from lectcode.verify.errors import Unsupported
from lectcode.verify.expressions import (
    AtLeastZero,
    FloorQuotient,
    IsZero,
    Largest,
    Smallest,
    Window,
    WindowPartial,
    fresh,
    tensor,
)
from lectcode.verify.grammar import parse
from lectcode.verify.latex import Writer

N, M = (Symbol(s, integer=True, positive=True) for s in "NM")
A = tensor("A")
i = fresh("i")
w = Writer({i: "u"})
WINDOW = (Symbol("f"), Symbol("X"), i, (N, M))

WRITTEN = [
    (w.index(N**2 - i), "N^{2} - u"),
    (w.index(FloorQuotient(N, M) + 1), r"\left\lfloor \frac{N}{M} \right\rfloor + 1"),
    (w.index(A[i] + 1), r"\mathbf{A}[u] + 1"),
    (w.end(Largest(N, M)), r"\max(N, M)"),
    (w.end(Smallest(N, M)), r"\min(N, M)"),
    (w.end(N - 1), "N - 1"),
    (w.window(Window(*WINDOW)), r"f(\mathbf{X}[u, N:M + N])"),
    (w.window(WindowPartial(*WINDOW, (i,))), r"\partial_{u} f(\mathbf{X}[u, N:M + N])"),
    (*w.conditions([AtLeastZero(i)]), r"\mathbf{1}_{u \geq 0}"),
    (*w.conditions([AtLeastZero(i), AtLeastZero(N - 1 - i)]), r"\mathbf{1}_{0 \leq u < N}"),
    (*w.conditions([AtLeastZero(N - 1 - i), AtLeastZero(i)]), r"\mathbf{1}_{0 \leq u < N}"),
    (*w.conditions([IsZero(i - N)]), r"\delta_{u, N}"),
    (
        w.product(N / M, [(i, Integer(0), N)], [1 / A[i]], []),
        r"\sum_{u=0}^{N} \frac{N}{M} \cdot \frac{1}{\mathbf{A}[u]}",
    ),
    (w.product(N + 1, [], [A[i]], []), r"(N + 1) \cdot \mathbf{A}[u]"),
    (w.product(Integer(1), [], [], []), "1"),
]


@pytest.mark.parametrize(("written", "wanted"), WRITTEN, ids=[x[1] for x in WRITTEN])
def test_written(written, wanted):
    assert written == wanted
    assert len(parse(written)) == 1


def test_what_has_no_latex_is_unsupported():
    with pytest.raises(Unsupported, match=r"sin in an index: sin\(N\)"):
        w.index(sin(N))
