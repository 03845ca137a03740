"""Convolution layers, derived and verified."""

from lectcode.conv import conv2d
from lectcode.shapes import output_size

__all__ = ["conv2d", "output_size"]
