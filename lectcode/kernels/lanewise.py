"""The micro-kernel of grouped convolutions: sums of products of vectors, lane by lane.

    C[q] (+)= D + sum_k A[k] B[k, q]        q < SUMS

A[k] is a vector, not a number as in `lectcode.kernels.block`: each lane belongs to a group of its own, and no lane
ever needs the number of another. One step k loads one vector of A and multiplies it with SUMS vectors of B, which the
processor reads from memory as part of the multiply-add. So many independent sums hide that a multiply-add takes four
cycles, and with the 3 x 3 elements of the usual filter, whose gradient is a sum each, none is left idle.
"""

from llvmlite import ir
from numba import config, types
from numba.extending import intrinsic

from lectcode.kernels.simd import (
    INDEX,
    Vector,
    address,
    emit_load,
    emit_multiply_add,
    emit_store,
    lanes,
    load,
    store,
    within,
)

SUMS = 9


@intrinsic
def _multiply_add(typing, K, A, a, B, b, rows, i, columns, j, C, c, places, l, D, d, add):
    vector = Vector(C.dtype)
    index = types.int64

    def emit(context, builder, signature, arguments):
        K, A, a, B, b, rows, i, columns, j, C, c, places, l, D, d, add = arguments
        A_type, B_type, rows_type, columns_type, C_type, places_type, D_type = (
            signature.args[i] for i in (1, 3, 5, 7, 9, 11, 13)
        )
        V = vector.llvm
        A_0 = address(context, builder, A_type, A, a)
        row = address(context, builder, rows_type, rows, i)
        column = address(context, builder, columns_type, columns, j)
        B_columns = [
            address(context, builder, B_type, B, builder.add(b, builder.load(builder.gep(column, [INDEX(q)]))))
            for q in range(SUMS)
        ]
        start = emit_load(builder, address(context, builder, D_type, D, d), V)

        before = builder.block
        loop, done = builder.append_basic_block("k"), builder.append_basic_block("done")
        builder.branch(loop)
        builder.position_at_end(loop)
        k = builder.phi(INDEX)
        sums = [builder.phi(V) for _ in range(SUMS)]
        a_k = emit_load(builder, builder.gep(A_0, [builder.mul(k, INDEX(V.count))]), V)
        b_k = builder.load(builder.gep(row, [k]))
        new = [
            emit_multiply_add(builder, a_k, emit_load(builder, builder.gep(B_columns[q], [b_k]), V), sums[q])
            for q in range(SUMS)
        ]
        k_next = builder.add(k, INDEX(1))
        k.add_incoming(INDEX(0), before)
        k.add_incoming(k_next, loop)
        for q in range(SUMS):
            sums[q].add_incoming(start, before)
            sums[q].add_incoming(new[q], loop)
        builder.cbranch(builder.icmp_signed("<", k_next, K), loop, done)

        builder.position_at_end(done)
        place = address(context, builder, places_type, places, l)
        C_0 = address(context, builder, C_type, C, c)
        targets = [builder.gep(C_0, [builder.load(builder.gep(place, [INDEX(q)]))]) for q in range(SUMS)]
        with builder.if_else(add) as (adding, writing):
            with adding:
                for q in range(SUMS):
                    emit_store(builder, builder.fadd(emit_load(builder, targets[q], V), new[q]), targets[q])
            with writing:
                for q in range(SUMS):
                    emit_store(builder, new[q], targets[q])
        return context.get_dummy_value()

    arguments = (
        *(index, A, index, B, index, rows, index, columns, index),
        *(C, index, places, index, D, index, types.boolean),
    )
    return types.void(*arguments), emit


def multiply_add(K, A, a, B, b, rows, i, columns, j, C, c, places, l, D, d, add):
    """Compute SUMS sums of K products, K at least 1. In memory

        A[k]    stands at A[a + k lanes :]                          C[q] at C[c + places[l + q] :]
        B[k, q]        at B[b + rows[i + k] + columns[j + q] :]     D at D[d :]

    If `add`, the sums are added to C instead of written.
    """
    for q in range(SUMS):
        at = b + within(columns, j + q, 1)[0]
        total = load(D, d)
        for k in range(K):
            total += load(A, a + k * lanes(A.dtype)) * load(B, at + within(rows, i + k, 1)[0])
        to = c + within(places, l + q, 1)[0]
        store(C, to, load(C, to) + total if add else total)


if not config.DISABLE_JIT:
    multiply_add = _multiply_add
