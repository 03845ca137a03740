"""Max and average pooling. The images arrive as planes: (N, C, H, W) read as (N C, H, W)."""

from lectcode.kernels import abreast, average, maximum, plain, quarters, threes, whole, winners
from lectcode.kernels.simd import lanes
from lectcode.kernels.threads import share


def planes(array):
    """View (N, C, H, W) as (N C, H, W) without copying."""
    return array.reshape(array.shape[0] * array.shape[1], *array.shape[2:])


def work(geometry, count, pixel, tap):
    """Weigh the pooling of `count` planes: a pixel and a place of a window take so many multiply-adds (measured)."""
    (H, W), (H_out, W_out), (K_h, K_w) = geometry.input_size, geometry.output_size, geometry.kernel_size
    return count * (pixel * H * W + tap * H_out * W_out * K_h * K_w)


def dense(geometry):
    """Tell whether the windows cover little more than the input, so that a copy with its surroundings is small."""
    height, width = maximum.frame_of(geometry.output_size, geometry.kernel_size, geometry.stride, geometry.dilation)
    (H, W), (K_h, K_w) = geometry.input_size, geometry.kernel_size
    return height * width <= 4 * (H + K_h) * (W + K_w) and max(height * width, H * W) <= 2**31


def abreast_applies(count, dtype):
    """Tell whether so many planes fill at least half of a vector with floats."""
    return dtype.kind == "f" and 2 * count >= lanes(dtype)


def max_forward(I, geometry, O):
    """Write the largest value of each window into O."""
    X, Y = planes(I), planes(O)
    if abreast_applies(len(X), X.dtype):
        _forward_abreast(X, None, True, geometry, Y)
        return
    window = geometry.kernel_size, geometry.stride, geometry.dilation, geometry.before
    kernel = maximum.forward if dense(geometry) else plain.max_forward
    share(kernel, len(X), work(geometry, len(X), 4, 0), X, *window, Y)


def max_backward(G, I, geometry, dI):
    """Write into dI the sum of G over the windows that each pixel wins."""
    g, X, d = planes(G), planes(I), planes(dI)
    window = geometry.kernel_size, geometry.stride, geometry.dilation, geometry.before
    if quarters.applies(geometry, X.dtype):
        share(quarters.backward, len(X), work(geometry, len(X), 8, 0), g, X, d)
    elif whole.applies(geometry, X.dtype):
        share(whole.max_backward, len(X), work(geometry, len(X), 4, 0), g, X, d)
    elif threes.applies(geometry, X.dtype):
        kernel, arguments = threes.backward(geometry, X.dtype)
        share(kernel, len(X), work(geometry, len(X), 8, 0), g, X, *arguments, d)
    elif not abreast_applies(len(X), X.dtype):
        share(plain.max_backward, len(X), work(geometry, len(X), 16, 0), g, X, *window, d)
    else:
        count = lanes(X.dtype)
        rows, room = winners.room(geometry, count)
        arguments = g, X, *window, rows, d
        weight = work(geometry, len(X), 10, 2)
        share(winners.backward, -(-len(X) // count), weight, *arguments, workspace=(room, f"i{X.itemsize}"))


def avg_forward(I, divisors, geometry, O):
    """Write the sum of each window, divided by its divisor, into O."""
    X, Y = planes(I), planes(O)
    if abreast_applies(len(X), X.dtype):
        _forward_abreast(X, divisors, False, geometry, Y)
        return
    window = geometry.kernel_size, geometry.stride, geometry.before
    share(average.forward, len(X), work(geometry, len(X), 8, 0), X, divisors, *window, Y)


def avg_backward(G, divisors, geometry, dI):
    """Write into dI the sum of G, divided by the divisors, over the windows that contain each pixel."""
    g, d = planes(G), planes(dI)
    if whole.applies(geometry, d.dtype):
        share(whole.avg_backward, len(d), work(geometry, len(d), 2, 0), g, divisors, d)
        return
    if abreast_applies(len(d), d.dtype):
        _backward_abreast(g, divisors, geometry, d)
        return
    window = geometry.kernel_size, geometry.stride, geometry.before
    share(average.backward, len(d), work(geometry, len(d), 8, 0), g, divisors, *window, d)


def _forward_abreast(X, divisors, largest, geometry, Y):
    count = lanes(X.dtype)
    window = geometry.kernel_size, geometry.stride, geometry.dilation, geometry.before
    rows, room = abreast.forward_room(geometry, count)
    arguments = X, divisors, largest, *window, rows, Y
    weight = work(geometry, len(X), 8, 2)
    share(abreast.forward, -(-len(X) // count), weight, *arguments, workspace=(room, X.dtype))


def _backward_abreast(g, divisors, geometry, d):
    count = lanes(d.dtype)
    window = geometry.kernel_size, geometry.stride, geometry.dilation, geometry.before
    rows, room = abreast.backward_room(geometry, count)
    arguments = g, divisors, *window, rows, d
    weight = work(geometry, len(d), 12, 3)
    share(abreast.backward, -(-len(d) // count), weight, *arguments, workspace=(room, d.dtype))
