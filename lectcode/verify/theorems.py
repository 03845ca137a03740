"""Theorems on output sizes, proved by z3 over the integers, each with a wrong version that z3 refutes by a model.

With H_pad >= K >= 1 and S >= 1, and with floors written as integers t with S t <= m < S t + S:

windows      for h >= 0:  h S + K <= H_pad  exactly if  h < H_out = floor((H_pad - K) / S) + 1
reads        for 0 <= h < H_out and 0 <= k < K:  0 <= h S + k < H_pad
last read    (H_out - 1) S + K = H_pad - r with r = (H_pad - K) mod S: the last r rows are never read
gather       0 <= u - h S < K  exactly if  ceil((u - K + 1) / S) <= h <= floor(u / S)
same         S = 1, K odd, P = (K - 1) / 2 on both sides: H_out = H
same, any S  a total padding of max((ceil(H / S) - 1) S + K - H, 0): H_out = ceil(H / S)
ceil         min(ceil((H_pad - K) / S) + 1, ceil((H + P) / S)) counts the h >= 0 with h = 0 or (h - 1) S + K < H_pad,
             and h S < H + P
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lectcode.verify.bounds import available
from lectcode.verify.errors import Refuted


@dataclass(frozen=True)
class Theorem:
    """A claim about integers under assumptions, and a wrong version of it; both are built when z3 is there."""

    name: str
    claim: Callable[[], tuple]  # assumptions, claim, wrong claim


def _numbers(names: str):
    import z3

    return z3.Ints(names)


def _floor(t, p, q):
    """T = floor(p / q) for q >= 1."""
    import z3

    return z3.And(q * t <= p, p < q * t + q)


def _windows():
    import z3

    H_pad, K, S, t, h = _numbers("H_pad K S t h")
    given = z3.And(S >= 1, K >= 1, H_pad >= K, _floor(t, H_pad - K, S), h >= 0)
    fits = h * S + K <= H_pad
    return given, fits == (h < t + 1), fits == (h < t)


def _reads():
    import z3

    H_pad, K, S, t, h, k = _numbers("H_pad K S t h k")
    given = z3.And(S >= 1, K >= 1, H_pad >= K, _floor(t, H_pad - K, S), h >= 0, k >= 0, k < K)
    inside = z3.And(h * S + k >= 0, h * S + k < H_pad)
    return given, z3.Implies(h < t + 1, inside), z3.Implies(h <= t + 1, inside)


def _last_read():
    import z3

    H_pad, K, S, t, r = _numbers("H_pad K S t r")
    given = z3.And(S >= 1, K >= 1, H_pad >= K, _floor(t, H_pad - K, S), r == H_pad - K - S * t)
    return given, z3.And(r >= 0, r < S, t * S + K == H_pad - r), r == 0


def _gather():
    import z3

    K, S, u, h, low, high = _numbers("K S u h low high")
    given = z3.And(S >= 1, K >= 1, u >= 0, _floor(-low, K - 1 - u, S), _floor(high, u, S))
    covers = z3.And(u - h * S >= 0, u - h * S < K)
    return given, covers == z3.And(low <= h, h <= high), covers == z3.And(low < h, h <= high)


def _same():
    import z3

    H, K, P = _numbers("H K P")
    given = z3.And(H >= 1, K >= 1, 2 * P + 1 == K)
    return given, H + 2 * P - K + 1 == H, H + P - K + 1 == H


def _same_any_stride():
    import z3

    H, K, S, c, total, t = _numbers("H K S c total t")
    need = (c - 1) * S + K - H
    given = z3.And(H >= 1, K >= 1, S >= 1, _floor(-c, -H, S), total == z3.If(need > 0, need, 0))
    given = z3.And(given, _floor(t, H + total - K, S))
    return given, t + 1 == c, t + 1 == H


def _rounding_up():
    import z3

    H, P, H_pad, K, S, h, up, begins = _numbers("H P H_pad K S h up begins")
    given = z3.And(S >= 1, K >= 1, H >= 1, P >= 0, H_pad >= H + P, H_pad >= K, h >= 0)
    given = z3.And(given, _floor(-up, K - H_pad, S), _floor(-begins, -(H + P), S))
    used = z3.And(z3.Or(h == 0, (h - 1) * S + K < H_pad), h * S < H + P)
    return given, used == z3.And(h < up + 1, h < begins), used == (h < up + 1)


THEOREMS = (
    Theorem("output size: it counts the windows that fit", _windows),
    Theorem("every row that a window reads exists", _reads),
    Theorem("the last r rows are never read", _last_read),
    Theorem("gather: the range of h that covers row u", _gather),
    Theorem("same padding for odd K and S = 1", _same),
    Theorem("same padding for every S", _same_any_stride),
    Theorem("rounding up: the windows that begin before the padding at the end", _rounding_up),
)


def prove_theorem(theorem: Theorem, milliseconds: int = 30_000) -> str:
    """Prove the claim; return the model that refutes the wrong version, as text."""
    if not available():
        raise Refuted(f"{theorem.name}: not checked here (z3-solver is not installed)")
    import z3

    given, claim, wrong = theorem.claim()
    for statement, expected in ((True, z3.sat), (z3.Not(claim), z3.unsat), (z3.Not(wrong), z3.sat)):
        solver = z3.Solver()
        solver.set("timeout", milliseconds)
        solver.add(given, statement)
        answer = solver.check()
        if answer != expected:
            raise Refuted(f"{theorem.name}: z3 answers {answer}, not {expected}")
    model = solver.model()
    return ", ".join(sorted(f"{v.name()} = {model[v]}" for v in model.decls()))
