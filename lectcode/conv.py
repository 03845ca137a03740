"""The convolution layer: check the arguments, choose an algorithm, allocate, call."""

import numpy as np

from lectcode import shapes
from lectcode.kernels import direct

ALGORITHMS = {"direct": direct}


def conv2d(I, F, B=None, *, stride=1, padding=0, dilation=1, groups=1, algorithm="auto"):
    """Correlate each image with each filter and add the bias.

        O[n,c_out,h,w] = sum_{c_in,k_h,k_w} F[c_out,c_in,k_h,k_w] I_pad[n,c_in,hS+k_hD,wS+k_wD] + B[c_out]

    where I_pad is I with P rows and columns of zeros around it.

    Parameters
    ----------
    I : (N, C_in, H, W) array of float32, float64 or int64
        Input images.
    F : (C_out, C_in/groups, K_h, K_w) array of I's dtype
        Filters.
    B : (C_out,) array of I's dtype, optional
        Biases; zero if omitted.
    stride : int or (height, width)
        S, at least 1.
    padding : int, (height, width), ((top, bottom), (left, right)), "valid" or "same"
        P, at least 0. "valid" is 0; "same" keeps the size, needs stride 1, and puts the extra row of an odd total at
        the end.
    dilation : int or (height, width)
        D, at least 1.
    groups : int
        Divides C_in and C_out; each group of filters sees its own group of input channels.
    algorithm : str
        "auto" or a name in `lectcode.conv.ALGORITHMS`.

    Returns
    -------
    O : (N, C_out, H_out, W_out) array of I's dtype
        Its size is given by `output_size`.

    Raises
    ------
    ValueError
        If shapes or values do not fit together, or the filter is larger than the padded input.
    TypeError
        If an argument has the wrong type, or the arrays have different dtypes.

    See Also
    --------
    conv2d_backward : the gradients of this function.
    lectcode.reference.conv2d : the same formula, unoptimised.

    Notes
    -----
    Derived in chapters/conv-forward.md. int64 sums are exact as long as they fit in 64 bits; like NumPy's they wrap
    around silently beyond that.

    Examples
    --------
    >>> I = np.arange(9.0).reshape(1, 1, 3, 3)
    >>> F = np.array([[[[0.0, 1.0], [2.0, 3.0]]]])
    >>> conv2d(I, F)[0, 0]
    array([[19., 25.],
           [37., 43.]])
    """
    I = shapes.array("I", I, "N, C_in, H, W")
    F = shapes.array("F", F, "C_out, C_in/groups, K_h, K_w")
    (N, C_in, *input_size), (C_out, F_channels, *kernel_size) = I.shape, F.shape
    B = shapes.array("B", np.zeros(C_out, I.dtype) if B is None else B, "C_out")
    shapes.same_dtype(I=I, F=F, B=B)
    groups = shapes.check_channels(C_in, C_out, groups, F_channels)
    shapes.check_shape("B", B, "C_out", (C_out,))
    geometry = shapes.conv_geometry(input_size, kernel_size, stride, padding, dilation)
    O = np.empty((N, C_out, *geometry.output_size), I.dtype)
    _algorithm(algorithm).forward(I, F, B, geometry, groups, O)
    return O


def _algorithm(name):
    """Look up an algorithm by name."""
    if not isinstance(name, str):
        raise TypeError(f"algorithm must be a string, got {type(name).__name__}: {name!r}")
    if name == "auto":
        name = "direct"
    if name not in ALGORITHMS:
        raise ValueError(f"algorithm must be 'auto' or one of {sorted(ALGORITHMS)}, got {name!r}")
    return ALGORITHMS[name]
