r"""The book's mathematical LaTeX as a lark grammar.

What a displayed formula may contain
------------------------------------
*Names.* One letter (``N``, ``h``), also ``\mathbf{I}``, ``\mathrm{..}``, ``\text{..}``, ``\mathcal{..}``, a Greek
letter, an accent ``\tilde{\mathbf{G}}`` (``\hat``, ``\bar``, ``\widetilde``, ``\widehat``); a subscript of one word
(``C_{in}``, ``C_{\text{in}}``, ``K_h``, ``\mathbf{I}_{pad}``) and primes (``K_h'``). Fonts do not matter:
``\mathbf{I}`` and ``I`` are one name. ``L`` is the loss and ``f`` followed by a parenthesis the function of a pooling
window.

*Expressions.* Whole numbers, ``+``, ``-``, products by juxtaposition or ``\cdot`` (``\times`` only separates the axes
of a shape; there is no ``/``), ``\frac{a}{b}``, powers, ``\lfloor a \rfloor``, ``\lceil a \rceil``, ``\max(a, b)`` and
``\min(a, b)`` (also with ``\{ \}``), ``\exp(a)``, ``\log(a)``, parentheses. A number does not follow a number, since
``1 1`` is printed as 11. In ``a \bmod b`` both sides are single factors or stand in parentheses, and so does the whole
where anything stands beside it: ``H - (2P \bmod S)`` is refused, ``H - ((2P) \bmod S)`` is read.

*Tensors.* ``\mathbf{F}[c_{out}, c_{in}, k_h, k_w]``; slices ``h_{start}:h_{end}`` inside ``f(\mathbf{I}[n, c, a:b,
c:d])``; ``\partial_{i, j} f(\mathbf{I}[..])`` is the partial derivative of f by entry (i, j) of its window.

*Sums.* ``\sum_{h=0}^{H_{out}-1}`` (both ends included, empty when the upper end is below the lower one) and
``\prod``. They take the whole product to their right and end at ``+`` or ``-``.

*Conditions.* ``\mathbf{1}_{0 \leq u - h S < K_h}`` (also ``\mathbb{1}``), with several relations joined by a comma,
``\text{ and }`` or ``\land``; ``=``, ``<``, ``>``, ``\leq``, ``\geq``, ``S \mid u``; ``\delta_{a, b}``. Between real
numbers, as in ``\mathbf{1}_{\mathbf{I}[n] > 0}``, only ``<`` and ``>`` are understood. Cases are written
``\begin{cases} a & \text{if } .. \\ 0 & \text{otherwise} \end{cases}``.

*Derivatives.* ``\frac{\partial L}{\partial \mathbf{F}[..]}`` and ``\frac{\partial \mathbf{O}[..]}{\partial
\mathbf{F}[..]}``.

*Statements.* ``\mathbf{I} \in \mathbb{R}^{N \times C \times (H + 2P) \times W}``; ``\text{shape}(\mathbf{I}) = (N, C,
H, W)``; ``\mathbf{A}_h \in \{0, \ldots, K - 1\}^{N \times C}`` (an integer tensor); ``S_h, S_w \geq 1``; ``P \in
\mathbb{Z}_{\geq 0}`` (``\mathbb{Z}``, ``\mathbb{Z}^+``, ``\mathbb{Z}_{> 0}``, ``\mathbb{Z}_{\geq 1}``); ``x \in \{0,
\ldots, H - 1\}``; ``f: \mathbb{R}^{K \times K} \to \mathbb{R}``; ``a = b`` (chains ``a = b = c``); ``L = ..``,
the loss as a formula. Statements of one row are separated by a comma, ``\text{and}``, ``\text{for}`` or
``\text{where}``; rows of ``aligned`` by ``\\``, and a row that starts with a sign, ``\cdot`` or a relation, or follows
one, continues the row above.

Spacing commands, ``&``, ``\left``, ``\right``, ``\big..`` and ``\displaystyle`` are skipped. Everything else is an
error; `HINTS` says of some of it what to write instead.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache

from lark import Lark, Transformer, v_args
from lark.exceptions import UnexpectedCharacters, UnexpectedToken, VisitError

from lectcode.verify import syntax as ast

GRAMMAR = r"""
start: statement (_separator statement)* (_separator | ".")?
_separator: "," | ";" | AND | FOR

