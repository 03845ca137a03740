"""What is measured of a layer: the passes, and the arrays that each is given."""

from dataclasses import dataclass
from math import pi, prod

import numpy as np

from benchmarks.layers import Conv, Pool

PASSES = {
    "forward": Conv,
    "grad_input": Conv,
    "grad_filters": Conv,
    "max_forward": Pool,
    "max_backward": Pool,  # given the winners, which the forward pass has kept
    "max_training": Pool,  # forward, keeping the winners, and backward
    "max_backward_from_input": Pool,  # lectcode finds the winners again; PyTorch is given them
    "avg_forward": Pool,
    "avg_backward": Pool,
}
DISTINCT = 1_000_003  # a prime, so that the repeated numbers never fall into step with a row


@dataclass
class Arrays:
    """The input, the gradient of the output and, for a convolution, filters and bias."""

    I: np.ndarray
    G: np.ndarray
    F: np.ndarray | None = None
    B: np.ndarray | None = None

    @classmethod
    def standard_normal(cls, layer, N, dtype, seed=0):
        """Draw them for one layer; a million different numbers each, repeated, cost less than as many as needed."""
        rng = np.random.default_rng(seed)

        def draw(*shape):
            return np.resize(rng.standard_normal(min(prod(shape), DISTINCT), dtype), shape)

        arrays = cls(draw(*layer.input_shape(N)), draw(*layer.output_shape(N)))
        if isinstance(layer, Conv):
            arrays.F, arrays.B = draw(*layer.filters_shape), draw(layer.C_out)
        return arrays


def terms(pass_name, layer, N):
    """Count the products (or numbers) that are added up for one entry of the result, at most."""
    if pass_name == "grad_filters":
        return prod(layer.output_shape(N)) // layer.C_out
    if pass_name == "grad_input":
        return prod(layer.filters_shape) // layer.filters_shape[1] // layer.groups
    return prod(layer.filters_shape[1:]) + 1 if pass_name == "forward" else prod(layer.kernel)


def magnitude(pass_name, layer, N):
    """Return what sum |a||b| of an entry is for standard normal numbers: 2/pi for each product."""
    return terms(pass_name, layer, N) * 2 / pi
