"""Before anything is timed, its result is compared: a fast wrong answer is worth nothing."""

import numpy as np

from benchmarks.passes import magnitude

# Errors in units u sum |a||b|. Winograd's are the largest; a random error of the algorithms' bound would be larger.
ALLOWED = 128


class WrongResultError(Exception):
    """Two contenders disagree by more than rounding explains."""


def difference(pass_name, layer, N, result, expected):
    """Return the largest difference of two results in units u sum |a||b|, and refuse one above ALLOWED."""
    result, expected = np.asarray(result), np.asarray(expected)
    if result.shape != expected.shape or result.dtype != expected.dtype:
        raise WrongResultError(
            f"{pass_name} {layer.name}: {result.dtype}{result.shape} instead of {expected.dtype}{expected.shape}"
        )
    unit = float(np.finfo(result.dtype).eps) / 2
    largest = float(np.max(np.abs(result - expected), initial=0.0)) / (unit * magnitude(pass_name, layer, N))
    if not largest <= ALLOWED:  # a NaN is refused too
        raise WrongResultError(f"{pass_name} {layer.name}, N = {N}: the results differ by {largest:.3g} u sum |a||b|")
    return largest
