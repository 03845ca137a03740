"""What the grammar reads, and that it says where it stops."""

import pytest

from lectcode.verify import syntax as ast
from lectcode.verify.grammar import GrammarError, parse, plain_name
from lectcode.verify.latex import latex_name

N, H, P, S, h = (ast.Name(x) for x in "NHPSh")
H_OUT = ast.Name("H_out")


def relation(left, sign, right):
    return (ast.Relation((left, right), (sign,)),)


READ = [
    (r"h \cdot S", (ast.Product((h, S)),)),
    (r"hS", (ast.Product((h, S)),)),
    (r"H + 2P - 1", (ast.Add(((1, H), (1, ast.Product((ast.Number(2), P))), (-1, ast.Number(1)))),)),
    (r"\frac{H}{S}", (ast.Quotient(H, S),)),
    (r"\left\lfloor \frac{H}{S} \right\rfloor", (ast.Floor(ast.Quotient(H, S)),)),
    (r"\lceil H \rceil", (ast.Ceiling(H),)),
    (r"\max\left(h, S\right)", (ast.Extremum("max", (h, S)),)),
    (r"\min\{h, S\}", (ast.Extremum("min", (h, S)),)),
    (r"H \bmod S", (ast.Remainder(H, S),)),
    (r"8 \bmod 3", (ast.Remainder(ast.Number(8), ast.Number(3)),)),
    (r"(H - P) \bmod S", (ast.Remainder(ast.Product((ast.Add(((1, H), (-1, P))),)), S),)),
    (r"H \bmod (2S)", (ast.Remainder(H, ast.Product((ast.Number(2), S))),)),
    (r"P + (H \bmod S)", (ast.Add(((1, P), (1, ast.Remainder(H, S)))),)),
    (r"2 (H \bmod S)", (ast.Product((ast.Number(2), ast.Remainder(H, S))),)),
    (r"\mathbf{I}[h \bmod S, N]", (ast.Entry("I", (ast.Remainder(h, S), N)),)),
    (r"\mathbf{1}_{h \bmod S = 0}", (ast.Indicator(ast.Condition(relation(ast.Remainder(h, S), "=", ast.Number(0)))),)),
    (r"\frac12", (ast.Quotient(ast.Number(1), ast.Number(2)),)),
    (r"2 \cdot 5", (ast.Product((ast.Number(2), ast.Number(5))),)),
    (r"2 (5)", (ast.Product((ast.Number(2), ast.Number(5))),)),
    (r"K^2", (ast.Power(ast.Name("K"), ast.Number(2)),)),
    (r"\mathbf{I}[h, h + 1]", (ast.Entry("I", (h, ast.Add(((1, h), (1, ast.Number(1)))))),)),
    (r"\mathbf{I}_{pad}[h]", (ast.Entry("I_pad", (h,)),)),
    (r"f(\mathbf{I}[h:S])", (ast.Apply("f", ast.Entry("I", (ast.Slice(h, S),))),)),
    (r"\partial_{h} f(\mathbf{I}[h:S])", (ast.FunctionPartial((h,), "f", ast.Entry("I", (ast.Slice(h, S),))),)),
    (r"\sum_{h=0}^{H} h \cdot S + P", (ast.Add(((1, ast.Sum(h, ast.Number(0), H, ast.Product((h, S)))), (1, P))),)),
    (r"\prod_{h=0}^{H} h", (ast.Sum(h, ast.Number(0), H, h, "prod"),)),
    (
        r"\mathbf{1}_{0 \leq h < S}",
        (ast.Indicator(ast.Condition((ast.Relation((ast.Number(0), h, S), ("<=", "<")),))),),
    ),
    (
        r"\mathbb{1}_{h = S \text{ and } S \mid h}",
        (ast.Indicator(ast.Condition((*relation(h, "=", S), *relation(S, "divides", h)))),),
    ),
    (r"\delta_{h, S}", (ast.Kronecker(h, S),)),
    (
        r"\begin{cases} h & \text{if } h < S \\ 0 & \text{otherwise.} \end{cases}",
        (ast.Cases(((h, ast.Condition(relation(h, "<", S))), (ast.Number(0), None))),),
    ),
    (r"\frac{\partial L}{\partial \mathbf{I}[h]}", (ast.Partial(ast.Name("L"), ast.Entry("I", (h,))),)),
    (r"\mathbf{I} \in \mathbb{R}^{N \times (H + P)}", relation(
        ast.Name("I"), "in", ast.Reals((N, ast.Product((ast.Add(((1, H), (1, P))),)))))),
    (r"\mathbf{I} \in \mathbb{R}^2", relation(ast.Name("I"), "in", ast.Reals((ast.Number(2),)))),
    (r"\mathbf{I} \in \mathbb{R}^H", relation(ast.Name("I"), "in", ast.Reals((H,)))),
    (r"P \in \mathbb{Z}_{\geq 0}", relation(P, "in", ast.Integers(0))),
    (r"P \in \mathbb{Z}_{> 0}", relation(P, "in", ast.Integers(1))),
    (r"P \in \mathbb{Z}^+", relation(P, "in", ast.Integers(1))),
    (r"S \in \mathbb{Z} \ \ \text{and}  \ \ S \geq 1", (
        *relation(S, "in", ast.Integers()), *relation(S, ">=", ast.Number(1)))),
    (r"h \in \{0, \ldots, H - 1\}", relation(
        h, "in", ast.SetOf((ast.Number(0), ast.Dots(), ast.Add(((1, H), (-1, ast.Number(1)))))))),
    (r"f: \mathbb{R}^{H \times S} \rightarrow \mathbb{R}", (ast.Mapping("f", ast.Reals((H, S)), ast.Reals()),)),
    (r"\text{shape}(\mathbf{I}) = (N, H)", relation(ast.Shape(ast.Name("I")), "=", ast.Tuple((N, H)))),
]  # fmt: skip


