"""Pooling layers and their gradients: check the arguments, allocate, call."""

import numpy as np
from numba.extending import is_jitted

from lectcode import shapes
from lectcode.kernels import pooling, scatter, windows


def pool2d(I, f, kernel_size, stride=None):
    """Apply a function to each window: the lecture's general pooling.

    ::

        O[n,c,h,w] = f(I[n,c,hS:hS+K,wS:wS+K])

    Parameters
    ----------
    I : (N, C, H, W) array of float32, float64 or int64
        Input images.
    f : function
        Takes one (K_h, K_w) window, a fresh array of I's dtype that it may overwrite, and returns one number: an
        integer if I holds int64. A function compiled by Numba runs compiled, any other as plain Python.
    kernel_size : int or (height, width)
        K, at least 1.
    stride : int or (height, width), optional
        S, at least 1; kernel_size if omitted.

    Returns
    -------
    O : (N, C, H_out, W_out) array of I's dtype
        Its size is given by `output_size`.

    Raises
    ------
    ValueError
        If a shape or value is wrong, or the window is larger than the input.
    TypeError
        If an argument has the wrong type, or f does not return a number that I's dtype can hold.

    See Also
    --------
    max_pool2d : the largest value of each window, with padding, and faster.
    avg_pool2d : the mean of each window, with padding, and faster.

    Notes
    -----
    Derived in chapters/pooling.md.

    Examples
    --------
    >>> I = np.arange(16.0).reshape(1, 1, 4, 4)
    >>> pool2d(I, np.ptp, kernel_size=2)[0, 0]
    array([[5., 5.],
           [5., 5.]])
    """
    I = shapes.array("I", I, "N, C, H, W")
    geometry, size = _check((I.shape,), kernel_size, stride, 0, 1, False)
    O = np.empty(size, I.dtype)
    _check_function("f", f)
    if O.size:
        f, loops = _numbers("f", f, (), I, geometry), windows.compiled_pool if is_jitted(f) else windows.pool
        loops(I, f, geometry.kernel_size, geometry.stride, O)
    return O


def pool2d_backward(G, I, df, kernel_size, stride=None):
    """Return the gradient of the loss by the input of `pool2d`.

    ::

        dL/dI[n,c,u,v] = sum_{h,w} G[n,c,h,w] df(I[n,c,hS:hS+K,wS:wS+K])[u-hS,v-wS]

    over the windows (h,w) that contain (u,v).

    Parameters
    ----------
    G : (N, C, H_out, W_out) array of I's dtype
        dL/dO, the gradient by the output of `pool2d`.
    I : (N, C, H, W) array of float32, float64 or int64
        Input images.
    df : function
        Takes one (K_h, K_w) window like the f of `pool2d`, and returns the (K_h, K_w) array of the partial
        derivatives of f.
    kernel_size, stride
        As in `pool2d`.

    Returns
    -------
    dI : (N, C, H, W) array of I's dtype

    Raises
    ------
    ValueError, TypeError
        As `pool2d`, if G does not have the shape of its output, or df does not return an array of the window's shape.

    Notes
    -----
    Derived in chapters/pooling.md.

    Examples
    --------
    >>> I = np.arange(6.0).reshape(1, 1, 2, 3)
    >>> pool2d_backward(np.ones((1, 1, 1, 2)), I, lambda window: 2 * window, kernel_size=2, stride=1)[0, 0]
    array([[ 0.,  4.,  4.],
           [ 6., 16., 10.]])
    """
    G, I, geometry = _backward_arguments(G, I, kernel_size, stride)
    dI = np.zeros(I.shape, I.dtype)
    _check_function("df", df)
    if G.size:
        df = _numbers("df", df, geometry.kernel_size, I, geometry)
        loops = windows.compiled_pool_backward if is_jitted(df) else windows.pool_backward
        loops(G, I, df, geometry.kernel_size, geometry.stride, dI)
    return dI


