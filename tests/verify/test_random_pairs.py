"""The prover against brute force: thousands of random pairs of expressions, and no false proof.

The tensors are total functions on the integers, so every expression has a value; it is computed here by loops that
share nothing with the prover or the loop nests of the package.
"""

import random
import zlib
from itertools import product

from sympy import Add, Indexed, Integer, KroneckerDelta, Mul, Pow, Sum, Symbol, diff, expand, preorder_traversal

from lectcode.verify.difference import difference, shifted
from lectcode.verify.errors import Unsupported
from lectcode.verify.expressions import AtLeastZero, Divides, FloorQuotient, IsZero, Largest, Smallest, fresh, tensor
from lectcode.verify.facts import Facts
from lectcode.verify.normalform import Term, reduced, terms

PAIRS = 3000
N, M, S = (Symbol(s, integer=True, positive=True) for s in "NMS")
A, B = tensor("A"), tensor("B")
x, y = fresh("x"), fresh("y")
KNOWN = Facts([x, N - 1 - x, y, M - 1 - y, N - 1, M - 1, S - 1])


def entry(name, indices):
    return zlib.crc32(repr((name, *indices)).encode()) % 19 - 9


def value(e, at):
    """Brute force."""
    if isinstance(e, Sum):
        *inner, (i, low, high) = e.limits
        body = Sum(e.function, *inner) if inner else e.function
        return sum(value(body, {**at, i: k}) for k in range(value(low, at), value(high, at) + 1))
    if isinstance(e, Add):
        return sum(value(a, at) for a in e.args)
    if isinstance(e, Mul):
        out = 1
        for a in e.args:
            out *= value(a, at)
            if out == 0:
                return 0
        return out
    if isinstance(e, Pow):
        return value(e.base, at) ** int(e.exp)
    if isinstance(e, AtLeastZero):
        return int(value(e.args[0], at) >= 0)
    if isinstance(e, IsZero):
        return int(value(e.args[0], at) == 0)
    if isinstance(e, KroneckerDelta):
        return int(value(e.args[0], at) == value(e.args[1], at))
    if isinstance(e, Divides):
        return int(value(e.args[1], at) % value(e.args[0], at) == 0)
    if isinstance(e, FloorQuotient):
        return value(e.args[0], at) // value(e.args[1], at)
    if isinstance(e, (Largest, Smallest)):
        return (max if isinstance(e, Largest) else min)(value(a, at) for a in e.args)
    if isinstance(e, Indexed):
        return entry(e.base.label.name, [value(i, at) for i in e.indices])
    return int(e) if e.is_Integer else at[e]


def value_of_terms(ts, at, span=range(-10, 17)):
    """The value of a normal form, by running every bound index over a span; None when there are too many."""
    total = 0
    for t in ts:
        if len(t.bound) > 3:
            return None
        for choice in product(span, repeat=len(t.bound)):
            where = {**at, **dict(zip(t.bound, choice, strict=True))}
            if all(value(g, where) >= 0 for g in t.at_least) and all(value(e, where) == 0 for e in t.zero):
                term = value(t.coefficient, where)
                for f in t.factors:
                    term *= value(f, where)
                total += term
    return total


def linear(rng, names):
    e = Integer(rng.choice([0, 0, 1, -1]))
    for s in rng.sample(names, min(len(names), rng.choice([1, 1, 2]))):
        e += s * rng.choice([1, 1, -1]) * (S if rng.random() < 0.2 else 1)
    return e


def condition(rng, names):
    kind = rng.random()
    if kind < 0.45:
        return AtLeastZero(linear(rng, names))
    if kind < 0.9:
        return IsZero(linear(rng, names) - linear(rng, names))
    return Divides(S, linear(rng, names))


def expression(rng, names, depth):
    kind = rng.random()
    if depth == 0 or kind < 0.15:
        return rng.choice(
            [A[linear(rng, names), linear(rng, names)], B[linear(rng, names)], A[rng.choice(names), rng.choice(names)]]
        )
    if kind < 0.5:
        i = fresh(rng.choice("ij"))
        low, high = rng.choice([0, 0, 1]), rng.choice([N, M, N]) - rng.choice([1, 1, 2])
        if rng.random() < 0.1:
            low = Largest(Integer(0), -FloorQuotient(expand(-linear(rng, names)), S))
        if rng.random() < 0.1:
            high = Smallest(high, FloorQuotient(linear(rng, names), S))
        return Sum(expression(rng, [*names, i], depth - 1), (i, low, high))
    if kind < 0.8:
        other = rng.choice(
            [condition(rng, names), condition(rng, names), B[linear(rng, names)], rng.choice(names), Integer(-2)]
        )
        return Mul(expression(rng, names, depth - 1), other)
    return expression(rng, names, depth - 1) + rng.choice([1, -1]) * expression(rng, names, depth - 1)