@pytest.mark.parametrize(("latex", "tree"), READ, ids=[latex for latex, _ in READ])
def test_reads(latex, tree):
    assert parse(latex) == tree


REFUSED = [  # formula, the token at which reading stops, its offset
    (r"\sin(h)", r"\sin", 0),
    (r"\mathbf{I}[h", "", 12),
    (r"\frac{h}", "", 8),
    (r"h + ", "", 3),
    (r"\begin{cases} h & \text{if } h < S \end{cases}", r"\begin{cases}", 0),
    (r"\int h", r"\int", 0),
    (r"{h}", "{", 0),
    (r"\frac123", "23", 6),
    (r"\mathbf{1}_{h \star S}", r"\star", 14),
]


@pytest.mark.parametrize(("latex", "token", "offset"), REFUSED, ids=[r[0] for r in REFUSED])
def test_refuses_and_points_at_the_token(latex, token, offset):
    with pytest.raises(GrammarError) as problem:
        parse(latex)
    assert (problem.value.token, problem.value.offset) == (token, offset)


ONE_NUMBER = "numbers side by side are printed as one"
REMAINDER = r"put parentheses around each side of \bmod"
ENDS = r"write both ends, the lower one first: \sum_{h=0}^{H-1}"
EXPLAINED = [  # formula, the token at which the error points, what it says
    (r"1 1 \mathbf{I}[h]", "1", ONE_NUMBER),
    (r"\frac{2 5}{10 K^2}", "5", ONE_NUMBER),
    (r"2\,5", "5", ONE_NUMBER),
    (r"2 & 5", "5", ONE_NUMBER),
    ("2\n5", "5", ONE_NUMBER),
    (r"2 \quad 15", "15", ONE_NUMBER),
    (r"\mathbf{I}[1 0]", "0", ONE_NUMBER),
    (r"2^10", "0", ONE_NUMBER),
    (r"\frac12 3", "3", ONE_NUMBER),
    (r"H \bmod 2 S", "S", REMAINDER),
    (r"H \bmod S h", "h", REMAINDER),
    (r"H \bmod S + 1", "+", REMAINDER),
    (r"H \bmod S \cdot h", r"\cdot", REMAINDER),
    (r"H \bmod S \bmod h", r"\bmod", REMAINDER),
    (r"H \bmod -S", "-", REMAINDER),
    (r"2 H \bmod S", r"\bmod", REMAINDER),
    (r"H + 2P - K_h \bmod S", r"\bmod", REMAINDER),
    (r"-H \bmod S", r"\bmod", REMAINDER),
    (r"\sum_{h=0}^{H} h \bmod S", r"\bmod", REMAINDER),
    (r"H \pmod S", r"\pmod", r"write a \bmod b"),
    (r"H \mod S", r"\mod", r"write a \bmod b"),
    (r"\sum^{H}_{h=0} h", r"\sum^", ENDS),
    (r"\sum\limits_{h=0}^{H} h", r"\sum\limits", ENDS),
    (r"\sum_{h} h", r"\sum_{h}", ENDS),
    (r"\prod_h h", r"\prod_h", ENDS),
    (r"N \times H", r"\times", r"write a product as a b or a \cdot b"),
    (r"h * S", "*", r"write a product as a b or a \cdot b"),
    (r"h / S", "/", r"write a quotient as \frac{a}{b}"),
    (r"0.5 h", "0.5", r"write a decimal number as a fraction: \frac{1}{2}"),
    (r"h \neq S", r"\neq", r"write 1 - \mathbf{1}_{a = b} for the indicator of this"),
    (r"h \leqslant S", r"\leqslant", r"write \leq"),
    (r"h \geqslant S", r"\geqslant", r"write \geq"),
    (r"\delta_{hS}", r"\delta_{hS}", r"put a comma between the indices: \delta_{i, j}"),
    (r"h = S \tag{1}", r"\tag", "write the label after the closing dollars: $$ (label)"),
    (r"\bm{I}[h]", r"\bm", r"write \mathbf{..}"),
    (
        r"h = S \text{ for all } N",
        r"\text{ for all }",
        r"write \text{for} in place of a comma, then the range of the index",
    ),
    (r"\mathbf{I}_{h+S}", "_", r"a subscript is one word; an entry is written \mathbf{X}[h + j]"),
]


