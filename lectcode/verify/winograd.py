r"""Cook-Toom transforms for short correlations, exact over the rationals, and the identity that makes them right.

F(m, r) computes the m numbers y_i = sum_j g_j d_{i+j}, j < r, with n = m + r - 1 products instead of m r:

    y = A ((G g) * (B d)),      A m x n,  G n x r,  B n x n,  * entry by entry.

This holds for all g and d exactly if  sum_k A[i,k] G[k,j] B[k,l] = [l = i + j]  for all i, j, l: compare the
coefficients of g_j d_l. In two dimensions the transforms are applied along both axes, Y = A ((G g G^T) * (B d B^T))
A^T, and the same identity, used once per axis, proves it. Literature writes A^T for A here and B^T for B.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from math import prod

import numpy as np

POINTS = tuple(map(Fraction, ("0", "1", "-1", "2", "-2", "1/2", "-1/2", "4", "-4", "1/4", "-1/4")))


def cook_toom(m: int, r: int, points=None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    r"""The matrices A, G and B of F(m, r) from distinct finite points and the point at infinity.

    Parameters
    ----------
    m, r : int
        Outputs and filter taps, at least 1.
    points : sequence of m + r - 2 distinct rationals, optional
        By default 0, 1, -1, 2, -2, 1/2, -1/2, ..

    Returns
    -------
    A, G, B : arrays of Fraction
        Of shapes (m, n), (n, r) and (n, n), with n = m + r - 1.

    Examples
    --------
    >>> A, G, B = cook_toom(2, 3)
    >>> print(*[" ".join(map(str, row)) for row in A], sep="\n")
    1 1 1 0
    0 1 -1 1
    >>> print(*[" ".join(map(str, row)) for row in G], sep="\n")
    -1 0 0
    1/2 1/2 1/2
    1/2 -1/2 1/2
    0 0 1
    """
    if m < 1 or r < 1:
        raise ValueError(f"m and r must be at least 1, got m={m}, r={r}")
    n = m + r - 1
    points = [Fraction(p) for p in (POINTS[: n - 1] if points is None else points)]
    if len(points) != n - 1 or len(set(points)) != n - 1:
        raise ValueError(f"F({m}, {r}) needs {n - 1} distinct points, got {', '.join(map(str, points)) or 'none'}")

    def evaluation(columns: int) -> np.ndarray:
        """Row k evaluates a polynomial with that many coefficients at point k; the last row takes its leading one."""
        V = np.full((n, columns), Fraction(0))
        for k, j in product(range(n - 1), range(columns)):
            V[k, j] = points[k] ** j
        V[n - 1, columns - 1] = Fraction(1)
        return V

    A, G, B = evaluation(m).T, evaluation(r), inverse(evaluation(n)).T
    for k, p in enumerate(points):
        # Moving this factor from B to G leaves whole numbers in B where the points are whole.
        f = prod((p - q for q in points if q != p), start=Fraction(1))
        G[k] /= f
        B[k] *= f
    return A, G, B


def inverse(V: np.ndarray) -> np.ndarray:
    """The inverse of a square matrix of fractions, by elimination."""
    n = len(V)
    M = np.concatenate([V, np.array([[Fraction(int(i == j)) for j in range(n)] for i in range(n)])], axis=1)
    for k in range(n):
        p = next((i for i in range(k, n) if M[i, k] != 0), None)
        if p is None:
            raise ValueError("the matrix has no inverse")
        M[[k, p]] = M[[p, k]]
        M[k] = M[k] / M[k, k]
        for i in range(n):
            if i != k:
                M[i] = M[i] - M[i, k] * M[k]
    return M[:, n:]


def violations(A: np.ndarray, G: np.ndarray, B: np.ndarray) -> list[tuple[int, int, int]]:
    """The (i, j, l) at which sum_k A[i,k] G[k,j] B[k,l] is not [l = i + j]; none proves F(m, r) for all g and d."""
    (m, n), r = A.shape, G.shape[1]
    if G.shape[0] != n or B.shape != (n, n) or n != m + r - 1:
        raise ValueError(f"shapes {A.shape}, {G.shape}, {B.shape} do not belong together")
    return [
        (i, j, l)
        for i, j, l in product(range(m), range(r), range(n))
        if sum(Fraction(A[i, k]) * Fraction(G[k, j]) * Fraction(B[k, l]) for k in range(n)) != (l == i + j)
    ]
