"""Identities of the convolution layer and Winograd's transforms, each with wrong versions that are rejected."""

from fractions import Fraction

import numpy as np
import pytest

from lectcode.verify import Refuted, identities
from lectcode.verify.identities import IDENTITIES, WINOGRAD, Identity, prove_identity, prove_winograd
from lectcode.verify.winograd import cook_toom, inverse, violations


@pytest.mark.parametrize("identity", IDENTITIES, ids=[i.name for i in IDENTITIES])
def test_identity_holds_and_wrong_versions_do_not(identity):
    assert prove_identity(identity).rejected == len(identity.wrong) >= 3


def test_a_wrong_version_that_is_right_is_noticed():
    first = IDENTITIES[0]
    harmless = Identity(
        first.name, first.definitions, first.statement, (("nothing", "u + K_h - 1 - k_h", "K_h + u - 1 - k_h"),)
    )
    with pytest.raises(Refuted, match="was proved"):
        prove_identity(harmless)


def test_a_wrong_version_must_differ_from_the_statement():
    first = IDENTITIES[0]
    missing = Identity(first.name, first.definitions, first.statement, (("nothing", "q + 1", "q"),))
    with pytest.raises(ValueError, match=r"'q \+ 1' stands 0 times in the statement"):
        prove_identity(missing)


def test_a_wrong_version_must_be_shown_wrong_by_numbers(monkeypatch):
    first = IDENTITIES[0]

    def prove(definitions, statement):
        if statement != first.statement:
            raise Refuted("not proved, no small case shows a difference")

    monkeypatch.setattr(identities, "prove", prove)
    with pytest.raises(Refuted, match=r"no numbers show that the wrong version \(correlation .*\) is wrong"):
        prove_identity(first)


def test_a_wrong_transform_is_refused(monkeypatch):
    A, G, B = cook_toom(2, 3)
    G[0, 0] += 1
    monkeypatch.setattr(identities, "cook_toom", lambda m, r: (A, G, B))
    with pytest.raises(Refuted, match=r"F\(2, 3\) .*: the coefficient of g_0 d_\d in y_\d is wrong"):
        prove_winograd(2, 3)


def test_a_changed_entry_that_is_not_noticed_is_an_error(monkeypatch):
    monkeypatch.setattr(identities, "violations", lambda A, G, B: [])
    with pytest.raises(Refuted, match="a changed entry was not noticed"):
        prove_winograd(2, 3)


@pytest.mark.parametrize(("m", "r"), WINOGRAD)
def test_winograd(m, r):
    assert prove_winograd(m, r).rejected == 6


@pytest.mark.parametrize(("m", "r"), [(2, 3), (4, 3), (6, 3)])
def test_winograd_in_two_dimensions(m, r):
    A, G, B = cook_toom(m, r)
    rng = np.random.default_rng(3)
    n = m + r - 1
    d = np.array([[Fraction(int(x)) for x in row] for row in rng.integers(-9, 10, (n, n))])
    g = np.array([[Fraction(int(x)) for x in row] for row in rng.integers(-9, 10, (r, r))])
    Y = A @ ((G @ g @ G.T) * (B @ d @ B.T)) @ A.T
    wanted = [[(g * d[i : i + r, j : j + r]).sum() for j in range(m)] for i in range(m)]
    assert (np.array(wanted) == Y).all()


def test_every_changed_entry_of_f23_is_noticed():
    A, G, B = cook_toom(2, 3)
    for M in (A, G, B):
        for at in np.ndindex(M.shape):
            before, M[at] = M[at], M[at] + 1
            assert violations(A, G, B)
            M[at] = before
    assert violations(A, G, B) == []


def test_refusals():
    with pytest.raises(ValueError, match="needs 3 distinct points, got 0, 1, 1"):
        cook_toom(2, 3, [0, 1, 1])
    with pytest.raises(ValueError, match="at least 1"):
        cook_toom(0, 3)
    with pytest.raises(ValueError, match="no inverse"):
        inverse(np.array([[Fraction(1), Fraction(1)], [Fraction(1), Fraction(1)]]))
    A, G, B = cook_toom(2, 3)
    with pytest.raises(ValueError, match="do not belong together"):
        violations(A, G, B[:3])
