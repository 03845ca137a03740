"""Output sizes, the geometry of a sliding window, and the argument checks with the wording of their errors.

Every public function checks its arguments here, at the door, so that the kernels only loop. An error names the
argument, shows its value and states the rule: TypeError for a wrong type, ValueError for a wrong shape or value.
"""

from dataclasses import dataclass
from functools import lru_cache, wraps

import numpy as np

DTYPES = (np.dtype(np.float32), np.dtype(np.float64), np.dtype(np.int64))
FLOATS = DTYPES[:2]
LARGEST = 2**31 - 1  # sums and products of two such numbers still fit the kernels' 64-bit indices
AXES = ("height", "width")
SIMPLE = (int, str, type(None), bool)  # types of options


def output_size(H, K, *, stride=1, padding=0, dilation=1, ceil_mode=False, exact=False):
    """Count the positions of a sliding window along one axis.

    ::

        H_out = floor((H + P_before + P_after - K') / S) + 1   where K' = (K - 1) D + 1

    Parameters
    ----------
    H : int
        Length of the input along the axis, at least 0.
    K : int
        Length of the kernel along the axis, at least 1.
    stride : int
        S, the step between two positions, at least 1.
    padding : int or (before, after)
        P, the number of elements added at each end, at least 0.
    dilation : int
        D, the distance between two neighbouring kernel elements, at least 1.
    ceil_mode : bool
        Round up instead of down: the last window may overhang, but one that would start in the padding after the
        input is dropped, as in PyTorch.
    exact : bool
        The lecture's rule: refuse a stride that does not divide H + P_before + P_after - K'.

    Returns
    -------
    int
        H_out, at least 1.

    Raises
    ------
    ValueError
        If a value is out of range, if the kernel does not fit in the padded input, or if exact=True and the stride does
        not divide.
    TypeError
        If a length is not an integer or a switch not a bool.

    See Also
    --------
    conv2d, max_pool2d, avg_pool2d : the functions that use it along both axes.

    Notes
    -----
    Derived in chapters/shapes.md.

    Examples
    --------
    >>> output_size(7, 3, stride=2)
    3
    >>> output_size(8, 3, stride=2), output_size(8, 3, stride=2, ceil_mode=True)
    (3, 4)
    >>> output_size(8, 3, stride=2, exact=True)
    Traceback (most recent call last):
        ...
    ValueError: stride must divide H + padding - kernel = 8 + 0 - 3 = 5 if exact=True, got stride=2
    """
    H, K = integer("H", H, 0), integer("K", K, 1)
    stride, dilation = integer("stride", stride, 1), integer("dilation", dilation, 1)
    P_before, P_after = pair("padding", padding, 0, form="(before, after)")
    ceil_mode, exact = switch("ceil_mode", ceil_mode), switch("exact", exact)
    K_dilated = (K - 1) * dilation + 1
    free = H + P_before + P_after - K_dilated  # how far the kernel can slide
    if ceil_mode and max(P_before, P_after) >= K_dilated:
        raise ValueError(
            f"padding must be smaller than the dilated kernel, {K_dilated}, if ceil_mode=True, got padding={padding}"
        )
    H_out = -(-free // stride) + 1 if ceil_mode else free // stride + 1
    if ceil_mode and (H_out - 1) * stride >= P_before + H:
        H_out -= 1
    if H_out < 1:
        dilated = f" (dilated {K_dilated})" if dilation > 1 else ""
        raise ValueError(
            f"a kernel of length {K}{dilated} does not fit in the padded input of length "
            f"{P_before} + {H} + {P_after} = {P_before + H + P_after}: the output would be empty"
        )
    if exact and free % stride:
        raise ValueError(
            f"stride must divide H + padding - kernel = {H} + {P_before + P_after} - {K_dilated} = {free} "
            f"if exact=True, got stride={stride}"
        )
    return H_out


@dataclass(frozen=True)
class Geometry:
    """How a window slides over an image; every pair is (height, width)."""

    input_size: tuple  # H, W
    kernel_size: tuple  # K_h, K_w
    output_size: tuple  # H_out, W_out
    stride: tuple  # S_h, S_w
    dilation: tuple  # D_h, D_w
    before: tuple  # padding at the top, at the left
    after: tuple  # padding at the bottom, at the right
    groups: int

    def __post_init__(self):
        object.__setattr__(self, "_hash", hash(tuple(vars(self).values())))

    def __hash__(self):
        """Return what was computed once: plans are kept by geometry, and looked up in each call."""
        return self._hash


@lru_cache(1024)  # so that equal geometries are one object: who looks up a plan by it compares no numbers
def _slide(input_size, kernel_size, stride, padding, dilation, ceil_mode=False, groups=1):
    """Return the Geometry of checked pairs; an error says along which axis."""
    output = []
    for axis, H, K, S, P, D in zip(AXES, input_size, kernel_size, stride, padding, dilation, strict=True):
        try:
            output.append(output_size(H, K, stride=S, padding=P, dilation=D, ceil_mode=ceil_mode))
        except ValueError as error:
            raise ValueError(f"along the {axis}, {error}") from None
    before, after = zip(*padding, strict=True)
    return Geometry(input_size, kernel_size, tuple(output), stride, dilation, before, after, groups)


def remembered(check):
    """Let a check remember its answers: a layer is called again and again, and a small one takes no longer than that.

    check(arrays, *options) is given shapes and dtypes of arrays, and the options as the caller wrote them. To a cache
    True, 1.0 and 1 are the same. This one tells options apart by type too, but not what is in a tuple: so only tuples
    of plain integers may ask it. Other options, a list or NumPy's integers, are checked each time.
    """
    answers = lru_cache(1024, typed=True)(check)

    @wraps(check)
    def ask(arrays, *options):
        return (answers if _plain(options, SIMPLE) else check)(arrays, *options)

    return ask


def _plain(values, types):
    """Tell whether all values are of one of these types, or tuples of plain integers."""
    for value in values:
        if type(value) not in types and not (type(value) is tuple and _plain(value, (int,))):
            return False
    return True


def conv_geometry(C_in, input_size, F_shape, stride, padding, dilation, groups):
    """Check how filters of shape F_shape slide over images with C_in channels."""
    C_out, C_group, *kernel_size = F_shape
    groups = integer("groups", groups, 1)
    for name, channels in (("C_in", C_in), ("C_out", C_out)):
        if channels % groups:
            raise ValueError(f"groups must divide {name} = {channels}, got groups={groups}")
    if C_group * groups != C_in:
        raise ValueError(
            f"F must have C_in/groups = {C_in}/{groups} = {C_in // groups} channels because I has {C_in}, "
            f"got F.shape={tuple(F_shape)}"
        )
    if min(kernel_size) < 1:
        raise ValueError(f"F must have at least one row and one column, got F.shape={tuple(F_shape)}")
    stride, dilation = pair("stride", stride, 1), pair("dilation", dilation, 1)
    if isinstance(padding, str):
        padding = _named_padding(padding, kernel_size, stride, dilation)
    padding = sides("padding", padding)
    return _slide(tuple(input_size), tuple(kernel_size), stride, padding, dilation, groups=groups)


def _named_padding(name, kernel_size, stride, dilation):
    """Return ((top, bottom), (left, right)) for padding="valid" and padding="same"."""
    if name not in ("valid", "same"):
        raise ValueError(f"padding must be 'valid', 'same' or numbers, got {name!r}")
    if name == "valid":
        return ((0, 0), (0, 0))
    if stride != (1, 1):
        raise ValueError(f"padding='same' needs stride 1, got stride={stride}")
    spans = [(K - 1) * D for K, D in zip(kernel_size, dilation, strict=True)]
    return tuple((span // 2, span - span // 2) for span in spans)  # an odd total puts the extra row at the end


def conv_transpose_geometry(I_shape, F_shape, stride, padding, output_padding, dilation, groups):
    """Check the geometry of the convolution whose adjoint is wanted: I has the size of its output."""
    (_, C_in, *size), (F_channels, _, *kernel_size) = I_shape, F_shape
    groups = integer("groups", groups, 1)
    if F_channels != C_in:
        raise ValueError(f"F must have one filter per channel of I, C_in = {C_in}, got F.shape={F_shape}")
    if C_in % groups:
        raise ValueError(f"groups must divide C_in = {C_in}, got groups={groups}")
    if min(size) < 1 or min(kernel_size) < 1:
        raise ValueError(f"I and F must have at least one row and one column, got {I_shape=} and {F_shape=}")
    stride, dilation = pair("stride", stride, 1), pair("dilation", dilation, 1)
    padding, extra = sides("padding", padding), pair("output_padding", output_padding, 0)
    output = []
    for axis, H, K, S, (before, after), D, A in zip(
        AXES, size, kernel_size, stride, padding, dilation, extra, strict=True
    ):
        if max(S, D) <= A:
            raise ValueError(
                f"output_padding must be smaller than stride or dilation, {max(S, D)} along the {axis}, got {A}"
            )
        output.append((H - 1) * S + (K - 1) * D + 1 + A - before - after)
        if output[-1] < 1:
            raise ValueError(
                f"padding must leave an output, but along the {axis} (H-1)S + (K-1)D + 1 + output_padding = "
                f"{output[-1] + before + after} and padding = {before} + {after}"
            )
    before, after = zip(*padding, strict=True)
    return Geometry(tuple(output), tuple(kernel_size), tuple(size), stride, dilation, before, after, groups)


def pool_geometry(input_size, kernel_size, stride, padding=0, dilation=1, ceil_mode=False):
    """Check how a pooling window slides; every window must meet the input."""
    kernel_size = pair("kernel_size", kernel_size, 1)
    stride = kernel_size if stride is None else pair("stride", stride, 1)
    dilation, padding = pair("dilation", dilation, 1), sides("padding", padding)
    ceil_mode = switch("ceil_mode", ceil_mode)
    for axis, K, P, D in zip(AXES, kernel_size, padding, dilation, strict=True):
        K_dilated = (K - 1) * D + 1
        if max(P) >= K_dilated:
            raise ValueError(
                f"padding must be smaller than the dilated kernel, {K_dilated} along the {axis}, got padding={P}: "
                "every window must meet the input"
            )
    geometry = _slide(tuple(input_size), kernel_size, stride, padding, dilation, ceil_mode)
    for axis, H, S, D, P, H_out in zip(
        AXES, input_size, stride, dilation, geometry.before, geometry.output_size, strict=True
    ):
        for h in range(H_out) if D > H else ():  # the input may hide between two elements that are far apart
            if h * S < P and (h * S - P) % D >= H:
                raise ValueError(
                    f"every window must meet the input, but along the {axis} window {h} begins at {h * S - P}, its "
                    f"elements are {D} apart and the input has length {H}; change padding or dilation"
                )
    return geometry


def divisors(geometry, count_include_pad, divisor_override, dtype):
    """Return d[h, w], the number of positions that window (h, w) averages; None if the sums are wanted."""
    count_include_pad = switch("count_include_pad", count_include_pad)
    if divisor_override is not None:
        divisor_override = integer("divisor_override", divisor_override, -LARGEST)
        if divisor_override == 0:
            raise ValueError("divisor_override must not be 0, got 0")
    if divisor_override == 1:
        return None
    if dtype.kind != "f":
        raise TypeError("I must hold floats, got int64: a mean of integers is not an integer (divisor_override=1 sums)")
    return _divisors(geometry, count_include_pad, divisor_override, dtype)


@lru_cache(32)
def _divisors(geometry, count_include_pad, divisor_override, dtype):
    """Return the divisors as a read-only array."""
    if divisor_override is not None:
        d = np.full(geometry.output_size, divisor_override, dtype)
    else:
        counts = []
        for axis in (0, 1):
            start = np.arange(geometry.output_size[axis]) * geometry.stride[axis] - geometry.before[axis]
            end, H = start + geometry.kernel_size[axis], geometry.input_size[axis]
            if count_include_pad:  # what overhangs the padded input does not count
                counts.append(np.minimum(end, H + geometry.after[axis]) - start)
            else:
                counts.append(np.minimum(end, H) - np.maximum(start, 0))
        d = np.multiply.outer(*counts).astype(dtype)
    d.flags.writeable = False
    return d


def array(name, value, axes, dtypes=DTYPES):
    """Return the argument `name` as an aligned, C-ordered, native and read-only array, after checking type and rank.

    One layout and one mutability mean one compiled version per dtype, and Numba refuses to compile a kernel that
    writes into a read-only array: that the inputs are never written is checked by the compiler.
    """
    usual = type(value) is np.ndarray and value.dtype in dtypes  # then its bytes are in the order of this machine
    if not usual and (not isinstance(value, np.ndarray) or isinstance(value, np.ma.MaskedArray)):
        raise TypeError(f"{name} must be a NumPy array ({axes}), got {type(value).__name__}: {_short(value)}")
    if not usual and value.dtype.newbyteorder("=") not in dtypes:
        *others, last = map(str, dtypes)
        names = f"{', '.join(others)} or {last}" if others else last
        raise TypeError(f"{name} must hold {names}, got {value.dtype}")
    if value.ndim != axes.count(",") + 1:
        raise ValueError(f"{name} must have the axes ({axes}), got {name}.shape={value.shape}")
    flags = value.flags
    if not (usual and flags.c_contiguous and flags.aligned):
        value = np.require(np.asarray(value), value.dtype.newbyteorder("="), ["C_CONTIGUOUS", "ALIGNED"])
    value = value.view()
    value.setflags(False)  # by position, which is twice as fast: not writeable
    return value


def empty(size, dtype):
    """Return an array for a result; that its shape is more than any memory holds is an error of the arguments."""
    try:
        return np.empty(size, dtype)
    except ValueError:
        raise ValueError(f"the sizes, padding and stride imply a result of shape {size}: no memory holds it") from None


def floats(name, value):
    """Return the argument `name`, an array of floats of any shape, in the byte order of this machine."""
    if not isinstance(value, np.ndarray) or isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{name} must be a NumPy array, got {type(value).__name__}: {_short(value)}")
    if value.dtype.newbyteorder("=") not in FLOATS:
        raise TypeError(f"{name} must hold float32 or float64, got {value.dtype}")
    return np.asarray(value, value.dtype.newbyteorder("="))


def generator(rng):
    """Return the argument `rng`, after checking."""
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng must be a numpy.random.Generator, got {type(rng).__name__}: {_short(rng)}")
    return rng


def number(name, value):
    """Return a Python float; bools, words and arrays are no numbers."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"{name} must be a number, got {type(value).__name__}: {_short(value)}")
    return float(value)


def check_dtypes(**dtypes):
    """Refuse arrays of different dtypes: a silent conversion would hide a loss of precision."""
    (first, expected), *others = dtypes.items()
    for name, dtype in others:
        if dtype != expected:
            raise TypeError(f"{name} must have the dtype of {first}, {expected}, got {dtype}; convert one of them")


def check_shape(name, shape, axes, expected):
    """Refuse an array whose shape is not the one the other arguments imply."""
    if shape != expected:
        raise ValueError(f"{name} must have the shape ({axes}) = {expected}, got {name}.shape={shape}")


def integer(name, value, least):
    """Return a Python int, at least `least`; NumPy integers are welcome, bools and floats are not."""
    if type(value) is int and least <= value <= LARGEST:  # the usual case, quickly
        return value
    if isinstance(value, bool | np.bool_) or not hasattr(type(value), "__index__"):
        raise TypeError(f"{name} must be an integer, got {type(value).__name__}: {_short(value)}")
    try:
        number = value.__index__()
    except TypeError:  # an array has __index__, but only a whole 0-d one can use it
        raise TypeError(f"{name} must be an integer, got {type(value).__name__}: {_short(value)}") from None
    if not least <= number <= LARGEST:
        bound = f"at least {least}" if number < least else "at most 2**31 - 1"
        raise ValueError(f"{name} must be {bound}, got {number}")
    return number


def pair(name, value, least, form="(height, width)"):
    """Return a pair of integers from one integer for both or from a pair."""
    if not isinstance(value, tuple | list):
        return (integer(name, value, least),) * 2
    if len(value) != 2:
        raise ValueError(f"{name} must be an integer or {form}, got {_short(value)}")
    return tuple(integer(f"{name}[{i}]", entry, least) for i, entry in enumerate(value))


def sides(name, value):
    """Return ((top, bottom), (left, right)) from an int, a pair of ints or a pair of pairs."""
    if not isinstance(value, tuple | list):
        return (pair(name, value, 0),) * 2
    if len(value) != 2:
        raise ValueError(
            f"{name} must be an integer, (height, width) or ((top, bottom), (left, right)), got {_short(value)}"
        )
    return tuple(pair(f"{name}[{i}]", side, 0, form="a pair") for i, side in enumerate(value))


def switch(name, value):
    """Return a bool, and refuse anything that merely looks true."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True or False, got {type(value).__name__}: {_short(value)}")
    return bool(value)


def _short(value):
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
