"""One axis of a convolution, or of the gradient of its input: which pixels meet which filter elements, and where.

Step m of the product meets the source at the padded rows m S + shift, one for each tap k. For the convolution the
steps are the output rows h, and the shift of tap k is k D.

For the gradient of the input, row u = x + P of dI_pad has the terms with u = h S + k D. Let u = m S + a with 0 <= a <
S: only taps with k D = a + j S contribute, and h = m - j. So for each remainder a the rows x = m S + a - P of dI are a
correlation of stride 1 of G, with every S-th tap of the turned filters: one "part" of the product for each a.
"""

from itertools import pairwise
from typing import NamedTuple


class Axis(NamedTuple):
    """One axis of a product. A part is (first step, end, result's row of step 0, [(tap, shift, phase), ...])."""

    size: int  # of the source
    corner: int  # the source's row that step 0 meets with shift 0 and phase 0; negative in the padding
    stride: int  # from one step to the next in the source
    phases: int  # rows of the source between two steps that are ever met
    steps: int
    reach: int  # steps that a window looks ahead
    scale: int  # rows of the result from one step to the next
    result: int  # its size
    parts: list

    @property
    def last(self):
        """The last padded row that any step meets, counted from the corner."""
        ahead = max((shift * self.stride + phase for *_, taps in self.parts for _, shift, phase in taps), default=0)
        return (self.steps - 1) * self.stride + ahead

    @property
    def taps(self):
        """All taps that any part has."""
        return {tap for *_, taps in self.parts for tap, *_ in taps}

    @property
    def terms(self):
        """Products that are added along this axis, for all rows of the result together."""
        return sum((end - begin) * len(taps) for begin, end, _, taps in self.parts)

    def inside(self, shift, phase):
        """Return the first step and the end of those that meet the source and not its padding."""
        first = self.corner + shift * self.stride + phase  # what step 0 meets
        return max(-(first // self.stride), 0), -((first - self.size) // self.stride)


def forward_axis(size, K, S, D, before, outputs):
    """Return the axis of a convolution."""
    taps = [(k, k * D // S, k * D % S) for k in range(K)]
    span = (K - 1) * D
    return Axis(size, -before, S, min(S, span + 1), outputs, span // S, 1, outputs, [(0, outputs, 0, taps)])


def grad_input_axis(size, K, S, D, before, outputs):
    """Return the axis of the gradient of the input."""
    reach = (K - 1) * D // S
    first = -(-(before - S + 1) // S)  # the smallest m of any part
    parts = []
    for a in range(S):
        begin, end = -((a - before) // S), -((a - before - size) // S)
        taps = [(k, reach - (k * D - a) // S, 0) for k in range(K) if k * D % S == a]
        parts.append((begin - first, end - first, first * S + a - before, taps))
    steps = max(end for _, end, _, _ in parts)
    return Axis(outputs, first - reach, 1, 1, steps, reach, S, size, parts)


def without_padding(axis):
    """Return the axis with its parts cut where a tap begins or ceases to meet the padding, and there left out.

    A part whose taps all meet padding keeps one, which writes the zeros.
    """
    parts = []
    for begin, end, start, taps in axis.parts:
        inside = [axis.inside(shift, phase) for _, shift, phase in taps]
        cuts = {min(max(edge, begin), end) for edge in (begin, end, *sum(inside, ()))}
        for first, stop in pairwise(sorted(cuts)):
            met = [tap for tap, (top, bottom) in zip(taps, inside, strict=True) if top <= first and stop <= bottom]
            parts.append((first, stop, start, met or taps[:1]))
    return axis._replace(parts=parts)


def forward_axes(geometry):
    """Return both axes of a convolution."""
    return [forward_axis(*axis) for axis in _both(geometry)]


def grad_input_axes(geometry):
    """Return both axes of the gradient of the input."""
    return [grad_input_axis(*axis) for axis in _both(geometry)]


def _both(geometry):
    return zip(
        geometry.input_size,
        geometry.kernel_size,
        geometry.stride,
        geometry.dilation,
        geometry.before,
        geometry.output_size,
        strict=True,
    )
