"""Max and average pooling. The images arrive as planes: (N, C, H, W) read as (N C, H, W).

Which loops serve depends on the number of planes, the geometry and the dtype. It is chosen once for each of these, and
kept: a small layer takes no longer than the choice. So are the tasks, their work, the workspace, and what the loops are
told between their inputs and their output.
"""

from functools import lru_cache

import numpy as np

from lectcode.kernels import abreast, average, maximum, plain, quarters, scatter, small, threes, whole, winners
from lectcode.kernels.simd import lanes
from lectcode.kernels.threads import share


def planes(array):
    """View (N, C, H, W) as (N C, H, W) without copying."""
    N, C, H, W = array.shape
    return array.reshape(N * C, H, W)


def work(geometry, count, dtype, pixel, tap):
    """Weigh the pooling of `count` planes: a pixel and a place of a window take so many multiply-adds (measured).

    Of float32; a number of eight bytes takes twice as long.
    """
    (H, W), (H_out, W_out), (K_h, K_w) = geometry.input_size, geometry.output_size, geometry.kernel_size
    return count * (pixel * H * W + tap * H_out * W_out * K_h * K_w) * dtype.itemsize // 4


def dense(geometry):
    """Tell whether the windows cover little more than the input, so that a copy with its surroundings is small."""
    height, width = maximum.frame_of(geometry.output_size, geometry.kernel_size, geometry.stride, geometry.dilation)
    (H, W), (K_h, K_w) = geometry.input_size, geometry.kernel_size
    return height * width <= 4 * (H + K_h) * (W + K_w) and max(height * width, H * W) <= 2**31


def abreast_applies(count, dtype, winners=False):
    """Tell whether so many planes fill at least half of a vector with floats.

    Who also asks where a number stands is content with two: the loops of one plane then take as long as a vector does.
    """
    return dtype.kind == "f" and (count >= 2 if winners else 2 * count >= lanes(dtype))


def winners_dtype(dtype):
    """Return the integers that number the pixels of a plane: as wide as its numbers, so that vectors hold as many."""
    return np.dtype(f"i{dtype.itemsize}")


@lru_cache
def no_divisors(dtype):
    """Return what the loops take instead of divisors where they shall only sum: with None they would compile twice."""
    divisors = np.empty((0, 0), dtype)
    divisors.flags.writeable = False
    return divisors


def max_forward(I, geometry, O):
    """Write the largest value of each window into O."""
    X = planes(I)
    kernel, tasks, weight, told, workspace = max_forward_loops(len(X), geometry, X.dtype)
    share(kernel, tasks, weight, X, *told, planes(O), workspace=workspace)


def max_forward_with_winners(I, geometry, O, winners):
    """Write the largest value of each window into O, and which pixel of its plane it is into `winners`."""
    X = planes(I)
    kernel, tasks, weight, told, workspace = max_winners_loops(len(X), geometry, X.dtype)
    share(kernel, tasks, weight, X, *told, planes(winners), planes(O), workspace=workspace)


def max_backward_to_winners(G, winners, dI):
    """Write into dI the sum of G over the windows whose winner a pixel is."""
    N, C, H, W = dI.shape
    count, size = G.shape[2] * G.shape[3], H * W
    share(scatter.backward, N * C, N * C * (40 * count + 4 * size), G, winners, count, size, dI)


def max_backward(G, I, geometry, dI):
    """Write into dI the sum of G over the windows that each pixel wins."""
    X = planes(I)
    kernel, tasks, weight, told, workspace = max_backward_loops(len(X), geometry, X.dtype)
    share(kernel, tasks, weight, planes(G), X, *told, planes(dI), workspace=workspace)


def avg_forward(I, divisors, geometry, O):
    """Write the sum of each window, divided by its divisor unless `divisors` is None, into O."""
    X = planes(I)
    kernel, tasks, weight, told, workspace = avg_forward_loops(len(X), geometry, X.dtype)
    divisors = no_divisors(X.dtype) if divisors is None else divisors
    share(kernel, tasks, weight, X, divisors, *told, planes(O), workspace=workspace)


def avg_backward(G, divisors, geometry, dI):
    """Write into dI the sum of G, divided by `divisors` unless None, over the windows that contain each pixel."""
    d = planes(dI)
    kernel, tasks, weight, told, workspace = avg_backward_loops(len(d), geometry, d.dtype)
    divisors = no_divisors(d.dtype) if divisors is None else divisors
    share(kernel, tasks, weight, planes(G), divisors, *told, d, workspace=workspace)


