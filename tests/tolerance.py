"""How far two sums of real numbers may be apart: the only tolerances of the suite.

Whole numbers must agree exactly. A sum of n products a b computed in any order is within

    n u / (1 - n u) * sum |a| |b|

of the exact one, where u is the unit roundoff of its dtype (Higham, Accuracy and Stability of Numerical Algorithms, 2nd
ed., section 3.1). Two such sums may be twice as far apart. No factor is added.
"""

from collections import defaultdict
from importlib.util import find_spec

import numpy as np

UNIT = {np.dtype(np.float32): 2.0**-24, np.dtype(np.float64): 2.0**-53}

_largest = defaultdict(lambda: [0, 0.0])  # peer -> geometries compared, largest error in units of u sum|a||b|


def bound(terms, dtype):
    """Return c such that |computed - exact| <= c sum |a||b|."""
    u = UNIT[np.dtype(dtype)]
    return terms * u / (1 - terms * u)


def normalised_error(actual, expected, magnitude):
    """Return the largest |actual - expected| / (u sum|a||b|), where `magnitude` is sum |a||b|."""
    gap = np.abs(actual.astype(np.longdouble) - expected)
    scale = UNIT[actual.dtype] * magnitude.astype(np.longdouble)
    error = np.zeros(gap.shape, np.longdouble)
    np.divide(gap, scale, out=error, where=scale > 0)
    error[(scale == 0) & (gap > 0)] = np.inf  # a sum of zeros is zero
    return float(error.max(initial=0))


def assert_close(actual, expected, magnitude, terms, peer=None):
    """Assert that two sums of `terms` products agree within the sum of their bounds."""
    assert actual.shape == expected.shape
    error = normalised_error(actual, expected, magnitude)
    assert error <= 2 * bound(terms, actual.dtype) / UNIT[actual.dtype], f"error of {error:.2f} u sum|a||b|, {terms=}"
    if peer is not None:
        _largest[peer][1] = max(_largest[peer][1], error)


def count(peer):
    """Count one geometry compared with a peer."""
    _largest[peer][0] += 1


def peer_summary():
    """Yield a line per peer for the end of the test run."""
    if find_spec("torch") is None:
        yield "PyTorch: not installed and not compared (pip install -r tests/requirements-peers.txt)"
    for peer, (number, error) in sorted(_largest.items()):
        yield f"{peer}: {number} geometries compared, largest error {error:.2f} u sum|a||b|"
