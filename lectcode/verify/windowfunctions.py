"""What stands for f and its derivative where a formula that applies a function to windows is run."""

from functools import lru_cache

import numpy as np

from lectcode.kernels.compiled import entry


def pooling_function(window):
    """A function of one window whose partial derivatives all differ: sum of (1 + i + 4 j) x_ij^2."""
    total = 0
    for i in range(window.shape[0]):
        for j in range(window.shape[1]):
            total += (1 + i + 4 * j) * window[i, j] * window[i, j]
    return total


def pooling_derivative(window):
    """The partial derivatives of `pooling_function`."""
    out = np.zeros_like(window)
    for i in range(window.shape[0]):
        for j in range(window.shape[1]):
            out[i, j] = 2 * (1 + i + 4 * j) * window[i, j]
    return out


FUNCTIONS = {"f": pooling_function, "df": pooling_derivative}


@lru_cache(maxsize=4)
def jitted(function):
    """The function, compiled and kept on disk."""
    return entry(function)
