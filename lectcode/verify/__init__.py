r"""The printed formula is the checked formula.

The LaTeX that a reader of the book sees is parsed (`grammar`, `reader`), each gradient is proved from the printed
definitions for all sizes (`prover`), every read is shown to stay inside its tensor (`bounds`), and the same formula
runs as a loop nest over whole numbers against the kernels and their definitions (`oracle`).

What this is worth: the proofs are checks by computer algebra in exact arithmetic, not proofs in a proof assistant,
and they say nothing about rounding. Maxima are treated for given positions of the maximum. That the definitions on
the page are the intended ones no proof can show; they are compared with `lectcode.reference`, which is written by
hand and shares no code with anything else.

Examples
--------
>>> from lectcode.verify import prove
>>> definitions = r'''
... $$
... \begin{aligned}
... \mathbf{X} & \in \mathbb{R}^{A} \\
... \mathbf{V} & \in \mathbb{R}^{A} \\
... \mathbf{O} & \in \mathbb{R}^{1}
... \end{aligned}
... $$
...
... $$
... \mathbf{O}[m] = \sum_{a=0}^{A-1} \mathbf{V}[a] \cdot \mathbf{X}[a]
... $$
...
... $$
... \mathbf{G} = \frac{\partial L}{\partial \mathbf{O}} \in \mathbb{R}^{1}
... $$
... '''
>>> print(prove(definitions, r"\frac{\partial L}{\partial \mathbf{X}[b]} = \mathbf{G}[0] \cdot \mathbf{V}[b]"))
the formula given: proved for all sizes
"""

from lectcode.verify.derivation import derive
from lectcode.verify.errors import LatexError, Refuted, Unsupported, VerificationError
from lectcode.verify.prover import prove
from lectcode.verify.recurrences import check_recurrence
from lectcode.verify.report import check, check_chapter, identity_table, ledger, loops
from lectcode.verify.sheet import formula_sheet

__all__ = [
    "LatexError",
    "Refuted",
    "Unsupported",
    "VerificationError",
    "check",
    "check_chapter",
    "check_recurrence",
    "derive",
    "formula_sheet",
    "identity_table",
    "ledger",
    "loops",
    "prove",
]