?statement: chain | NAME COLON side ARROW side -> mapping
chain: side (RELATION side)*
?side: expression | space | set
space: REALS ("^" "{" shape "}" | "^" DIGIT | "^" NAME)? -> reals
     | INTEGERS -> integers
shape: product (TIMES product)*
set: "\\{" element ("," element)* "\\}" ("^" "{" shape "}")?
?element: expression | DOTS -> dots

?expression: total | power BMOD power -> remainder
?total: signed | total SIGN term -> add
?signed: term | SIGN term -> negate
?term: product | product CDOT? sum -> multiply | sum
?product: power | product CDOT? power -> multiply
sum: SUM "_" "{" NAME EQUALS expression "}" "^" argument term
?power: atom | atom "^" argument -> power
?argument: "{" expression "}" | DIGIT -> number | NAME -> name
?atom: NUMBER -> number | DIGIT -> number | NAME -> name
     | "(" expression ")" -> group
     | "(" expression ("," expression)+ ","? ")" -> tuple
     | "(" expression "," ")" -> tuple
     | NAME "[" index ("," index)* "]" -> entry
     | FUNCTION "(" index ")" -> apply
     | "\\partial" "_" "{" expression ("," expression)* "}" FUNCTION "(" index ")" -> function_partial
     | EXTREMUM "(" expression ("," expression)+ ")" -> extremum
     | EXTREMUM "\\{" expression ("," expression)+ "\\}" -> extremum
     | ELEMENTARY "(" expression ")" -> elementary
     | FRACTION argument argument -> quotient
     | DERIVATIVE "{" "\\partial" atom "}" "{" "\\partial" atom "}" -> partial
     | "\\lfloor" expression "\\rfloor" -> floor
     | "\\lceil" expression "\\rceil" -> ceiling
     | ONE "_" "{" condition "}" -> indicator
     | DELTA "_" "{" expression "," expression "}" -> kronecker
     | "\\begin{cases}" row (NEWLINE row)* NEWLINE? "\\end{cases}" -> cases
     | SHAPE "(" NAME ")" -> shape_of
?index: expression | expression COLON expression -> slice
row: expression ","? IF condition | expression ","? OTHERWISE
condition: test ((AND | ",") test)*
test: expression (RELATION expression)+

