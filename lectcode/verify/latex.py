r"""Write expressions in the book's LaTeX: what is shown can be read back and compared."""

from __future__ import annotations

from sympy import Add, Expr, Indexed, Mul, Pow, S, Symbol, Tuple, fraction

from lectcode.verify.errors import Unsupported
from lectcode.verify.expressions import (
    AtLeastZero,
    FloorQuotient,
    IsZero,
    Largest,
    Smallest,
    Window,
    WindowPartial,
    normal,
)

_ACCENTS = {"~": "tilde", "^": "hat", "-": "bar"}


def latex_name(name: str, bold: bool = False) -> str:
    r"""LaTeX that spells a name, ``I_pad`` -> ``\mathbf{I}_{pad}``: the inverse of `grammar.plain_name`."""
    primes = "'" * name.count("'")
    letter, _, subscript = name.rstrip("'").partition("_")
    accent = _ACCENTS.get(letter[-1:])
    letter = letter.rstrip("~^-")
    out = letter if len(letter) == 1 else f"\\{letter}"
    if bold and len(letter) == 1:
        out = rf"\mathbf{{{out}}}"
    if accent:
        out = rf"\{accent}{{{out}}}"
    return out + primes + (f"_{{{subscript}}}" if len(subscript) > 1 else f"_{subscript}" if subscript else "")


class Writer:
    """Writes expressions; ``names`` are the names of index symbols, ``upstream`` says that G is dL/dO."""

    def __init__(self, names: dict[Symbol, str]):
        self.names = names

    def name(self, s: Symbol) -> str:
        """The LaTeX of an index or a size."""
        return latex_name(self.names.get(s, s.name))

    def index(self, e: Expr) -> str:
        """A polynomial in indices and sizes."""
        e = normal(e)
        parts = sorted(Add.make_args(e), key=self._order)
        out = ""
        for t in parts:
            negative = t.could_extract_minus_sign()
            text = self._monomial(-t if negative else t)
            out += (" - " if negative else " + ") + text if out else ("-" if negative else "") + text
        return out

    def _order(self, t: Expr):
        """Indices before sizes before numbers, products before single names, subtractions last."""
        number = t.as_coeff_Mul()[0]
        plain = bool(abs(number) == 1)
        return (
            bool(number < 0),
            bool(t.is_number),
            not _dummy(t),
            not plain,
            -len(t.free_symbols),
            self._monomial(t / number if number else t),
        )

    def _monomial(self, t: Expr) -> str:
        factors = sorted(Mul.make_args(t), key=lambda f: (not f.is_number, not _dummy(f), self._factor(f)))
        return " ".join(self._factor(f) for f in factors)

    def _factor(self, f: Expr) -> str:
        if isinstance(f, Symbol):
            return self.name(f)
        if f.is_Integer:
            return str(f)
        if isinstance(f, Pow) and f.exp.is_Integer and f.exp > 0:
            return f"{self._factor(f.base)}^{{{f.exp}}}"
        if isinstance(f, Indexed):
            return self.entry(f)
        if isinstance(f, FloorQuotient):
            return rf"\left\lfloor \frac{{{self.index(f.args[0])}}}{{{self.index(f.args[1])}}} \right\rfloor"
        raise Unsupported(f"{type(f).__name__} in an index: {f}")

    def end(self, e: Expr) -> str:
        """The end of a range."""
        if isinstance(e, (Largest, Smallest)):
            return rf"\{'max' if isinstance(e, Largest) else 'min'}({', '.join(map(self.index, e.args))})"
        return self.index(e)

    def entry(self, e: Indexed) -> str:
        """An entry of a tensor or of a derivative."""
        name, indices = e.base.label.name, ", ".join(map(self.index, e.indices))
        if name.startswith("∂"):
            return rf"\frac{{\partial L}}{{\partial {latex_name(name[1:], True)}[{indices}]}}"
        return f"{latex_name(name, True)}[{indices}]"

    def window(self, e: Window | WindowPartial) -> str:
        """F at a window, or a partial derivative of f there."""
        axes = e.args[2:-1] if isinstance(e, WindowPartial) else e.args[2:]
        items = [
            f"{self.index(a[0])}:{self.index(a[0] + a[1])}" if isinstance(a, Tuple) else self.index(a) for a in axes
        ]
        block = f"f({latex_name(e.args[1].name, True)}[{', '.join(items)}])"
        if isinstance(e, WindowPartial):
            return rf"\partial_{{{', '.join(map(self.index, e.args[-1]))}}} {block}"
        return block

    def conditions(self, guards: list[Expr]) -> list[str]:
        """Indicators: two guards e >= 0 and n - 1 - e >= 0 make one."""
        out, left = [], list(guards)
        while left:
            g = left.pop(0)
            if isinstance(g, IsZero):
                a, b = _sides(g.args[0])
                out.append(rf"\delta_{{{self.index(a)}, {self.index(b)}}}")
                continue
            e = g.args[0]
            other = next((h for h in left if isinstance(h, AtLeastZero) and not _dummy(normal(e + h.args[0]))), None)
            if other is None:
                out.append(rf"\mathbf{{1}}_{{{self.index(e)} \geq 0}}")
                continue
            left.remove(other)
            low = (
                e if not any(t.could_extract_minus_sign() and t.is_number for t in Add.make_args(e)) else other.args[0]
            )
            out.append(rf"\mathbf{{1}}_{{0 \leq {self.index(low)} < {self.index(e + other.args[0] + 1)}}}")
        return out

    def coefficient(self, c: Expr) -> list[str]:
        """A number or a fraction of sizes, as factors."""
        if c == 1:
            return []
        p, q = fraction(c)
        if q == 1:
            return [f"({self.index(p)})" if p.is_Add or p.could_extract_minus_sign() else self.index(p)]
        return [rf"\frac{{{self.index(p)}}}{{{self.index(q)}}}"]

    def product(self, c: Expr, limits, factors, guards) -> str:
        """Sums in front of a product."""
        sums = [rf"\sum_{{{self.name(i)}={self.end(a)}}}^{{{self.end(b)}}}" for i, a, b in limits]
        parts = self.coefficient(c)
        for f in factors:
            if isinstance(f, Pow):
                parts.append(rf"\frac{{1}}{{{self.entry(f.base)}}}")
            else:
                parts.append(self.entry(f) if isinstance(f, Indexed) else self.window(f))
        parts.sort(key=lambda text: (text.startswith(r"\mathbf{1}"), not text.startswith((r"\frac", r"\mathbf{G}"))))
        parts += sorted(self.conditions(sorted(guards, key=lambda c: self.index(c.args[0]))))
        return " ".join([*sums, r" \cdot ".join(parts) or "1"])


def _dummy(e: Expr) -> bool:
    return any(s.is_Dummy for s in e.free_symbols)


def _sides(e: Expr) -> tuple[Expr, Expr]:
    """An equation e = 0 as left = right, what is added on the left."""
    left = Add(*[t for t in Add.make_args(e) if not t.could_extract_minus_sign()])
    right = left - e
    return (left, normal(right)) if left != 0 else (S.Zero, normal(-e))
