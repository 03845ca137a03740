r"""Identities of the convolution layer in the book's notation, proved for all sizes, and wrong versions that must be
rejected.

A chapter that prints one of them has it proved where it stands; here they are proved whether or not a chapter prints
them, and for each a few tempting errors are shown not to pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction

from lectcode.verify.errors import Refuted
from lectcode.verify.prover import prove
from lectcode.verify.winograd import cook_toom, violations

LAYER = r"""
$$
\begin{aligned}
\mathbf{I}_{pad} & \in \mathbb{R}^{N \times C_{in} \times H_{pad} \times W_{pad}} \\
\mathbf{F} & \in \mathbb{R}^{C_{out} \times C_{in} \times K_h \times K_w} \\
S & \geq 1 \\
H_{out} & = \left\lfloor \frac{H_{pad} - K_h}{S} \right\rfloor + 1 \\
W_{out} & = \left\lfloor \frac{W_{pad} - K_w}{S} \right\rfloor + 1 \\
\mathbf{O} & \in \mathbb{R}^{N \times C_{out} \times H_{out} \times W_{out}}
\end{aligned}
$$

$$
\mathbf{O}[n, c_{out}, h, w] = \sum_{c_{in}=0}^{C_{in}-1} \sum_{k_h=0}^{K_h-1} \sum_{k_w=0}^{K_w-1}
\mathbf{F}[c_{out}, c_{in}, k_h, k_w] \cdot \mathbf{I}_{pad}[n, c_{in}, h S + k_h, w S + k_w]
$$