@lru_cache(1024)
def max_forward_loops(count, geometry, dtype):
    """Choose how to find the largest values."""
    window = geometry.kernel_size, geometry.stride, geometry.dilation, geometry.before
    if whole.applies(geometry, dtype):
        return whole.max_forward, count, work(geometry, count, dtype, 10, 0), (None,), None
    if abreast_applies(count, dtype):
        rows, room = abreast.forward_room(geometry, lanes(dtype))
        told = no_divisors(dtype), True, *window, rows
        return abreast.forward, *_groups(geometry, count, dtype, 8, 2), told, (room, dtype)
    if dense(geometry):
        return maximum.forward, count, work(geometry, count, dtype, 4, 0), window, None
    return plain.max_forward, count, work(geometry, count, dtype, 16, 0), (*window, None), None


@lru_cache(1024)
def max_winners_loops(count, geometry, dtype):
    """Choose how to find the largest values and where they stand."""
    window = geometry.kernel_size, geometry.stride, geometry.dilation, geometry.before
    if whole.applies(geometry, dtype):
        return whole.max_forward, count, work(geometry, count, dtype, 10, 0), (), None
    if abreast_applies(count, dtype, winners=True):
        rows, room = winners.room(geometry, lanes(dtype), True)
        workspace = room, winners_dtype(dtype)
        return winners.forward, *_groups(geometry, count, dtype, 10, 4), (*window, rows), workspace
    return plain.max_forward, count, work(geometry, count, dtype, 16, 0), window, None


@lru_cache(1024)
def max_backward_loops(count, geometry, dtype):
    """Choose how to give G to the winners."""
    window = geometry.kernel_size, geometry.stride, geometry.dilation, geometry.before
    if quarters.applies(geometry, dtype):
        return quarters.backward, count, work(geometry, count, dtype, 6, 0), (), None
    if whole.applies(geometry, dtype):
        return whole.max_backward, count, work(geometry, count, dtype, 12, 0), (), None
    if threes.applies(geometry, dtype):
        kernel, told = threes.backward(geometry, dtype)
        return kernel, count, work(geometry, count, dtype, 10, 3), told, None
    integers = winners_dtype(dtype)
    if small.applies(geometry, dtype):
        told, room = small.plan(geometry, lanes(dtype))
        return small.backward, count, work(geometry, count, dtype, 7, 3), told, (room, integers)
    if abreast_applies(count, dtype, winners=True):
        rows, room = winners.room(geometry, lanes(dtype), False)
        return winners.backward, *_groups(geometry, count, dtype, 10, 2), (*window, rows), (room, integers)
    return plain.max_backward, count, work(geometry, count, dtype, 16, 0), window, None


@lru_cache(1024)
def avg_forward_loops(count, geometry, dtype):
    """Choose how to sum up windows."""
    if whole.applies(geometry, dtype):
        return whole.avg_forward, *_groups(geometry, count, dtype, 2, 0), (), (2 * lanes(dtype) ** 2, dtype)
    if abreast_applies(count, dtype):
        window = geometry.kernel_size, geometry.stride, geometry.dilation, geometry.before
        rows, room = abreast.forward_room(geometry, lanes(dtype))
        return abreast.forward, *_groups(geometry, count, dtype, 8, 2), (False, *window, rows), (room, dtype)
    window = geometry.kernel_size, geometry.stride, geometry.before
    return average.forward, count, work(geometry, count, dtype, 8, 0), window, None


@lru_cache(1024)
def avg_backward_loops(count, geometry, dtype):
    """Choose how to give G to all pixels of a window."""
    if whole.applies(geometry, dtype):
        return whole.avg_backward, count, work(geometry, count, dtype, 2, 0), (), None
    if abreast_applies(count, dtype):
        window = geometry.kernel_size, geometry.stride, geometry.dilation, geometry.before
        rows, room = abreast.backward_room(geometry, lanes(dtype))
        return abreast.backward, *_groups(geometry, count, dtype, 12, 3), (*window, rows), (room, dtype)
    window = geometry.kernel_size, geometry.stride, geometry.before
    return average.backward, count, work(geometry, count, dtype, 8, 0), window, None


def _groups(geometry, count, dtype, pixel, tap):
    """Return the tasks of planes abreast, each of as many as a vector has lanes, and their work."""
    return -(-count // lanes(dtype)), work(geometry, count, dtype, pixel, tap)
