"""What this machine can do at most: fused multiply-adds in registers, and bytes copied through memory."""

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from lectcode.kernels import simd

ACCUMULATORS = simd.REGISTERS - 4  # independent sums: enough to hide the latency, and all in registers
STEPS = 400_000  # some ms of work: that a thread is given it and woken, 0.05 ms, must not count
BYTES = 2**27  # per array: larger than the caches
REPEATS = 25


@intrinsic
def _chains(typing, steps, x):
    """Do `steps` rounds of independent multiply-adds s = s x + x on vectors filled with x."""
    vector = simd.Vector(x)

    def emit(context, builder, signature, arguments):
        steps, x = arguments
        x = simd.emit_splat(builder, x, vector.llvm)
        sums = [cgutils.alloca_once(builder, vector.llvm) for _ in range(ACCUMULATORS)]
        for place in sums:
            builder.store(x, place)
        with cgutils.for_range(builder, steps):
            for place in sums:
                builder.store(simd.emit_multiply_add(builder, builder.load(place), x, x), place)
        total = builder.load(sums[0])
        for place in sums[1:]:
            total = builder.fadd(total, builder.load(place))
        return builder.extract_element(total, simd.INDEX(0))

    return x(types.int64, x), emit


@njit(nogil=True)
def spin(steps, x):
    """Keep one core busy with `steps` rounds of multiply-adds; x says in which dtype."""
    return _chains(steps, x)


def fma(dtype, threads, repeats=REPEATS):
    """Return the best flop/s of `threads` threads, each running chains of fused multiply-adds."""
    half = dtype(0.5)  # x / 2 + 1 / 2 stays between 0 and 1 for ever
    seconds = _fewest_seconds(lambda _: spin(STEPS, half), threads, repeats)
    return threads * 2 * simd.lanes(dtype) * ACCUMULATORS * STEPS / seconds


def copy(threads, repeats=REPEATS):
    """Return the best bytes/s of a copy, read and written ones counted."""
    source, target = np.ones(BYTES // 8), np.zeros(BYTES // 8)
    parts = list(zip(np.array_split(target, threads), np.array_split(source, threads), strict=True))
    return 2 * BYTES / _fewest_seconds(lambda thread: np.copyto(*parts[thread]), threads, repeats)


def measure(threads):
    """Return {dtype: {threads: {"flop/s": ..., "bytes/s": ...}}}."""
    bytes_per_second = {t: copy(t) for t in threads}
    return {
        np.dtype(dtype).name: {str(t): {"flop/s": fma(dtype, t), "bytes/s": bytes_per_second[t]} for t in threads}
        for dtype in (np.float32, np.float64)
    }


def best(*measured):
    """Return the largest of each limit."""
    first = measured[0]
    if isinstance(first, dict):
        return {key: best(*(each[key] for each in measured)) for key in first}
    return max(measured)


def _fewest_seconds(work, threads, repeats):
    """Return the fewest seconds in which all threads did work(thread)."""
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, range(threads)))  # compile, and start the threads
        samples = []
        for _ in range(repeats):
            begin = time.perf_counter()
            list(pool.map(work, range(threads)))
            samples.append(time.perf_counter() - begin)
    return min(samples)
