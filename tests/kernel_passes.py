"""The three passes of one module of kernels, whether "gemm" chooses it or not, beside the loops of the definition."""

import numpy as np

import lectcode
from lectcode import shapes
from tests.geometry import integers


def read_only(*arrays):
    """Return the arrays as the public functions hand them on."""
    for array in arrays:
        array.flags.writeable = False
    return arrays


def geometry_of(case):
    """Return the Geometry of a case."""
    keywords = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1} | case.keywords
    _, F, _, _ = case.arrays(integers)
    return shapes.conv_geometry(case.C_in, (case.H, case.W), F.shape, **keywords)


def check_exact(kernels, case, dtype, seed=0):
    """Demand equal whole numbers; every number must be written."""
    I, F, B, rng = case.arrays(integers, seed, dtype)
    O = lectcode.conv2d(I, F, B, **case.keywords, algorithm="direct")
    G = integers(rng, *O.shape, dtype=dtype)
    dI, dF, _ = lectcode.conv2d_backward(G, I, F, **case.keywords, algorithm="direct")
    I, F, B, G = read_only(I, F, B, G)
    for name, write, arguments, expected in (
        ("O", kernels.forward, (I, F, B), O),
        ("dI", kernels.grad_input, (G, F), dI),
        ("dF", kernels.grad_filters, (G, I), dF),
    ):
        actual = np.full_like(expected, np.nan)
        write(*arguments, geometry_of(case), actual)
        np.testing.assert_array_equal(actual, expected, name)
