"""One layer: its shapes, its work and its traffic, all from `lectcode.output_size`."""

from dataclasses import dataclass
from math import prod

from lectcode import output_size


@dataclass(frozen=True)
class Conv:
    """A convolution layer; pairs are (height, width)."""

    C_in: int
    C_out: int
    size: tuple
    kernel: tuple
    stride: tuple = (1, 1)
    padding: tuple = (0, 0)
    dilation: tuple = (1, 1)
    groups: int = 1

    @property
    def name(self):
        """Say it in the field's shorthand: "3x3 s2 64-128 @56"."""
        return _name(self, f"{self.C_in}-{self.C_out}")

    @property
    def output_size(self):
        """H_out and W_out."""
        return tuple(
            output_size(H, K, stride=S, padding=P, dilation=D)
            for H, K, S, P, D in zip(self.size, self.kernel, self.stride, self.padding, self.dilation, strict=True)
        )

    @property
    def filters_shape(self):
        """The shape of the filters."""
        return (self.C_out, self.C_in // self.groups, *self.kernel)

    def input_shape(self, N):
        """Return the shape of N input images."""
        return (N, self.C_in, *self.size)

    def output_shape(self, N):
        """Return the shape of the output."""
        return (N, self.C_out, *self.output_size)

    def flops(self, N):
        """Count 2 for each multiply-add of the definition, products with the padding included."""
        return 2 * prod(self.output_shape(N)) * prod(self.filters_shape[1:])

    def numbers(self, N):
        """Count what every pass must read or write at least once: input, filters and output."""
        return prod(self.input_shape(N)) + prod(self.filters_shape) + prod(self.output_shape(N))


@dataclass(frozen=True)
class Pool:
    """A pooling layer; pairs are (height, width)."""

    C: int
    size: tuple
    kernel: tuple
    stride: tuple
    padding: tuple = (0, 0)
    ceil_mode: bool = False
    dilation = (1, 1)
    groups = 1

    @property
    def name(self):
        """Say it in the field's shorthand: "2x2 s2 64 @224"."""
        return _name(self, f"{self.C}") + (" ceil" if self.ceil_mode else "")

    @property
    def output_size(self):
        """H_out and W_out."""
        return tuple(
            output_size(H, K, stride=S, padding=P, ceil_mode=self.ceil_mode)
            for H, K, S, P in zip(self.size, self.kernel, self.stride, self.padding, strict=True)
        )

    def input_shape(self, N):
        """Return the shape of N input images."""
        return (N, self.C, *self.size)

    def output_shape(self, N):
        """Return the shape of the output."""
        return (N, self.C, *self.output_size)

    def flops(self, N):
        """Count one comparison or addition for each position of each window."""
        return prod(self.output_shape(N)) * prod(self.kernel)

    def numbers(self, N):
        """Count what every pass must read or write at least once: input and output."""
        return prod(self.input_shape(N)) + prod(self.output_shape(N))


def _name(layer, channels):
    usual = (0, 0)
    if isinstance(layer, Conv):  # half the kernel is what nearly every layer adds
        usual = tuple((K - 1) * D // 2 for K, D in zip(layer.kernel, layer.dilation, strict=True))
    parts = ["x".join(map(str, layer.kernel))]
    parts += ["s" + _pair(layer.stride)] * (layer.stride != (1, 1))
    parts += ["p" + _pair(layer.padding)] * (layer.padding != usual)
    parts += ["d" + _pair(layer.dilation)] * (layer.dilation != (1, 1))
    if layer.groups != 1:
        parts.append("depthwise" if layer.groups == layer.C_in else f"g{layer.groups}")
    return " ".join([*parts, channels, "@" + _pair(layer.size)])


def _pair(pair):
    return str(pair[0]) if pair[0] == pair[1] else "x".join(map(str, pair))