def max_pool2d(I, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_winners=False):
    """Take the largest value of each window.

    ::

        O[n,c,h,w] = max_{k_h,k_w} I[n,c,hS+k_hD-P,wS+k_wD-P]

    over the positions inside the input: the padding counts as minus infinity. A window with a NaN gives NaN.

    Parameters
    ----------
    I : (N, C, H, W) array of float32, float64 or int64
        Input images.
    kernel_size : int or (height, width)
        K, at least 1.
    stride : int or (height, width), optional
        S, at least 1; kernel_size if omitted.
    padding : int, (height, width) or ((top, bottom), (left, right))
        P, smaller than (K-1) D + 1 so that every window meets the input.
    dilation : int or (height, width)
        D, at least 1.
    ceil_mode : bool
        Round the output size up, as in `output_size`.
    return_winners : bool
        Whether to return where the maxima stand, too.

    Returns
    -------
    O : (N, C, H_out, W_out) array of I's dtype
        Its size is given by `output_size`.
    winners : (N, C, H_out, W_out) array of int32 if I holds float32, else int64
        Only with return_winners: u W + v, where (u,v) is the place in its plane of the first of the largest values, or
        of the first NaN. For `max_pool2d_backward`, which then need not find them again.

    Raises
    ------
    ValueError
        If a shape or value is wrong, a window lies wholly outside the input, or the window is larger than the padded
        input.
    TypeError
        If an argument has the wrong type.

    See Also
    --------
    max_pool2d_backward : the gradient of this function.
    lectcode.reference.max_pool2d : the same formula, unoptimised.

    Notes
    -----
    Derived in chapters/pooling.md. PyTorch's return_indices=True gives the same winners as int64, but for NaN, of which
    it takes the last.

    Examples
    --------
    >>> I = np.array([[[[1.0, 3.0, 2.0], [4.0, 0.0, 9.0]]]])
    >>> max_pool2d(I, kernel_size=2, stride=1)
    array([[[[4., 9.]]]])
    >>> O, winners = max_pool2d(I, kernel_size=2, stride=1, return_winners=True)
    >>> winners[0, 0]  # pixel (1, 0) and pixel (1, 2) of planes that are 3 wide
    array([[3, 5]])
    """
    I = shapes.array("I", I, "N, C, H, W")
    geometry, size = _check((I.shape,), kernel_size, stride, padding, dilation, ceil_mode)
    O = shapes.empty(size, I.dtype)
    if not shapes.switch("return_winners", return_winners):
        pooling.max_forward(I, geometry, O)
        return O
    winners = np.empty(size, _winners_dtype(I))
    pooling.max_forward_with_winners(I, geometry, O, winners)
    return O, winners


def max_pool2d_backward(G, I, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, winners=None):
    """Return the gradient of the loss by the input of `max_pool2d`.

    ::

        dL/dI[n,c,u,v] = sum of G[n,c,h,w] over the windows (h,w) whose maximum is at (u,v)

    Of several largest values, or several NaN, the first in row-major order is the maximum.

    Parameters
    ----------
    G : (N, C, H_out, W_out) array of I's dtype
        dL/dO, the gradient by the output of `max_pool2d`.
    I : (N, C, H, W) array of float32, float64 or int64
        Input images; of them only the shape matters if the winners are given.
    kernel_size, stride, padding, dilation, ceil_mode
        As in `max_pool2d`.
    winners : (N, C, H_out, W_out) array of int32 if I holds float32, else int64, optional
        What `max_pool2d` returned for I with return_winners. Without, they are found again, which takes longer.

    Returns
    -------
    dI : (N, C, H, W) array of I's dtype
        The sums of several windows may be added in another order if the winners are given.

    Raises
    ------
    ValueError, TypeError
        As `max_pool2d`, if G or the winners do not have the shape of its output, and if a winner is no pixel. Whether a
        pixel lies in its window is not checked.

    Notes
    -----
    Derived in chapters/pooling.md. PyTorch breaks ties in the same way but takes the last of several NaN.

    Examples
    --------
    >>> I = np.array([[[[1.0, 5.0, 2.0], [4.0, 5.0, 0.0]]]])
    >>> max_pool2d_backward(np.array([[[[1.0, 10.0]]]]), I, kernel_size=2, stride=1)[0, 0]
    array([[ 0., 11.,  0.],
           [ 0.,  0.,  0.]])
    >>> O, winners = max_pool2d(I, kernel_size=2, stride=1, return_winners=True)
    >>> max_pool2d_backward(np.array([[[[1.0, 10.0]]]]), I, kernel_size=2, stride=1, winners=winners)[0, 0]
    array([[ 0., 11.,  0.],
           [ 0.,  0.,  0.]])
    """
    G, I, geometry = _backward_arguments(G, I, kernel_size, stride, padding, dilation, ceil_mode)
    dI = np.empty(I.shape, I.dtype)
    if winners is None:
        pooling.max_backward(G, I, geometry, dI)
    else:
        pooling.max_backward_to_winners(G, _winners(winners, G, I), dI)
    return dI


