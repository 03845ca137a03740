r"""The transforms of Winograd's convolutions F(4, 3) and F(2, 5), one axis at a time.

Four neighbouring outputs y_i = sum_j g_j d_{i+j} of a filter g with three elements need 12 products; two outputs of a
filter with five need 10. But d and g are the coefficients of polynomials, and a product of polynomials is known from
its values at enough points: with values at the points 0, p, -p, q, -q and "infinity" (the leading coefficient) six
products are enough in both cases,

    y = A ((G g) * (B d)),      A m x 6,  G 6 x K,  B 6 x 6,  m = 7 - K,  * entry by entry.

In two dimensions Y = A ((G g G^T) * (B d B^T)) A^T: 36 products instead of 144 for the 16 outputs of a tile with K = 3,
and instead of 100 for the four with K = 5. B is the same for both: it knows the points alone.

Any five points give exact matrices; which they are decides how much rounding hurts. p = 5/8 and q = 3/2 were the
best of those compared by `tests/test_winograd.py`: half the error of the usual 1 and 2, for both K. That the choice
matters, and that it is best made by measuring: B. Barabasz, A. Anderson, K. M. Soodhalter, D. Gregg, "Error analysis
and improving the accuracy of Winograd convolution for deep neural networks", ACM Transactions on Mathematical
Software 46(4), 2020.

Points in pairs p, -p save work: rows p and -p of a matrix share their even and their odd part.

Every product is rounded. If LLVM fused some with the sums, it would choose others in each function that a transform is
inlined in, and then results would depend on which thread computes them.
"""

from fractions import Fraction

import numpy as np

from lectcode.kernels.compiled import inner
from lectcode.kernels.simd import product

P, Q = Fraction(5, 8), Fraction(3, 2)
_POINTS = (Fraction(0), P, -P, Q, -Q)
_SCALES = (P**2 * Q**2, *2 * (2 * P**2 * (P**2 - Q**2),), *2 * (2 * Q**2 * (Q**2 - P**2),))

# The matrices, exactly; A and G for each size K of the filters. Row k of G evaluates g at point k, divided by the
# product of the point's distances to the others.
A = {K: np.array([[point**i for point in _POINTS] + [Fraction(int(i == 6 - K))] for i in range(7 - K)]) for K in (3, 5)}
G = {
    K: np.array(
        [[point**j / scale for j in range(K)] for point, scale in zip(_POINTS, _SCALES, strict=True)]
        + [[Fraction(int(j == K - 1)) for j in range(K)]]
    )
    for K in (3, 5)
}
B = np.array(
    [
        [P**2 * Q**2, 0, -(P**2) - Q**2, 0, 1, 0],
        [0, -P * Q**2, -(Q**2), P, 1, 0],
        [0, P * Q**2, -(Q**2), -P, 1, 0],
        [0, -Q * P**2, -(P**2), Q, 1, 0],
        [0, Q * P**2, -(P**2), -Q, 1, 0],
        [0, P**2 * Q**2, 0, -(P**2) - Q**2, 0, 1],
    ]
) * Fraction(1)

# What the unrolled transforms multiply with. Those of A and B are exact in float32; those of G are rounded once.
INPUT = (P, Q, P**2, Q**2, P**2 * Q**2, P**2 + Q**2)
OUTPUT = (P, Q, P**2, Q**2, P**3, Q**3)
FILTER = {K: (G[K][0, 0], *G[K][1], *G[K][3]) for K in (3, 5)}

# The longest chains of roundings from an entry to a result, along one axis, of B, of A, and of G for each K.
ROUNDINGS = 4, 4, {3: 4, 5: 5}


@inner
def input_transform(d, constants):
    """Return B d."""
    d_0, d_1, d_2, d_3, d_4, d_5 = d
    p, q, pp, qq, ppqq, pp_qq = constants
    p_even, p_odd = d_4 - product(qq, d_2), product(p, d_3 - product(qq, d_1))
    q_even, q_odd = d_4 - product(pp, d_2), product(q, d_3 - product(pp, d_1))
    return (
        product(ppqq, d_0) + d_4 - product(pp_qq, d_2),
        p_even + p_odd,
        p_even - p_odd,
        q_even + q_odd,
        q_even - q_odd,
        product(ppqq, d_1) + d_5 - product(pp_qq, d_3),
    )


@inner
def output_transform_3(m, constants):
    """Return the four entries of A m."""
    m_0, m_1, m_2, m_3, m_4, m_5 = m
    p, q, pp, qq, ppp, qqq = constants
    p_even, p_odd, q_even, q_odd = m_1 + m_2, m_1 - m_2, m_3 + m_4, m_3 - m_4
    return (
        m_0 + p_even + q_even,
        product(p, p_odd) + product(q, q_odd),
        product(pp, p_even) + product(qq, q_even),
        product(ppp, p_odd) + product(qqq, q_odd) + m_5,
    )


@inner
def output_transform_5(m, constants):
    """Return the two entries of A m."""
    m_0, m_1, m_2, m_3, m_4, m_5 = m
    p, q, _, _, _, _ = constants
    return m_0 + (m_1 + m_2) + (m_3 + m_4), product(p, m_1 - m_2) + product(q, m_3 - m_4) + m_5


@inner
def filter_transform_3(g, constants):
    """Return G g of a filter with three elements."""
    g_0, g_1, g_2 = g
    (zero, p_0, p_1, p_2, q_0, q_1), q_2 = constants
    p_even, p_odd = product(p_0, g_0) + product(p_2, g_2), product(p_1, g_1)
    q_even, q_odd = product(q_0, g_0) + product(q_2, g_2), product(q_1, g_1)
    return product(zero, g_0), p_even + p_odd, p_even - p_odd, q_even + q_odd, q_even - q_odd, g_2


@inner
def filter_transform_5(g, constants):
    """Return G g of a filter with five elements."""
    g_0, g_1, g_2, g_3, g_4 = g
    zero, (p_0, p_1, p_2, p_3, p_4), (q_0, q_1, q_2, q_3, q_4) = constants
    p_even, p_odd = product(p_0, g_0) + product(p_2, g_2) + product(p_4, g_4), product(p_1, g_1) + product(p_3, g_3)
    q_even, q_odd = product(q_0, g_0) + product(q_2, g_2) + product(q_4, g_4), product(q_1, g_1) + product(q_3, g_3)
    return product(zero, g_0), p_even + p_odd, p_even - p_odd, q_even + q_odd, q_even - q_odd, g_4