RELATION: /=|<|>|\\(leq|le|geq|ge|in|mid)(?![a-zA-Z])/
EQUALS: "="
SIGN: "+" | "-"
CDOT: /\\cdot(?![a-zA-Z])/
TIMES: /\\times(?![a-zA-Z])/
BMOD: /\\bmod(?![a-zA-Z])/
DOTS: /\\[lc]?dots(?![a-zA-Z])/
COLON: /:|\\colon(?![a-zA-Z])/
ARROW: /\\(to|rightarrow)(?![a-zA-Z])/
NEWLINE: "\\\\"
SUM: /\\(sum|prod)(?![a-zA-Z])/
AND.3: /\\text\{\s*and\s*\}|\\land(?![A-Za-z])|\\wedge(?![A-Za-z])/
FOR.3: /\\text\{\s*(for|where|with)\s*\}/
IF.3: /\\text\{\s*if\s*\}/
OTHERWISE.3: /\\text\{\s*otherwise[.,]?\s*\}[.,]?/
SHAPE.3: /\\text\{shape\}|\\operatorname\{shape\}/
FUNCTION.3: /f(?=\s*(\\left\s*|\\big\s*|\\bigl\s*)?\()/
EXTREMUM.3: /\\(max|min)(?![A-Za-z_])/
ELEMENTARY.3: /\\(exp|log)(?![A-Za-z_])/
FRACTION.2: /\\[td]?frac(?![A-Za-z])(?!\s*\{\s*\\partial)/
DERIVATIVE.2: /\\[td]?frac(?=\s*\{\s*\\partial)/
ONE.3: /\\(mathbf|mathbb|mathds)\{1\}/
DELTA.3: /\\delta(?=_\{)/
REALS.2: /\\mathbb\{R\}/
INTEGERS.2: /\\mathbb\{Z\}(\^\+|\^\{\+\}|_\{\s*(\\geq?|>)\s*\d+\s*\})?/
NAME: /@NAME@/
NUMBER: /\d\d+/
DIGIT: /\d/
%ignore /(\s|\\[,;:! ]|~|&|\\q?quad(?![a-z])|\\displaystyle(?![a-z])|\\(left|right|[bB]igg?)[lrm]?(?![a-zA-Z]))+/
"""

_RESERVED = r"(?!\\text\{\s*(?:and|if|for|where|with|otherwise|shape)\b)"
_GREEK = (
    r"\\(?:alpha|beta|gamma|delta|epsilon|eta|theta|kappa|lambda|mu|nu|rho|sigma|tau|phi|psi|omega|ell"
    r"|Gamma|Delta|Lambda|Phi|Psi|Omega)(?![a-zA-Z])"
)
_PLAIN = rf"(?:{_RESERVED}\\(?:mathbf|mathrm|mathit|mathcal|text|boldsymbol)\{{[A-Za-z]+\}}|{_GREEK}|[A-Za-z])"
_LETTER = rf"(?:\\(?:tilde|hat|bar|widetilde|widehat)\{{{_PLAIN}\}}|{_PLAIN})"
_SUBSCRIPT = r"_(?:\{(?:\\(?:text|mathrm)\{[A-Za-z0-9]+\}|[A-Za-z0-9]+)\}|[A-Za-z0-9])"
NAME = rf"{_LETTER}'*(?:{_SUBSCRIPT})?'*"

_ACCENTS = {"tilde": "~", "widetilde": "~", "hat": "^", "widehat": "^", "bar": "-"}
_RELATIONS = {r"\le": "<=", r"\leq": "<=", r"\ge": ">=", r"\geq": ">=", r"\in": "in", r"\mid": "divides"}


def plain_name(latex: str) -> str:
    r"""The name that LaTeX spells: ``\mathbf{I}_{\text{pad}}`` -> ``I_pad``, ``\tilde{\mathbf{G}}`` -> ``G~``, ``K'_h``
    -> ``K_h'``.
    """
    accent = ""
    if m := re.match(r"\\(tilde|hat|bar|widetilde|widehat)\{", latex):
        depth, end = 1, m.end()
        while depth:
            depth += {"{": 1, "}": -1}.get(latex[end], 0)
            end += 1
        accent, latex = _ACCENTS[m.group(1)], latex[m.end() : end - 1] + latex[end:]
    text = re.sub(r"\\(?:mathbf|mathrm|mathit|mathcal|text|boldsymbol)\{([A-Za-z0-9]+)\}", r"\1", latex)
    primes = "'" * text.count("'")
    letter, _, subscript = re.sub(r"[{}'\\]", "", text).partition("_")
    return letter + accent + ("_" + subscript if subscript else "") + primes


_NEIGHBOURS = r"numbers side by side are printed as one: write one number, or \cdot between them"
_REMAINDER = r"put parentheses around each side of \bmod, and around the whole beside other terms"
# What the grammar does not read, and what to write instead: the first that stands where reading stopped is shown.
HINTS = (
    (r"\\(?:sum|prod)\s*(?:\\limits|\^|_\{[^{}=]*\}|_[^{])", r"write both ends, the lower one first: \sum_{h=0}^{H-1}"),
    (r"\\delta_\{[^{},]*\}", r"put a comma between the indices: \delta_{i, j}"),
    (r"\d*\.\d+", r"write a decimal number as a fraction: \frac{1}{2}"),
    (r"\*|\\times(?![a-zA-Z])", r"write a product as a b or a \cdot b"),
    (r"/", r"write a quotient as \frac{a}{b}"),
    (r"\\neq?(?![a-zA-Z])", r"write 1 - \mathbf{1}_{a = b} for the indicator of this"),
    (r"\\leqslant", r"write \leq"),
    (r"\\geqslant", r"write \geq"),
    (r"\\p?mod(?![a-zA-Z])", r"write a \bmod b"),
    (r"\\bmod(?![a-zA-Z])", _REMAINDER),
    (r"\\(?:tag|label)(?![a-zA-Z])", "write the label after the closing dollars: $$ (label)"),
    (r"\\(?:bm|pmb)(?![a-zA-Z])", r"write \mathbf{..}"),
    (
        r"\\forall|\\text\{\s*for (?:all|each|every)\s*\}",
        r"write \text{for} in place of a comma, then the range of the index",
    ),
    (r"_", r"a subscript is one word; an entry is written \mathbf{X}[h + j]"),
)


class GrammarError(Exception):
    """A formula outside the grammar: the character at which reading stopped, and what stood there."""

    def __init__(self, message: str, offset: int, token: str):
        self.message, self.offset, self.token = message, offset, token
        super().__init__(message)


def _not_understood(offset: int, token: str, hint: str) -> GrammarError:
    return GrammarError("not understood here" + (f": {hint}" if hint else ""), offset, token)


def _explained(text: str, offset: int, token: str) -> GrammarError:
    """The error at an offset, with the hint that fits."""
    for pattern, hint in HINTS:
        for found in re.finditer(pattern, text):
            if found.start() <= offset < found.end():
                return _not_understood(found.start(), found.group(), hint)
    return _not_understood(offset, token, "")


def _span(meta):
    return {"start": meta.start_pos, "end": meta.end_pos} if not meta.empty else {}


def _reject(message, meta, token=""):
    raise GrammarError(message, 0 if meta.empty else meta.start_pos, token)


@v_args(meta=True)
class _Builder(Transformer):
    """From lark's reductions to the syntax tree."""

    def start(self, meta, c):
        return tuple(x for x in c if isinstance(x, ast.Node))

    def chain(self, meta, c):
        if len(c) == 1:
            return c[0]
        return ast.Relation(tuple(c[::2]), tuple(_RELATIONS.get(x, str(x)) for x in c[1::2]), **_span(meta))

    test = chain

    def condition(self, meta, c):
        return ast.Condition(tuple(x for x in c if isinstance(x, ast.Node)), **_span(meta))

    def mapping(self, meta, c):
        return ast.Mapping(plain_name(c[0]), c[2], c[4], **_span(meta))

    def reals(self, meta, c):
        if len(c) == 1:
            return ast.Reals(**_span(meta))
        dims = c[1]
        if not isinstance(dims, tuple):
            dims = (ast.Number(int(dims)) if dims.isdigit() else ast.Name(plain_name(dims)),)
        return ast.Reals(dims, **_span(meta))

    def integers(self, meta, c):
        bound = re.search(r"(\\geq?|>)\s*(\d+)", c[0])
        if bound:
            return ast.Integers(int(bound.group(2)) + (bound.group(1) == ">"), **_span(meta))
        return ast.Integers(1 if "+" in c[0] else None, **_span(meta))

    def shape(self, meta, c):
        return tuple(c[::2])

    def set(self, meta, c):
        dims = c[-1] if isinstance(c[-1], tuple) else None
        return ast.SetOf(tuple(c[:-1] if dims is not None else c), dims, **_span(meta))

    def dots(self, meta, c):
        return ast.Dots(**_span(meta))

    def add(self, meta, c):
        left = c[0].terms if isinstance(c[0], ast.Add) else ((1, c[0]),)
        return ast.Add((*left, (1 if c[1] == "+" else -1, c[2])), **_span(meta))

    def negate(self, meta, c):
        return ast.Add(((1 if c[0] == "+" else -1, c[1]),), **_span(meta))

    def group(self, meta, c):
        # A parenthesis keeps its own node, so that a - (b - c) stays what it is.
        return ast.Product((c[0],), **_span(meta)) if isinstance(c[0], ast.Add) else c[0]

    def multiply(self, meta, c):
        a, b = c[0], c[-1]
        left = a.factors if isinstance(a, ast.Product) else (a,)
        return ast.Product((*left, b), **_span(meta))

    def remainder(self, meta, c):
        return ast.Remainder(c[0], c[2], **_span(meta))

    def sum(self, meta, c):
        index = ast.Name(plain_name(c[1]), start=c[1].start_pos, end=c[1].end_pos)
        return ast.Sum(index, c[3], c[4], c[5], c[0][1:], **_span(meta))

    def power(self, meta, c):
        return ast.Power(c[0], c[1], **_span(meta))

    def number(self, meta, c):
        return ast.Number(int(c[0]), **_span(meta))

    def name(self, meta, c):
        return ast.Name(plain_name(c[0]), **_span(meta))

    def tuple(self, meta, c):
        return ast.Tuple(tuple(c), **_span(meta))

    def entry(self, meta, c):
        return ast.Entry(plain_name(c[0]), tuple(c[1:]), **_span(meta))

    def apply(self, meta, c):
        return ast.Apply(str(c[0]), c[1], **_span(meta))

    def function_partial(self, meta, c):
        return ast.FunctionPartial(tuple(c[:-2]), str(c[-2]), c[-1], **_span(meta))

    def extremum(self, meta, c):
        return ast.Extremum(c[0][1:], tuple(c[1:]), **_span(meta))

    def elementary(self, meta, c):
        return ast.Elementary(c[0][1:], c[1], **_span(meta))

    def quotient(self, meta, c):
        return ast.Quotient(c[1], c[2], **_span(meta))

    def partial(self, meta, c):
        return ast.Partial(c[1], c[2], **_span(meta))

    def floor(self, meta, c):
        return ast.Floor(c[0], **_span(meta))

    def ceiling(self, meta, c):
        return ast.Ceiling(c[0], **_span(meta))

    def indicator(self, meta, c):
        return ast.Indicator(c[1], **_span(meta))

    def kronecker(self, meta, c):
        return ast.Kronecker(c[1], c[2], **_span(meta))

    def row(self, meta, c):
        return (c[0], c[2] if len(c) > 2 else None)

    def cases(self, meta, c):
        rows = tuple(x for x in c if isinstance(x, tuple))
        if any(condition is None for _, condition in rows[:-1]) or rows[-1][1] is not None:
            _reject("cases end with '.. & otherwise', which stands only there", meta, r"\begin{cases}")
        return ast.Cases(rows, **_span(meta))

    def shape_of(self, meta, c):
        return ast.Shape(ast.Name(plain_name(c[1])), **_span(meta))

    def slice(self, meta, c):
        return ast.Slice(c[0], c[2], **_span(meta))


class _NumbersApart:
    r"""Stands between lexer and parser and refuses a number after a number; only the two of \frac12 print apart."""

    always_accept = ()

    def process(self, stream):
        before = last = None
        for token in stream:
            if {last, token.type} <= {"NUMBER", "DIGIT"} and before != "FRACTION":
                raise _not_understood(token.start_pos, str(token), _NEIGHBOURS)
            before, last = last, token.type
            yield token


@cache
def _parser() -> Lark:
    # (A plain replacement: the grammar's own text is full of braces.)
    return Lark(
        GRAMMAR.replace("@NAME@", NAME.replace("/", r"\/")),
        parser="lalr",
        propagate_positions=True,
        maybe_placeholders=False,
        postlex=_NumbersApart(),
    )


@lru_cache(maxsize=4096)
def parse(text: str) -> tuple[ast.Node, ...]:
    """The statements of one row of a display."""
    try:
        return _Builder().transform(_parser().parse(text))
    except UnexpectedToken as problem:
        if problem.token.type == "$END":
            raise GrammarError("the formula ends too early", len(text.rstrip()), "") from None
        offset, token = problem.token.start_pos, str(problem.token)
        before = problem.interactive_parser.parser_state.value_stack[-2:]
        if any(getattr(x, "type", None) == "BMOD" for x in before):
            raise _not_understood(offset, token, _REMAINDER) from None
        raise _explained(text, offset, token) from None
    except UnexpectedCharacters as problem:
        token = re.compile(r"\\[a-zA-Z]+(?:\{[a-zA-Z]*\})?|.", re.S).match(text, problem.pos_in_stream).group()
        raise _explained(text, problem.pos_in_stream, token) from None
    except VisitError as problem:
        raise problem.orig_exc from None


def tokens(text: str):
    """The tokens of a formula that the grammar accepts (for the mutants): (type, start, end)."""
    parser = _parser()
    interactive = parser.parse_interactive(text)
    for token in interactive.iter_parse():
        yield token.type, token.start_pos, token.end_pos
