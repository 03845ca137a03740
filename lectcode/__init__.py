"""Convolution layers, derived and verified."""
