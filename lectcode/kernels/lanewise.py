"""The micro-kernel of grouped convolutions: sums of products of vectors, lane by lane.

    C[r, q] (+)= D[r] + sum_k A[r, k] B[k, q]        r < rows,  q < SUMS

A[r, k] is a vector, not a number as in `lectcode.kernels.block`: each lane belongs to a group of its own, and no lane
ever needs the number of another. One step k loads a vector of A for each row and SUMS vectors of B. So many
independent sums hide that a multiply-add takes four cycles, and with the 3 x 3 elements of the usual filter, whose
gradient is a sum each, none is left idle. Two rows use each vector of B twice: with one row, every multiply-add waits
for a load.
"""

from numba import config, types
from numba.extending import intrinsic

from lectcode.kernels.block import keep_rolled
from lectcode.kernels.simd import (
    INDEX,
    REGISTERS,
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
ROWS = 2 if REGISTERS == 32 else 1  # 16 registers do not hold the sums of two rows


def micro_kernel(rows):
    """Make the micro-kernel for `rows` rows.

    It takes (K, A, a, A_row, B, b, lines, i, columns, j, C, c, C_row, places, l, D, d, D_row, add). In memory

        A[r, k] stands at A[a + r A_row + k lanes :]               C[r, q] at C[c + r C_row + places[l + q] :]
        B[k, q]        at B[b + lines[i + k] + columns[j + q] :]      D[r] at D[d + r D_row :]

    If `add`, the sums are added to C instead of written. K is at least 1.
    """

    @intrinsic
    def compiled(typing, K, A, a, A_row, B, b, lines, i, columns, j, C, c, C_row, places, l, D, d, D_row, add):
        vector = Vector(C.dtype)
        index = types.int64

        def emit(context, builder, signature, arguments):
            K, A, a, A_row, B, b, lines, i, columns, j, C, c, C_row, places, l, D, d, D_row, add = arguments
            A_type, B_type, lines_type, columns_type, C_type, places_type, D_type = (
                signature.args[i] for i in (1, 4, 6, 8, 10, 13, 15)
            )
            V = vector.llvm

            def element(array_type, array, position):
                return address(context, builder, array_type, array, position)

            def entries(table_type, table, first):
                start = element(table_type, table, first)
                return [builder.load(builder.gep(start, [INDEX(q)])) for q in range(SUMS)]

            def row(position, distance, r):
                return builder.add(position, builder.mul(distance, INDEX(r)))

            A_rows = [element(A_type, A, row(a, A_row, r)) for r in range(rows)]
            line = element(lines_type, lines, i)
            B_columns = [element(B_type, B, builder.add(b, x)) for x in entries(columns_type, columns, j)]
            start = [emit_load(builder, element(D_type, D, row(d, D_row, r)), V) for r in range(rows)]

            before = builder.block
            loop, done = builder.append_basic_block("k"), builder.append_basic_block("done")
            builder.branch(loop)
            builder.position_at_end(loop)
            k = builder.phi(INDEX)
            sums = [[builder.phi(V) for _ in range(SUMS)] for _ in range(rows)]
            a_k = builder.mul(k, INDEX(V.count))
            a_rk = [emit_load(builder, builder.gep(A_rows[r], [a_k]), V) for r in range(rows)]
            b_k = builder.load(builder.gep(line, [k]))
            new = [[None] * SUMS for _ in range(rows)]
            for q in range(SUMS):
                b_kq = emit_load(builder, builder.gep(B_columns[q], [b_k]), V)
                for r in range(rows):
                    new[r][q] = emit_multiply_add(builder, a_rk[r], b_kq, sums[r][q])
            k_next = builder.add(k, INDEX(1))
            k.add_incoming(INDEX(0), before)
            k.add_incoming(k_next, loop)
            for r in range(rows):
                for q in range(SUMS):
                    sums[r][q].add_incoming(start[r], before)
                    sums[r][q].add_incoming(new[r][q], loop)
            keep_rolled(builder.cbranch(builder.icmp_signed("<", k_next, K), loop, done))

            builder.position_at_end(done)
            targets = [
                [element(C_type, C, builder.add(row(c, C_row, r), x)) for x in entries(places_type, places, l)]
                for r in range(rows)
            ]
            with builder.if_else(add) as (adding, writing):
                with adding:
                    for r in range(rows):
                        for q in range(SUMS):
                            old = emit_load(builder, targets[r][q], V)
                            emit_store(builder, builder.fadd(old, new[r][q]), targets[r][q])
                with writing:
                    for r in range(rows):
                        for q in range(SUMS):
                            emit_store(builder, new[r][q], targets[r][q])
            return context.get_dummy_value()

        arguments = (
            *(index, A, index, index, B, index, lines, index, columns, index),
            *(C, index, index, places, index, D, index, index, types.boolean),
        )
        return types.void(*arguments), emit

    def plain(K, A, a, A_row, B, b, lines, i, columns, j, C, c, C_row, places, l, D, d, D_row, add):
        for r in range(rows):
            for q in range(SUMS):
                at = b + within(columns, j + q, 1)[0]
                total = load(D, d + r * D_row)
                for k in range(K):
                    total += load(A, a + r * A_row + k * lanes(A.dtype)) * load(B, at + within(lines, i + k, 1)[0])
                to = c + r * C_row + within(places, l + q, 1)[0]
                store(C, to, load(C, to) + total if add else total)

    return plain if config.DISABLE_JIT else compiled


multiply_add_row, multiply_add_rows = micro_kernel(1), micro_kernel(ROWS)
