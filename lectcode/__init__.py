"""Convolution layers, derived and verified.

The letters are those of the lecture: input I, filters F, biases B, output O, and G, the gradient of the loss by O.
Arrays are NCHW. Importing this package compiles nothing; a kernel is compiled at its first call for a dtype
and kept on disk for later processes.
"""

from lectcode.conv import (
    ConvGradients,
    conv2d,
    conv2d_backward,
    conv2d_grad_bias,
    conv2d_grad_filters,
    conv2d_grad_input,
    conv_transpose2d,
)
from lectcode.pool import (
    avg_pool2d,
    avg_pool2d_backward,
    max_pool2d,
    max_pool2d_backward,
    pool2d,
    pool2d_backward,
)
from lectcode.shapes import output_size

__all__ = [
    "ConvGradients",
    "avg_pool2d",
    "avg_pool2d_backward",
    "conv2d",
    "conv2d_backward",
    "conv2d_grad_bias",
    "conv2d_grad_filters",
    "conv2d_grad_input",
    "conv_transpose2d",
    "max_pool2d",
    "max_pool2d_backward",
    "output_size",
    "pool2d",
    "pool2d_backward",
]
