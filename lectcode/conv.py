"""The convolution layer and its gradients: check the arguments, choose an algorithm, allocate, call."""

from typing import NamedTuple

import numpy as np

from lectcode import shapes
from lectcode.kernels import ALGORITHMS, winograd
from lectcode.kernels.correlation import no_bias

SMALL = 256  # pixels of a map (measured)


class ConvGradients(NamedTuple):
    """The gradients of a loss by what a convolution was given, with the shapes and the dtype of those."""

    dI: np.ndarray  #: (N, C_in, H, W), by the input
    dF: np.ndarray  #: (C_out, C_in/groups, K_h, K_w), by the filters
    dB: np.ndarray  #: (C_out,), by the biases


def conv2d(I, F, B=None, *, stride=1, padding=0, dilation=1, groups=1, algorithm="auto"):
    """Correlate each image with each filter and add the bias.

    ::

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
        "auto" or a name in lectcode.kernels.ALGORITHMS. With stride 1, "winograd" does a quarter of the work for
        filters of 3 x 3 and 36 % for 5 x 5, but rounds more often and does not give exact sums of whole numbers; "gemm"
        and "direct" do. "auto" takes "direct" for int64 and "gemm" for float64; for float32 "winograd" where it applies
        and pays, in layers with many channels, and "gemm" elsewhere: who wants the smaller error asks for "gemm".

    Returns
    -------
    O : (N, C_out, H_out, W_out) array of I's dtype
        Its size is given by `output_size`.

    Raises
    ------
    ValueError
        If shapes or values do not fit together, the filter is larger than the padded input, or the algorithm asked for
        does not apply: "winograd" needs floats, stride 1, dilation 1 and filters of 3 x 3 or 5 x 5.
    TypeError
        If an argument has the wrong type, or the arrays have different dtypes.

    See Also
    --------
    conv2d_backward : the gradients of this function.
    lectcode.reference.conv2d : the same formula, unoptimised.

    Notes
    -----
    Derived in chapters/conv-forward.md. N, C_in and C_out may be 0, and H and W where the padding makes room: an
    empty sum is 0. Sums of int64 are exact while they fit in 64 bits; beyond that they wrap around silently, as NumPy's
    do.

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
    B = no_bias(F.shape[0], I.dtype) if B is None else shapes.array("B", B, "C_out")
    arrays = I.shape, F.shape, B.shape, I.dtype, F.dtype, B.dtype
    geometry, name, size = _check_forward(arrays, stride, padding, dilation, groups, algorithm)
    O = shapes.empty(size, I.dtype)
    ALGORITHMS[name].forward(I, F, B, geometry, O)
    return O


@shapes.remembered
def _check_forward(arrays, stride, padding, dilation, groups, algorithm):
    """Check a convolution; return its geometry, the name of the algorithm and the shape of O."""
    I_shape, F_shape, B_shape, dtype, F_dtype, B_dtype = arrays
    (N, C_in, *input_size), C_out = I_shape, F_shape[0]
    shapes.check_dtypes(I=dtype, F=F_dtype, B=B_dtype)
    shapes.check_shape("B", B_shape, "C_out", (C_out,))
    geometry = shapes.conv_geometry(C_in, input_size, F_shape, stride, padding, dilation, groups)
    name = _choose(algorithm, dtype, geometry, N, C_out, C_in, geometry.output_size)
    return geometry, name, (N, C_out, *geometry.output_size)


def conv2d_grad_bias(G):
    """Return the gradient of the loss by the bias.

    ::

        dL/dB[c_out] = sum_{n,h,w} G[n,c_out,h,w]

    Parameters
    ----------
    G : (N, C_out, H_out, W_out) array of float32, float64 or int64
        dL/dO, the gradient by the output of `conv2d`.

    Returns
    -------
    dB : (C_out,) array of G's dtype

    Raises
    ------
    ValueError, TypeError
        If G has the wrong rank or dtype.

    Notes
    -----
    Derived in chapters/conv-gradients.md.

    Examples
    --------
    >>> conv2d_grad_bias(np.arange(12.0).reshape(1, 2, 2, 3))
    array([15., 51.])
    """
    return _sum_of_pixels(shapes.array("G", G, "N, C_out, H_out, W_out"))


def _sum_of_pixels(G):
    with np.errstate(all="ignore"):  # NaN and inf propagate silently, as they do in the kernels
        if len(G) > 1 and G.shape[2] * G.shape[3] <= SMALL:  # NumPy turns from map to map slowly: first add up images
            G = G.sum(axis=0, keepdims=True, dtype=G.dtype)
        return G.sum(axis=(0, 2, 3), dtype=G.dtype)


def conv2d_grad_filters(G, I, kernel_size, *, stride=1, padding=0, dilation=1, groups=1, algorithm="auto"):
    """Return the gradient of the loss by the filters.

    ::

        dL/dF[c_out,c_in,k_h,k_w] = sum_{n,h,w} G[n,c_out,h,w] I_pad[n,c_in,hS+k_hD,wS+k_wD]

    Parameters
    ----------
    G : (N, C_out, H_out, W_out) array of I's dtype
        dL/dO, the gradient by the output of `conv2d`.
    I : (N, C_in, H, W) array of float32, float64 or int64
        The images `conv2d` was given.
    kernel_size : int or (height, width)
        K_h and K_w, the size of the filters.
    stride, padding, dilation, groups, algorithm
        As in `conv2d`; but this gradient is exact on whole numbers with every algorithm, for "winograd" computes it as
        "gemm" does.

    Returns
    -------
    dF : (C_out, C_in/groups, K_h, K_w) array of I's dtype

    Raises
    ------
    ValueError, TypeError
        As `conv2d`, and if G does not have the shape of its output.

    Notes
    -----
    Derived in chapters/conv-gradients.md.

    Examples
    --------
    >>> I = np.arange(9.0).reshape(1, 1, 3, 3)
    >>> conv2d_grad_filters(np.ones((1, 1, 2, 2)), I, kernel_size=2)[0, 0]
    array([[ 8., 12.],
           [20., 24.]])
    """
    G = shapes.array("G", G, "N, C_out, H_out, W_out")
    I = shapes.array("I", I, "N, C_in, H, W")
    arrays = G.shape, I.shape, G.dtype, I.dtype
    geometry, name, size = _check_grad_filters(arrays, kernel_size, stride, padding, dilation, groups, algorithm)
    dF = np.empty(size, G.dtype)
    ALGORITHMS[name].grad_filters(G, I, geometry, dF)
    return dF


@shapes.remembered
def _check_grad_filters(arrays, kernel_size, stride, padding, dilation, groups, algorithm):
    """Check a gradient of the filters; return the geometry, the name of the algorithm and the shape of dF."""
    G_shape, I_shape, dtype, I_dtype = arrays
    shapes.check_dtypes(I=I_dtype, G=dtype)
    (N, C_in, *input_size), C_out = I_shape, G_shape[1]
    groups = shapes.integer("groups", groups, 1)
    F_shape = (C_out, C_in // groups, *shapes.pair("kernel_size", kernel_size, 1))
    geometry = shapes.conv_geometry(C_in, input_size, F_shape, stride, padding, dilation, groups)
    shapes.check_shape("G", G_shape, "N, C_out, H_out, W_out", (N, C_out, *geometry.output_size))
    return geometry, _choose(algorithm, dtype, geometry), F_shape


def conv2d_grad_input(G, F, input_size, *, stride=1, padding=0, dilation=1, groups=1, algorithm="auto"):
    """Return the gradient of the loss by the input.

    ::

        dL/dI[n,c_in,x,y] = sum G[n,c_out,h,w] F[c_out,c_in,k_h,k_w]

    over all c_out, h, w, k_h, k_w with hS + k_hD = x + P and wS + k_wD = y + P.

    Parameters
    ----------
    G : (N, C_out, H_out, W_out) array of F's dtype
        dL/dO, the gradient by the output of `conv2d`.
    F : (C_out, C_in/groups, K_h, K_w) array of float32, float64 or int64
        The filters `conv2d` was given.
    input_size : int or (height, width)
        H and W of the input. G does not determine them: a stride skips up to S - 1 rows and columns.
    stride, padding, dilation, groups, algorithm
        As in `conv2d`.

    Returns
    -------
    dI : (N, C_in, H, W) array of F's dtype

    Raises
    ------
    ValueError, TypeError
        As `conv2d`, and if G does not have the shape of its output.

    Notes
    -----
    Derived in chapters/conv-gradient-input.md.

    Examples
    --------
    >>> F = np.array([[[[0.0, 1.0], [2.0, 3.0]]]])
    >>> conv2d_grad_input(np.ones((1, 1, 2, 2)), F, input_size=3)[0, 0]
    array([[0., 1., 1.],
           [2., 6., 4.],
           [2., 5., 3.]])
    """
    G = shapes.array("G", G, "N, C_out, H_out, W_out")
    F = shapes.array("F", F, "C_out, C_in/groups, K_h, K_w")
    arrays = G.shape, F.shape, G.dtype, F.dtype
    geometry, name, size = _check_grad_input(arrays, input_size, stride, padding, dilation, groups, algorithm)
    dI = shapes.empty(size, G.dtype)
    ALGORITHMS[name].grad_input(G, F, geometry, dI)
    return dI


@shapes.remembered
def _check_grad_input(arrays, input_size, stride, padding, dilation, groups, algorithm):
    """Check a gradient of the input; return the geometry, the name of the algorithm and the shape of dI."""
    G_shape, F_shape, dtype, F_dtype = arrays
    shapes.check_dtypes(F=F_dtype, G=dtype)
    input_size = shapes.pair("input_size", input_size, 0)
    N, C_out, C_in = G_shape[0], F_shape[0], F_shape[1] * shapes.integer("groups", groups, 1)
    geometry = shapes.conv_geometry(C_in, input_size, F_shape, stride, padding, dilation, groups)
    shapes.check_shape("G", G_shape, "N, C_out, H_out, W_out", (N, C_out, *geometry.output_size))
    return geometry, _choose(algorithm, dtype, geometry, N, C_in, C_out, input_size), (N, C_in, *input_size)


def conv2d_backward(G, I, F, *, stride=1, padding=0, dilation=1, groups=1, algorithm="auto"):
    """Return the gradients of the loss by everything that `conv2d` was given.

    ::

        dL/dI, dL/dF, dL/dB  as in `conv2d_grad_input`, `conv2d_grad_filters`, `conv2d_grad_bias`

    Parameters
    ----------
    G : (N, C_out, H_out, W_out) array of I's dtype
        dL/dO, the gradient by the output of `conv2d`.
    I : (N, C_in, H, W) array of float32, float64 or int64
        Input images.
    F : (C_out, C_in/groups, K_h, K_w) array of I's dtype
        Filters.
    stride, padding, dilation, groups, algorithm
        As in `conv2d`.

    Returns
    -------
    ConvGradients
        The named tuple (dI, dF, dB), shaped like I, F and B.

    Raises
    ------
    ValueError, TypeError
        As `conv2d`, and if G does not have the shape of its output.

    Notes
    -----
    Derived in chapters/conv-gradients.md and chapters/conv-gradient-input.md.

    Examples
    --------
    >>> I, F = np.arange(9.0).reshape(1, 1, 3, 3), np.array([[[[0.0, 1.0], [2.0, 3.0]]]])
    >>> dI, dF, dB = conv2d_backward(np.ones((1, 1, 2, 2)), I, F)
    >>> dI[0, 0, 1], dF[0, 0, 1], dB
    (array([2., 6., 4.]), array([20., 24.]), array([4.]))
    """
    I = shapes.array("I", I, "N, C_in, H, W")
    F = shapes.array("F", F, "C_out, C_in/groups, K_h, K_w")
    G = shapes.array("G", G, "N, C_out, H_out, W_out")
    arrays = G.shape, I.shape, F.shape, G.dtype, I.dtype, F.dtype
    geometry, by_input, by_filters = _check_backward(arrays, stride, padding, dilation, groups, algorithm)
    gradients = ConvGradients(np.empty(I.shape, I.dtype), np.empty(F.shape, I.dtype), _sum_of_pixels(G))
    ALGORITHMS[by_input].grad_input(G, F, geometry, gradients.dI)
    ALGORITHMS[by_filters].grad_filters(G, I, geometry, gradients.dF)
    return gradients


@shapes.remembered
def _check_backward(arrays, stride, padding, dilation, groups, algorithm):
    """Check all gradients; return the geometry and the names of two algorithms, for the input and for the filters."""
    G_shape, I_shape, F_shape, G_dtype, dtype, F_dtype = arrays
    shapes.check_dtypes(I=dtype, F=F_dtype, G=G_dtype)
    (N, C_in, *input_size), C_out = I_shape, F_shape[0]
    geometry = shapes.conv_geometry(C_in, input_size, F_shape, stride, padding, dilation, groups)
    shapes.check_shape("G", G_shape, "N, C_out, H_out, W_out", (N, C_out, *geometry.output_size))
    by_input = _choose(algorithm, dtype, geometry, N, C_in, C_out, geometry.input_size)
    return geometry, by_input, _choose(algorithm, dtype, geometry)


def conv_transpose2d(I, F, B=None, *, stride=1, padding=0, output_padding=0, dilation=1, groups=1):
    """Return the adjoint of `conv2d` by its input, plus a bias: the transposed convolution.

    ::

        O[n,c_out,u,v] = sum F[c_in,c_out,k_h,k_w] I[n,c_in,h,w] + B[c_out]

    over all c_in, h, w, k_h, k_w with hS + k_hD = u + P and wS + k_wD = v + P.

    Parameters
    ----------
    I : (N, C_in, H, W) array of float32, float64 or int64
        Input images, shaped like the output of the convolution that is transposed.
    F : (C_in, C_out/groups, K_h, K_w) array of I's dtype
        Filters, shaped as that convolution takes them.
    B : (C_out,) array of I's dtype, optional
        Biases; zero if omitted.
    stride : int or (height, width)
        S, at least 1.
    padding : int, (height, width) or ((top, bottom), (left, right))
        P, at least 0: the rows and columns cut off.
    output_padding : int or (height, width)
        Rows and columns added at the end, fewer than stride or dilation: of all inputs that the convolution maps to
        the same size it chooses one.
    dilation : int or (height, width)
        D, at least 1.
    groups : int
        Divides C_in; each group of output channels sees its own group of input channels.

    Returns
    -------
    O : (N, C_out, H_out, W_out) array of I's dtype
        H_out = (H-1) S + (K_h-1) D + 1 + output_padding - P_top - P_bottom, and W_out likewise.

    Raises
    ------
    ValueError
        If shapes or values do not fit together, or the padding leaves no output.
    TypeError
        If an argument has the wrong type, or the arrays have different dtypes.

    See Also
    --------
    conv2d_grad_input : the same sum, seen as a gradient.

    Notes
    -----
    The sum is derived in chapters/conv-gradient-input.md; the name and output_padding are explained in V. Dumoulin and
    F. Visin, "A guide to convolution arithmetic for deep learning", arXiv:1603.07285, chapter 4. It is computed with
    algorithm="auto" of `conv2d`, which may round whole numbers in float32; `conv2d_grad_input` with algorithm="gemm"
    is the same sum and does not.

    Examples
    --------
    >>> I = np.array([[[[1.0, 2.0]]]])
    >>> conv_transpose2d(I, np.array([[[[1.0, 10.0, 100.0]]]]), stride=2)[0, 0]
    array([[  1.,  10., 102.,  20., 200.]])
    """
    I = shapes.array("I", I, "N, C_in, H, W")
    F = shapes.array("F", F, "C_in, C_out/groups, K_h, K_w")
    arrays = I.shape, F.shape, I.dtype, F.dtype
    if B is not None:
        B = shapes.array("B", B, "C_out")
        arrays += B.shape, B.dtype
    geometry, name, size = _check_transposed(arrays, stride, padding, output_padding, dilation, groups)
    O = shapes.empty(size, I.dtype)
    ALGORITHMS[name].grad_input(I, F, geometry, O)
    if B is not None:
        with np.errstate(all="ignore"):  # inf - inf is NaN, silently, as in the kernels
            O += B[:, None, None]
    return O


@shapes.remembered
def _check_transposed(arrays, stride, padding, output_padding, dilation, groups):
    """Check a transposed convolution; return the geometry of the other, the name of the algorithm, the shape of O."""
    I_shape, F_shape, dtype, F_dtype, *of_B = arrays
    geometry = shapes.conv_transpose_geometry(I_shape, F_shape, stride, padding, output_padding, dilation, groups)
    N, C_in, C_out = *I_shape[:2], F_shape[1] * geometry.groups
    shapes.check_dtypes(I=dtype, F=F_dtype)
    if of_B:
        B_shape, B_dtype = of_B
        shapes.check_dtypes(I=dtype, B=B_dtype)
        shapes.check_shape("B", B_shape, "C_out", (C_out,))
    name = _choose("auto", dtype, geometry, N, C_out, C_in, geometry.input_size)
    return geometry, name, (N, C_out, *geometry.input_size)


def _choose(name, dtype, geometry, N=0, rows=0, channels=0, result=()):
    """Return the name of an algorithm that applies: `name`, or that of the best one for "auto"."""
    if not isinstance(name, str):
        raise TypeError(f"algorithm must be a string, got {type(name).__name__}: {name!r}")
    if name == "auto":
        return _best(dtype, geometry, N, rows, channels, result)
    if name not in ALGORITHMS:
        raise ValueError(f"algorithm must be 'auto' or one of {sorted(ALGORITHMS)}, got {name!r}")
    reason = ALGORITHMS[name].refusal(dtype, geometry)
    if reason is not None:
        raise ValueError(f"algorithm={name!r} does not apply: {reason}")
    return name


def _best(dtype, geometry, N, rows, channels, result):
    """Return the name of the algorithm that "auto" stands for.

    That is "direct" for int64, which has no vectors; for float32 "winograd" where it applies and is faster by its
    count of multiply-adds (`winograd.chooses`), else "gemm". It computes a result of `rows` channels, each of size
    `result`, from N images of `channels` channels; without them, as for the filters, it has nothing to offer. Who
    computes in float64 wants small errors, and whole numbers exactly: there it must be asked for.
    """
    if dtype.kind != "f":
        return "direct"
    applies = dtype == np.float32 and result and winograd.refusal(dtype, geometry) is None
    pays = applies and winograd.chooses(geometry, N, rows, channels, result, dtype.itemsize)
    return "winograd" if pays else "gemm"