def rewritten(rng, e):
    """One small change, which may or may not change the value."""
    kind = rng.random()
    if kind < 0.3:
        return expand(e)
    if kind < 0.45 and isinstance(e, Sum) and len(e.limits) == 1:
        (i, low, high), j = e.limits[0], fresh("k")
        step = rng.choice([0, 1, 1])
        return Sum(e.function.xreplace({i: j - 1}), (j, low + 1, high + step)) if not low.has(Largest) else e
    places = [a for a in preorder_traversal(e) if a in (x, y, N, M) or (a.is_Integer and a != -1)]
    if not places:
        return e
    a = rng.choice(places)
    b = rng.choice([a, a + 1, {x: y, y: x, N: M, M: N}.get(a, a)])
    return e.xreplace({a: b})


def test_no_false_proof():
    rng = random.Random(20261122)
    compared = proved = rewritings = 0
    for _ in range(PAIRS):
        e = expression(rng, [x, y], 3)
        other = rng.choice([rewritten(rng, e), rewritten(rng, e), expression(rng, [x, y], 2)])
        try:
            left = difference(e, other, KNOWN)
        except Unsupported:
            continue
        compared += 1
        if left:
            continue
        proved += 1
        rewritings += e != other
        for _ in range(4):
            at = {N: rng.randint(1, 4), M: rng.randint(1, 4), S: rng.randint(1, 3)}
            at |= {x: rng.randrange(at[N]), y: rng.randrange(at[M])}
            assert value(e, at) == value(other, at), f"false proof: {e} = {other} at {at}"
    # The test would be empty if nothing were proved, or nothing but copies.
    assert compared > 0.9 * PAIRS
    assert proved > PAIRS // 10
    assert rewritings > PAIRS // 25
    print(f"{compared} pairs, {proved} proved, {rewritings} of different expressions")


def test_the_rules_keep_the_value():
    rng = random.Random(7)
    checked = 0
    for _ in range(250):
        e = expression(rng, [x, y], 2)
        at = {N: rng.randint(1, 3), M: rng.randint(1, 3), S: rng.randint(1, 2)}
        at |= {x: rng.randrange(at[N]), y: rng.randrange(at[M])}
        try:
            small = [s for t in terms(e) if (s := reduced(t, KNOWN)) is not None]
        except Unsupported:
            continue
        for normal_form in (small, [shifted(t) for t in small]):
            found = value_of_terms(normal_form, at)
            if found is not None:
                assert found == value(e, at), (e, at)
                checked += 1
    assert checked > 200


def test_sympy_differentiates_like_the_product_rule():
    rng = random.Random(11)
    checked = 0
    for _ in range(200):
        e = expression(rng, [x, y], 2)
        p, q = fresh("p"), fresh("q")
        at = {
            N: rng.randint(1, 3),
            M: rng.randint(1, 3),
            S: rng.randint(1, 2),
            p: rng.randint(-1, 2),
            q: rng.randint(-1, 2),
        }
        at |= {x: rng.randrange(at[N]), y: rng.randrange(at[M])}
        by_rule = []
        for t in terms(e):
            for k, f in enumerate(t.factors):
                if isinstance(f, Indexed) and f.base == A:
                    zero = tuple(expand(i - j) for i, j in zip(f.indices, (p, q), strict=True))
                    rest = t.factors[:k] + t.factors[k + 1 :]
                    by_rule.append(Term(t.coefficient, t.bound, rest, t.at_least, t.zero + zero))
        found = value_of_terms([s for t in by_rule if (s := reduced(t, Facts())) is not None], at)
        if found is not None:
            assert value(diff(e, A[p, q]), at) == found, e
            checked += 1
    assert checked > 100


def test_the_brute_force_sees_a_false_proof():
    e, wrong = Sum(B[x], (x, 0, N - 1)), Sum(B[x], (x, 0, N))
    assert difference(e, wrong, KNOWN)
    assert value(e, {N: 2}) != value(wrong, {N: 2})
