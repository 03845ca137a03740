"""What this machine can do at most: fused multiply-adds in registers, and bytes copied through memory."""

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from benchmarks.machine import vector_bits

ACCUMULATORS = 24  # more than latency times throughput of any processor, and with two factors still in registers
STEPS = 20_000
BYTES = 2**27  # per array: larger than the caches
REPEATS = 9


def _chains(bits):
    """Return an intrinsic that does `steps` rounds of independent multiply-adds on vectors of floats of `bits` bits."""
    lanes = vector_bits() // bits
    scalar = ir.FloatType() if bits == 32 else ir.DoubleType()
    vector = ir.VectorType(scalar, lanes)
    accumulators = ACCUMULATORS if vector_bits() == 512 else ACCUMULATORS // 2  # 32 registers or 16

    @intrinsic
    def chains(typing, steps, x):
        def generate(context, builder, signature, arguments):
            steps, x = arguments
            fma = cgutils.get_or_insert_function(
                builder.module, ir.FunctionType(vector, [vector] * 3), f"llvm.fma.v{lanes}f{bits}"
            )
            factor = ir.Constant(vector, ir.Undefined)
            for lane in range(lanes):
                factor = builder.insert_element(factor, x, ir.Constant(ir.IntType(32), lane))
            sums = [cgutils.alloca_once(builder, vector) for _ in range(accumulators)]
            for sum_ in sums:
                builder.store(factor, sum_)
            with cgutils.for_range(builder, steps):
                for sum_ in sums:
                    builder.store(builder.call(fma, [builder.load(sum_), factor, factor]), sum_)
            total = builder.load(sums[0])
            for sum_ in sums[1:]:
                total = builder.fadd(total, builder.load(sum_))
            return builder.extract_element(total, ir.Constant(ir.IntType(32), 0))

        return x(types.int64, x), generate

    return chains, 2 * lanes * accumulators


_chains32, FLOPS32 = _chains(32)
_chains64, FLOPS64 = _chains(64)


@njit(nogil=True)
def spin32(steps, x):
    """Keep one core busy with `steps` rounds of multiply-adds of float32."""
    return _chains32(steps, x)


@njit(nogil=True)
def spin64(steps, x):
    """Keep one core busy with `steps` rounds of multiply-adds of float64."""
    return _chains64(steps, x)


def fma(dtype, threads, repeats=REPEATS):
    """Return the best flop/s of `threads` threads, each running chains of fused multiply-adds."""
    spin, flops = (spin32, FLOPS32) if dtype == np.float32 else (spin64, FLOPS64)
    half = dtype(0.5)  # x * 0.5 + 0.5 stays between 0 and 1 for ever
    seconds = _best(lambda _: spin(STEPS, half), threads, repeats)
    return threads * flops * STEPS / seconds


def copy(threads):
    """Return the best bytes/s of a copy, read and written ones counted."""
    source, target = np.ones(BYTES // 8), np.zeros(BYTES // 8)
    parts = list(zip(np.array_split(source, threads), np.array_split(target, threads), strict=True))
    return 2 * BYTES / _best(lambda thread: np.copyto(*parts[thread][::-1]), threads, REPEATS)


def _best(work, threads, repeats):
    """Return the fewest seconds in which all threads did work(thread)."""
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, range(threads)))  # compile, and start the threads
        samples = []
        for _ in range(repeats):
            begin = time.perf_counter()
            list(pool.map(work, range(threads)))
            samples.append(time.perf_counter() - begin)
    return min(samples)


def measure(threads):
    """Return {dtype: {threads: {"flop/s": ..., "bytes/s": ...}}}."""
    bytes_per_second = {t: copy(t) for t in threads}
    return {
        np.dtype(dtype).name: {str(t): {"flop/s": fma(dtype, t), "bytes/s": bytes_per_second[t]} for t in threads}
        for dtype in (np.float32, np.float64)
    }