def avg_pool2d(I, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None):
    """Take the mean of each window.

    ::

        O[n,c,h,w] = (1 / d[h,w]) sum_{k_h,k_w} I[n,c,hS+k_h-P,wS+k_w-P]

    over the positions inside the input; d[h,w] counts them, with those in the padding if count_include_pad.

    Parameters
    ----------
    I : (N, C, H, W) array of float32, float64 or int64
        Input images. A mean of integers is not an integer: int64 needs divisor_override=1, which gives the sums.
    kernel_size : int or (height, width)
        K, at least 1.
    stride : int or (height, width), optional
        S, at least 1; kernel_size if omitted.
    padding : int, (height, width) or ((top, bottom), (left, right))
        P, smaller than K so that every window meets the input.
    ceil_mode : bool
        Round the output size up, as in `output_size`. What overhangs the padded input is never counted.
    count_include_pad : bool
        Whether d[h,w] counts the positions in the padding.
    divisor_override : int, optional
        d for all windows; not 0.

    Returns
    -------
    O : (N, C, H_out, W_out) array of I's dtype
        Its size is given by `output_size`.

    Raises
    ------
    ValueError
        If a shape or value is wrong, or the window is larger than the padded input.
    TypeError
        If an argument has the wrong type.

    See Also
    --------
    avg_pool2d_backward : the gradient of this function.
    lectcode.reference.avg_pool2d : the same formula, unoptimised.

    Notes
    -----
    Derived in chapters/pooling.md.

    Examples
    --------
    >>> I = np.array([[[[1.0, 3.0, 2.0], [4.0, 0.0, 9.0]]]])
    >>> avg_pool2d(I, kernel_size=2, stride=1)
    array([[[[2. , 3.5]]]])
    """
    I = shapes.array("I", I, "N, C, H, W")
    geometry, size = _check((I.shape,), kernel_size, stride, padding, 1, ceil_mode)
    divisors = shapes.divisors(geometry, count_include_pad, divisor_override, I.dtype)
    O = shapes.empty(size, I.dtype)
    pooling.avg_forward(I, divisors, geometry, O)
    return O


def avg_pool2d_backward(
    G, I, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None
):
    """Return the gradient of the loss by the input of `avg_pool2d`.

    ::

        dL/dI[n,c,u,v] = sum of G[n,c,h,w] / d[h,w] over the windows (h,w) that contain (u,v)

    Parameters
    ----------
    G : (N, C, H_out, W_out) array of I's dtype
        dL/dO, the gradient by the output of `avg_pool2d`.
    I : (N, C, H, W) array of float32, float64 or int64
        Input images; only their shape matters.
    kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
        As in `avg_pool2d`.

    Returns
    -------
    dI : (N, C, H, W) array of I's dtype

    Raises
    ------
    ValueError, TypeError
        As `avg_pool2d`, and if G does not have the shape of its output.

    Notes
    -----
    Derived in chapters/pooling.md.

    Examples
    --------
    >>> avg_pool2d_backward(np.array([[[[4.0, 8.0]]]]), np.zeros((1, 1, 2, 3)), kernel_size=2, stride=1)[0, 0]
    array([[1., 3., 2.],
           [1., 3., 2.]])
    """
    G, I, geometry = _backward_arguments(G, I, kernel_size, stride, padding, ceil_mode=ceil_mode)
    divisors = shapes.divisors(geometry, count_include_pad, divisor_override, I.dtype)
    dI = np.empty(I.shape, I.dtype)
    pooling.avg_backward(G, divisors, geometry, dI)
    return dI