@pytest.mark.parametrize(("latex", "token", "hint"), EXPLAINED, ids=[e[0] for e in EXPLAINED])
def test_says_what_to_write_instead(latex, token, hint):
    with pytest.raises(GrammarError) as problem:
        parse(latex)
    assert problem.value.message.startswith(f"not understood here: {hint}")
    assert problem.value.token == token
    assert latex[problem.value.offset :].startswith(token)


@pytest.mark.parametrize(
    "latex",
    [r"1 - \mathbf{1}_{h = S}", r"h \leq S", r"\delta_{i, j}", r"\frac{1}{2} h", r"\mathbf{X}[h + j]",
     r"\sum_{h=0}^{H-1} h", r"h = S \quad \text{for} \quad 0 \leq h < S", r"2^{10}"],
)  # fmt: skip
def test_reads_what_it_advises(latex):
    assert parse(latex)


NAMES = [
    (r"\mathbf{I}_{pad}", "I_pad"),
    (r"C_{\text{out}}", "C_out"),
    (r"K_h'", "K_h'"),
    (r"K'_h", "K_h'"),
    (r"\tilde{\mathbf{G}}", "G~"),
    (r"\widehat{G}_{pad}", "G^_pad"),
    (r"\Gamma", "Gamma"),
    (r"\ell", "ell"),
]


@pytest.mark.parametrize(("latex", "name"), NAMES)
def test_names_lose_their_fonts(latex, name):
    assert plain_name(latex) == name
    for bold in (False, True):
        assert plain_name(latex_name(name, bold)) == name


def test_a_sum_ends_at_plus():
    (tree,) = parse(r"\sum_{h=0}^{H} \mathbf{F}[h] + \mathbf{B}[h]")
    assert isinstance(tree, ast.Add)
    assert isinstance(tree.terms[0][1], ast.Sum)


def test_subtracted_parentheses_stay_together():
    (tree,) = parse(r"H - (h - S)")
    assert tree != parse(r"H - h - S")[0]
