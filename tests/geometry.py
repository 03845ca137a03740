"""Random geometries and the arrays that fit them."""

from dataclasses import dataclass, field

import numpy as np
from hypothesis import strategies as st

DTYPES = (np.int64, np.float64, np.float32)
dtypes = st.sampled_from(DTYPES)
seeds = st.integers(0, 2**32 - 1)


def integers(rng, *shape, dtype=np.int64):
    """Small whole numbers: all sums are exact in every dtype, so results must be equal, not close."""
    return rng.integers(-9, 10, shape).astype(dtype)


def reals(rng, *shape, dtype=np.float64):
    """Normally distributed numbers."""
    return rng.normal(size=shape).astype(dtype)


@dataclass(frozen=True)
class Conv:
    """A convolution that fits together."""

    N: int
    C_in: int
    H: int
    W: int
    C_out: int
    K_h: int
    K_w: int
    keywords: dict = field(default_factory=dict)

    def arrays(self, make, seed=0, dtype=np.int64):
        """Return I, F, B and the random generator."""
        rng = np.random.default_rng(seed)
        C_group = self.C_in // self.keywords.get("groups", 1)
        I = make(rng, self.N, self.C_in, self.H, self.W, dtype=dtype)
        F = make(rng, self.C_out, C_group, self.K_h, self.K_w, dtype=dtype)
        return I, F, make(rng, self.C_out, dtype=dtype), rng


# The corners, by hand; axis lengths differ wherever they can, so that a swapped axis cannot hide.
CONVS = {
    "plain": Conv(2, 3, 7, 9, 5, 4, 6),
    "pointwise": Conv(1, 2, 3, 4, 5, 1, 1),
    "as-large-as-the-input": Conv(1, 2, 5, 6, 3, 5, 6),
    "strided-left-over": Conv(2, 1, 8, 9, 5, 3, 4, {"stride": (3, 2), "padding": 2}),
    "padding-beyond-kernel": Conv(2, 3, 4, 5, 1, 2, 3, {"padding": ((3, 5), (4, 0))}),
    "dilated": Conv(1, 2, 9, 8, 3, 2, 3, {"dilation": (4, 3), "padding": (0, 1)}),
    "grouped": Conv(2, 6, 5, 7, 9, 2, 3, {"groups": 3}),
    "depthwise": Conv(2, 4, 6, 5, 4, 3, 2, {"groups": 4, "padding": 1}),
    "depthwise-twice": Conv(1, 3, 5, 6, 6, 2, 4, {"groups": 3, "stride": 2}),
    "same-even-kernel": Conv(1, 2, 5, 6, 3, 4, 2, {"padding": "same", "dilation": (1, 3)}),
    "one-pixel": Conv(2, 3, 1, 1, 4, 1, 1, {"padding": (2, 1), "stride": 2}),
    "one-pixel-wide-kernel": Conv(1, 2, 1, 1, 3, 3, 5, {"padding": (1, 2)}),
    "no-images": Conv(0, 3, 5, 6, 4, 2, 3, {"padding": 1}),
    "no-input-channels": Conv(2, 0, 5, 6, 4, 2, 3),
    "no-filters": Conv(2, 3, 5, 6, 0, 2, 4),
    "no-rows": Conv(2, 3, 0, 6, 4, 2, 3, {"padding": 1}),
}


def among(*values):
    """Draw one of the values, all equally often (st.integers prefers its ends); simplest first."""
    return st.sampled_from(values)


@st.composite
def _axis(draw, max_padding, same):
    """Return H, K, S, D, (before, after) with every remainder of the stride equally likely."""
    K, D = draw(among(2, 3, 1, 4)), draw(among(1, 1, 2, 3))
    S = 1 if same else draw(among(1, 2, 3, 4))
    before, after = draw(among(*range(max_padding + 1))), draw(among(*range(max_padding + 1)))
    if same:
        before, after = (K - 1) * D // 2, (K - 1) * D - (K - 1) * D // 2
    H_pad = (K - 1) * D + 1 + S * draw(among(1, 2, 0, 3)) + draw(among(*range(S)))
    H = H_pad - before - after
    return H if H > 0 else draw(among(1, 2, 3)), K, S, D, (before, after)


@st.composite
def convs(draw, named_padding=True):
    """Any small convolution: remainders, padding beyond the kernel, dilation, groups, N = 0."""
    name = draw(among(None, None, None, "same", "valid")) if named_padding else None
    H, K_h, S_h, D_h, P_h = draw(_axis(0 if name == "valid" else 4, name == "same"))
    W, K_w, S_w, D_w, P_w = draw(_axis(0 if name == "valid" else 4, name == "same"))
    groups = draw(among(1, 1, 2, 3))
    C_in, C_out = groups * draw(among(2, 1)), groups * draw(among(1, 2))
    keywords = {"stride": (S_h, S_w), "padding": name or (P_h, P_w), "dilation": (D_h, D_w), "groups": groups}
    if draw(st.booleans()):
        keywords = {key: _shorter(value) for key, value in keywords.items()}
    return Conv(draw(among(2, 2, 1, 1, 3, 0)), C_in, H, W, C_out, K_h, K_w, keywords)


def _shorter(value):
    """Write a geometry as shortly as the API allows: one number for two equal ones."""
    if isinstance(value, tuple):
        value = tuple(_shorter(entry) for entry in value)
        return value[0] if value[0] == value[1] and not isinstance(value[0], tuple) else value
    return value


@st.composite
def pools(draw, dilated=True, symmetric=False):
    """Any small pooling: shape of I, and the keywords of max_pool2d."""
    size, K, S, P, D = [], [], [], [], []
    ceil_mode = draw(st.booleans())
    for _ in range(2):
        D.append(draw(among(1, 2, 3)) if dilated else 1)
        K.append(draw(among(2, 3, 4, 1)))
        S.append(draw(among(1, 2, 3, 4, 5)))
        span = (K[-1] - 1) * D[-1] + 1
        before = draw(among(*range(K[-1] // 2 + 1 if symmetric else span)))
        P.append((before, before if symmetric else draw(among(*range(span)))))
        least = D[-1] if before else 1  # shorter than a gap, an input could lie between two elements
        least = max(least, span - sum(P[-1]) - (S[-1] - 1 if ceil_mode else 0))
        size.append(least + draw(among(*range(2 * S[-1] + 1))))
    shape = (draw(among(2, 2, 1, 1, 0)), draw(among(2, 3, 1)), *size)
    keywords = {"kernel_size": tuple(K), "stride": tuple(S), "padding": tuple(P), "ceil_mode": ceil_mode}
    return shape, keywords | ({"dilation": tuple(D)} if dilated else {})
