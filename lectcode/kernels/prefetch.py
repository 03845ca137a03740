"""Reading filters ahead of the micro-kernel, where it reads them from many places that are far apart.

The gradient of the input reads the elements of one channel's filters, then those of the next, a whole row of F farther.
The processor foresees how memory is read in order, not such jumps, and a large F has to come from the third-level
cache. So before one block is multiplied, the filters of the next are called for. On a quiet machine that saves little;
where other programs want the same cache, a fifth of the whole.
"""

from llvmlite import ir
from numba import config, njit, types
from numba.extending import intrinsic

from lectcode.kernels.block import ROWS
from lectcode.kernels.simd import address, within

LINE = 64  # bytes that come together


@intrinsic
def _compiled_call_for(typing, array, index):
    def emit(context, builder, signature, arguments):
        place = builder.bitcast(address(context, builder, signature.args[0], *arguments), ir.IntType(8).as_pointer())
        number = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [place.type, number, number, number])
        prefetch = builder.module.declare_intrinsic("llvm.prefetch", [place.type], kind)
        to_read, second_level, data = number(0), number(2), number(1)
        builder.call(prefetch, [place, to_read, second_level, data])
        return context.get_dummy_value()

    return types.void(array, types.int64), emit


def _call_for(array, index):
    """Have array[index] brought into the second-level cache, without waiting for it."""
    within(array, index, 1)


if not config.DISABLE_JIT:
    _call_for = _compiled_call_for


@njit(nogil=True, cache=True)
def call_for_filters(F, start, row, columns, first, depth):
    """Call for F[start + r row + columns[first + k]], r < ROWS and k < depth, each line of memory about once."""
    numbers = LINE // F.itemsize
    step = max(numbers // row, 1)  # some rows are in one line
    called = -numbers
    for k in range(first, first + depth):
        if not called <= columns[k] < called + numbers:  # the elements of a channel are neighbours
            called = columns[k]
            for r in range(0, ROWS, step):
                _call_for(F, start + r * row + called)