$$
\mathbf{G} = \frac{\partial L}{\partial \mathbf{O}} \in \mathbb{R}^{N \times C_{out} \times H_{out} \times W_{out}}
$$
"""

DILATED = r"""
$$
\begin{aligned}
\tilde{\mathbf{G}} & \in \mathbb{R}^{N \times C_{out} \times ((H_{out} - 1) S + 1) \times ((W_{out} - 1) S + 1)} \\
\tilde{\mathbf{G}}[n, c_{out}, i, j] & = \sum_{h=0}^{H_{out}-1} \sum_{w=0}^{W_{out}-1}
\mathbf{G}[n, c_{out}, h, w] \cdot \mathbf{1}_{i = h S} \cdot \mathbf{1}_{j = w S}
\end{aligned}
$$
"""

BORDERED = r"""
$$
\begin{aligned}
r_h & = (H_{pad} - K_h) \bmod S \\
r_w & = (W_{pad} - K_w) \bmod S \\
H_{hat} & = (H_{out} - 1) S + 1 + 2 (K_h - 1) + r_h \\
W_{hat} & = (W_{out} - 1) S + 1 + 2 (K_w - 1) + r_w \\
\hat{\mathbf{G}} & \in \mathbb{R}^{N \times C_{out} \times H_{hat} \times W_{hat}} \\
\hat{\mathbf{G}}[n, c_{out}, i, j] & = \sum_{h=0}^{H_{out}-1} \sum_{w=0}^{W_{out}-1}
\mathbf{G}[n, c_{out}, h, w] \cdot \mathbf{1}_{i = h S + K_h - 1} \cdot \mathbf{1}_{j = w S + K_w - 1}
\end{aligned}
$$
"""

TRANSPOSED = r"""
$$
\begin{aligned}
\mathbf{Z} & \in \mathbb{R}^{N \times C_{in} \times H_{pad} \times W_{pad}} \\
\mathbf{Z}[n, c_{in}, u, v] & = \sum_{c_{out}=0}^{C_{out}-1} \sum_{h=0}^{H_{out}-1} \sum_{w=0}^{W_{out}-1}
\mathbf{G}[n, c_{out}, h, w] \cdot \mathbf{F}[c_{out}, c_{in}, u - h S, v - w S]
\cdot \mathbf{1}_{0 \leq u - h S < K_h} \cdot \mathbf{1}_{0 \leq v - w S < K_w}
\end{aligned}
$$
"""

MATRIX = r"""
$$
\begin{aligned}
\mathbf{T} & \in \mathbb{R}^{C_{out} \times H_{out} \times W_{out} \times C_{in} \times H_{pad} \times W_{pad}} \\
\mathbf{T}[c_{out}, h, w, c_{in}, u, v] & = \mathbf{F}[c_{out}, c_{in}, u - h S, v - w S]
\cdot \mathbf{1}_{0 \leq u - h S < K_h} \cdot \mathbf{1}_{0 \leq v - w S < K_w}
\end{aligned}
$$
"""


@dataclass(frozen=True)
class Identity:
    """A statement, the definitions it needs, and wrong versions: (what is wrong, text to replace, replacement)."""

    name: str
    definitions: str
    statement: str
    wrong: tuple[tuple[str, str, str], ...]

    def variants(self) -> Iterator[tuple[str, str]]:
        """The wrong statements, each with what is wrong."""
        for what, old, new in self.wrong:
            if self.statement.count(old) != 1:
                raise ValueError(f"{self.name}: {old!r} stands {self.statement.count(old)} times in the statement")
            yield what, self.statement.replace(old, new)


_SUM_OVER_FILTER = r"\sum_{c_{out}=0}^{C_{out}-1} \sum_{k_h=0}^{K_h-1} \sum_{k_w=0}^{K_w-1}"
_DI_PAD = r"\frac{\partial L}{\partial \mathbf{I}_{pad}[n, c_{in}, u, v]}"
_G = r"\mathbf{G}[n, c_{out}, h, w]"
_OVER_OUTPUT = r"\sum_{h=0}^{H_{out}-1} \sum_{w=0}^{W_{out}-1}"

IDENTITIES = (
    Identity(
        "the gradient of the padded input is a full convolution of the dilated gradient",
        LAYER + BORDERED,
        rf"{_DI_PAD} = {_SUM_OVER_FILTER} \mathbf{{F}}[c_{{out}}, c_{{in}}, k_h, k_w]"
        r" \cdot \hat{\mathbf{G}}[n, c_{out}, u + K_h - 1 - k_h, v + K_w - 1 - k_w]",
        (
            ("correlation instead of convolution", "K_h - 1 - k_h", "k_h"),
            ("one row off", "u + K_h - 1 - k_h", "u + K_h - k_h"),
            ("a missing filter row", r"\sum_{k_h=0}^{K_h-1}", r"\sum_{k_h=1}^{K_h-1}"),
            ("channels swapped", "[c_{out}, c_{in}, k_h, k_w]", "[c_{in}, c_{out}, k_h, k_w]"),
        ),
    ),
    Identity(
        "the gradient of the padded input is a correlation with the flipped filter",
        LAYER + BORDERED,
        rf"{_DI_PAD} = {_SUM_OVER_FILTER} \mathbf{{F}}[c_{{out}}, c_{{in}}, K_h - 1 - k_h, K_w - 1 - k_w]"
        r" \cdot \hat{\mathbf{G}}[n, c_{out}, u + k_h, v + k_w]",
        (
            ("the filter is not flipped", "K_h - 1 - k_h, K_w - 1 - k_w", "k_h, k_w"),
            ("flipped along one axis only", "K_h - 1 - k_h", "k_h"),
            ("no border", "u + k_h", "u + k_h - K_h + 1"),
        ),
    ),
    Identity(
        "the gradient of the filters is a correlation of the padded input with the dilated gradient",
        LAYER + DILATED,
        r"\frac{\partial L}{\partial \mathbf{F}[c_{out}, c_{in}, k_h, k_w]} ="
        r" \sum_{n=0}^{N-1} \sum_{i=0}^{(H_{out}-1)S} \sum_{j=0}^{(W_{out}-1)S}"
        r" \tilde{\mathbf{G}}[n, c_{out}, i, j] \cdot \mathbf{I}_{pad}[n, c_{in}, i + k_h, j + k_w]",
        (
            ("flipped", "i + k_h", "i + K_h - 1 - k_h"),
            (
                "the gradient is not dilated",
                r"\mathbf{I}_{pad}[n, c_{in}, i + k_h, j + k_w]",
                r"\mathbf{I}_{pad}[n, c_{in}, i S + k_h, j S + k_w]",
            ),
            ("the last row is missing", r"\sum_{i=0}^{(H_{out}-1)S}", r"\sum_{i=0}^{(H_{out}-1)S-1}"),
        ),
    ),
    Identity(
        "the transposed convolution is the adjoint",
        LAYER + TRANSPOSED,
        rf"\sum_{{n=0}}^{{N-1}} \sum_{{c_{{out}}=0}}^{{C_{{out}}-1}} {_OVER_OUTPUT}"
        rf" {_G} \cdot \mathbf{{O}}[n, c_{{out}}, h, w] ="
        r" \sum_{n=0}^{N-1} \sum_{c_{in}=0}^{C_{in}-1} \sum_{u=0}^{H_{pad}-1} \sum_{v=0}^{W_{pad}-1}"
        r" \mathbf{I}_{pad}[n, c_{in}, u, v] \cdot \mathbf{Z}[n, c_{in}, u, v]",
        (
            ("axes swapped", r"\mathbf{Z}[n, c_{in}, u, v]", r"\mathbf{Z}[n, c_{in}, v, u]"),
            ("shifted", r"\mathbf{Z}[n, c_{in}, u, v]", r"\mathbf{Z}[n, c_{in}, u + 1, v]"),
            ("the last row is missing", r"\sum_{u=0}^{H_{pad}-1}", r"\sum_{u=0}^{H_{pad}-2}"),
        ),
    ),
    Identity(
        "convolution is multiplication by a matrix",
        LAYER + MATRIX,
        r"\mathbf{O}[n, c_{out}, h, w] = \sum_{c_{in}=0}^{C_{in}-1} \sum_{u=0}^{H_{pad}-1} \sum_{v=0}^{W_{pad}-1}"
        r" \mathbf{T}[c_{out}, h, w, c_{in}, u, v] \cdot \mathbf{I}_{pad}[n, c_{in}, u, v]",
        (
            ("rows and columns swapped", "[c_{out}, h, w, c_{in}, u, v]", "[c_{out}, w, h, c_{in}, u, v]"),
            ("the first row is missing", r"\sum_{u=0}^{H_{pad}-1}", r"\sum_{u=1}^{H_{pad}-1}"),
            ("a row too many", r"\mathbf{I}_{pad}[n, c_{in}, u, v]", r"\mathbf{I}_{pad}[n, c_{in}, u + 1, v]"),
        ),
    ),
)

WINOGRAD = ((2, 3), (4, 3), (6, 3), (2, 5), (3, 2))


@dataclass(frozen=True)
class Outcome:
    """An identity that holds, for what it holds, and how many wrong versions of it were rejected."""

    name: str
    rejected: int
    scope: str = "for all sizes"


def prove_identity(identity: Identity) -> Outcome:
    """Prove it, and see every wrong version rejected."""
    prove(identity.definitions, identity.statement)
    rejected = 0
    for what, statement in identity.variants():
        try:
            prove(identity.definitions, statement)
        except Refuted as refusal:
            if "counterexample:" not in str(refusal):
                raise Refuted(f"{identity.name}: no numbers show that the wrong version ({what}) is wrong") from refusal
            rejected += 1
        else:
            raise Refuted(f"{identity.name}: the wrong version ({what}) was proved")
    return Outcome(identity.name, rejected)


def prove_winograd(m: int, r: int) -> Outcome:
    """The transforms of F(m, r) are exact; with one entry changed they are not."""
    name = f"Winograd's F({m}, {r}) is exact over the rationals"
    A, G, B = cook_toom(m, r)
    if found := violations(A, G, B):
        raise Refuted(f"{name}: the coefficient of g_{found[0][1]} d_{found[0][2]} in y_{found[0][0]} is wrong")
    rejected = 0
    for M in (A, G, B):
        for at in ((0, 0), (M.shape[0] - 1, M.shape[1] - 1)):
            before = M[at]
            M[at] = before + Fraction(1, 3)
            if not violations(A, G, B):
                raise Refuted(f"{name}: a changed entry was not noticed")
            M[at] = before
            rejected += 1
    return Outcome(name, rejected, "for all numbers")


def prove_all(progress: Callable = iter) -> list[Outcome]:
    """All identities; `Refuted` at the first that fails."""
    tasks = [lambda i=i: prove_identity(i) for i in IDENTITIES]
    tasks += [lambda m=m, r=r: prove_winograd(m, r) for m, r in WINOGRAD]
    return [task() for task in progress(tasks)]