def _winners_dtype(I):
    """Return the integers that number the pixels of a plane."""
    H, W = I.shape[2:]
    if I.itemsize == 4 and H * W > shapes.LARGEST:
        raise ValueError(
            f"I must have at most {shapes.LARGEST} pixels a plane, for int32 to number them, got {H} x {W}"
        )
    return pooling.winners_dtype(I.dtype)


def _winners(winners, G, I):
    """Check that these are winners, one for each number of G, and pixels of I."""
    winners = shapes.array("winners", winners, "N, C, H_out, W_out", (_winners_dtype(I),))
    shapes.check_shape("winners", winners.shape, "N, C, H_out, W_out", G.shape)
    H, W = I.shape[2:]
    wrong = scatter.outside(winners, H * W)
    if wrong < winners.size:
        place = ", ".join(map(str, np.unravel_index(wrong, G.shape)))
        raise ValueError(
            f"winners must be pixels u W + v of a plane, at least 0 and less than H W = {H * W}, got "
            f"winners[{place}] = {winners.flat[wrong]}"
        )
    return winners


def _backward_arguments(G, I, kernel_size, stride, padding=0, dilation=1, ceil_mode=False):
    """Check what all gradients of pooling are given; return G, I and the geometry."""
    G = shapes.array("G", G, "N, C, H_out, W_out")
    I = shapes.array("I", I, "N, C, H, W")
    arrays = I.shape, I.dtype, G.shape, G.dtype
    geometry, _ = _check(arrays, kernel_size, stride, padding, dilation, ceil_mode)
    return G, I, geometry


@shapes.remembered
def _check(arrays, kernel_size, stride, padding, dilation, ceil_mode):
    """Check a pooling and, if there is a G, its gradient; return the geometry and the shape of O."""
    I_shape, *others = arrays
    if others:
        dtype, G_shape, G_dtype = others
        shapes.check_dtypes(I=dtype, G=G_dtype)
    geometry = shapes.pool_geometry(I_shape[2:], kernel_size, stride, padding, dilation, ceil_mode)
    size = *I_shape[:2], *geometry.output_size
    if others:
        shapes.check_shape("G", G_shape, "N, C, H_out, W_out", size)
    return geometry, size


def _check_function(name, function):
    if not callable(function):
        raise TypeError(f"{name} must be a function of one window, got {type(function).__name__}: {function!r}")


def _numbers(name, function, shape, I, geometry):
    """Return a function that checks each result of a plain one; of a compiled one the first result tells the type."""
    wanted = "an array" if shape else "one number"

    def checked(window):
        result = function(window)
        plain = isinstance(result, np.ndarray) and not isinstance(result, np.ma.MaskedArray)
        if not (plain if shape else np.ndim(result) == 0 and not isinstance(result, np.ndarray)):
            raise TypeError(f"{name} must return {wanted}, got {type(result).__name__}: {result!r}")
        dtype = np.asarray(result).dtype
        if not np.can_cast(dtype, np.float64 if I.dtype.kind == "f" else np.int64, "safe"):
            raise TypeError(f"{name} must return {wanted} that {I.dtype} can hold, got {dtype}")
        if np.shape(result) != shape:
            raise ValueError(f"{name} must return an array of the window's shape, {shape}, got shape {result.shape}")
        return result

    if not is_jitted(function):
        return checked
    K_h, K_w = geometry.kernel_size
    checked(I[0, 0, :K_h, :K_w].copy())
    return function
