"""The micro-kernel: a small block of a matrix product, whose sums stay in registers while products are added.

    C[r, v] (+)= D[r] + sum_k A[r, k] B[k, v]        r < ROWS,  v < VECTORS * lanes

One step k loads VECTORS vectors of B and ROWS numbers of A, and does ROWS * VECTORS vector multiply-adds with them:
with 8 x 3 the processor multiplies and adds in every cycle, which loads alone would not allow. 24 sums, 3 vectors of B
and one splat of A fill 28 of the 32 registers of AVX-512 and NEON; with the 16 of AVX2 the block has 4 rows. So many
independent sums also hide that one multiply-add takes four cycles.
"""

import numpy as np
from llvmlite import ir
from numba import config, types
from numba.core import cgutils
from numba.extending import intrinsic

from lectcode.kernels.simd import (
    INDEX,
    REGISTERS,
    Vector,
    address,
    emit_load,
    emit_multiply_add,
    emit_splat,
    emit_store,
    lanes,
    within,
)

ROWS = 8 if REGISTERS == 32 else 4
VECTORS = 3


def round_up(count, size):
    """Return the next multiple of a size: what is computed in whole blocks, tiles or vectors."""
    return -(-count // size) * size


def keep_rolled(branch):
    """Forbid LLVM to unroll the loop that ends in this branch: two steps at once need more registers than there are."""
    module = branch.module
    disable = module.add_metadata([ir.MetaDataString(module, "llvm.loop.unroll.disable")])
    loop = module.add_metadata([disable, ir.MetaDataString(module, f"loop {len(module.metadata)}")])
    loop.operands = (loop, disable)  # LLVM knows a loop by a node whose first entry is the node itself
    branch.set_metadata("llvm.loop", loop)


def block(rows, vectors):
    """Make the micro-kernel for `rows` rows of `vectors` vectors.

    It takes (K, A, a, row, columns, i, B, b, lines, j, C, c, pitch, D, d, add). In memory

        A[r, k] stands at A[a + r row + columns[i + k]]       C[r, :] at C[c + r pitch :]
        B[k, :] at B[b + lines[j + k] :]                      D[r] at D[d + r]

    so that A and B need not be copied where tables say where their numbers are. `row` may be a table too: then row r
    begins at A[a + row[r]]. `columns` may be None: then A[r, k] stands at A[a + r row + i + k]. And b and c may be
    tuples of one place for each vector. If `add`, the sums are added to C instead of written. K is at least 1.
    """

    @intrinsic
    def compiled(typing, K, A, a, row, columns, i, B, b, lines, j, C, c, pitch, D, d, add):
        vector = Vector(C.dtype)
        index = types.int64
        place = types.UniTuple(index, vectors) if isinstance(b, types.UniTuple) else index

        def emit(context, builder, signature, arguments):
            K, A, a, row, columns, i, B, b, lines, j, C, c, pitch, D, d, add = arguments
            A_type, row_type, columns_type, B_type, lines_type, C_type, D_type = (
                signature.args[i] for i in (1, 3, 4, 6, 8, 10, 13)
            )
            V, number = vector.llvm, vector.llvm.element
            A_0 = address(context, builder, A_type, A, a)
            if row_type == index:
                distances = [builder.mul(row, INDEX(r)) for r in range(rows)]
            else:
                distances = [builder.load(address(context, builder, row_type, row, INDEX(r))) for r in range(rows)]
            A_rows = [builder.gep(A_0, [distance]) for distance in distances]
            if place == index:
                b, c = ([builder.add(start, INDEX(v * V.count)) for v in range(vectors)] for start in (b, c))
            else:
                b, c = (cgutils.unpack_tuple(builder, starts) for starts in (b, c))
            B_v = [address(context, builder, B_type, B, start) for start in b]
            if columns_type == types.none:
                A_rows = [builder.gep(start, [i]) for start in A_rows]
            else:
                column = address(context, builder, columns_type, columns, i)
            line = address(context, builder, lines_type, lines, j)
            D_0 = address(context, builder, D_type, D, d)
            start = [
                emit_splat(builder, emit_load(builder, builder.gep(D_0, [INDEX(r)]), number), V) for r in range(rows)
            ]

            before = builder.block
            loop, done = builder.append_basic_block("k"), builder.append_basic_block("done")
            builder.branch(loop)
            builder.position_at_end(loop)
            k = builder.phi(INDEX)
            sums = [[builder.phi(V) for _ in range(vectors)] for _ in range(rows)]
            a_k = k if columns_type == types.none else builder.load(builder.gep(column, [k]))
            line_k = builder.load(builder.gep(line, [k]))
            b_k = [emit_load(builder, builder.gep(start, [line_k]), V) for start in B_v]
            new = []
            for r in range(rows):
                a_rk = emit_splat(builder, emit_load(builder, builder.gep(A_rows[r], [a_k]), number), V)
                new.append([emit_multiply_add(builder, a_rk, b_k[v], sums[r][v]) for v in range(vectors)])
            k_next = builder.add(k, INDEX(1))
            k.add_incoming(INDEX(0), before)
            k.add_incoming(k_next, loop)
            for r in range(rows):
                for v in range(vectors):
                    sums[r][v].add_incoming(start[r], before)
                    sums[r][v].add_incoming(new[r][v], loop)
            keep_rolled(builder.cbranch(builder.icmp_signed("<", k_next, K), loop, done))

            builder.position_at_end(done)
            C_v = [address(context, builder, C_type, C, start) for start in c]
            places = [[builder.gep(start, [builder.mul(pitch, INDEX(r))]) for start in C_v] for r in range(rows)]
            with builder.if_else(add) as (adding, writing):
                with adding:
                    for r in range(rows):
                        for v in range(vectors):
                            old = emit_load(builder, places[r][v], V)
                            emit_store(builder, builder.fadd(old, new[r][v]), places[r][v])
                with writing:
                    for r in range(rows):
                        for v in range(vectors):
                            emit_store(builder, new[r][v], places[r][v])
            return context.get_dummy_value()

        arguments = (
            index,
            A,
            index,
            row if isinstance(row, types.Array) else index,
            columns,
            index,
            B,
            place,
            lines,
            index,
            C,
            place,
            index,
            D,
            index,
            types.boolean,
        )
        return types.void(*arguments), emit

    def plain(K, A, a, row, columns, i, B, b, lines, j, C, c, pitch, D, d, add):
        width = lanes(C.dtype)
        if not isinstance(b, tuple):
            b, c = (tuple(start + v * width for v in range(vectors)) for start in (b, c))
        for r in range(rows):
            distance = within(row, r, 1)[0] if isinstance(row, np.ndarray) else r * row
            for b_v, c_v in zip(b, c, strict=True):
                sums = within(D, d + r, 1).repeat(width)
                for k in range(K):
                    column = i + k if columns is None else within(columns, i + k, 1)[0]
                    number = within(A, a + distance + column, 1)[0]
                    sums += number * within(B, b_v + within(lines, j + k, 1)[0], width)
                result = within(C, c_v + r * pitch, width)
                result[:] = result + sums if add else sums

    return plain if config.DISABLE_JIT else compiled


@intrinsic
def _pack_column(typing, F, start, row, A, to):
    def emit(context, builder, signature, arguments):
        F, start, row, A, to = arguments
        F_type, A_type = signature.args[0], signature.args[3]
        number = Vector(F_type.dtype).llvm.element
        V = ir.VectorType(number, ROWS)
        source, place = address(context, builder, F_type, F, start), address(context, builder, A_type, A, to)
        with builder.if_else(builder.icmp_signed("==", row, INDEX(1))) as (neighbours, apart):
            with neighbours:
                emit_store(builder, emit_load(builder, source, V), place)
            with apart:  # one store instead of ROWS: a processor stores one number a cycle, and loads two
                column = ir.Constant(V, ir.Undefined)
                for r in range(ROWS):
                    a_r = emit_load(builder, builder.gep(source, [builder.mul(row, INDEX(r))]), number)
                    column = builder.insert_element(column, a_r, INDEX(r))
                emit_store(builder, column, place)
        return context.get_dummy_value()

    return types.void(F, types.int64, types.int64, A, types.int64), emit


def pack_column(F, start, row, A, to):
    """Write one column of a block side by side: A[to + r] = F[start + r row] for r < ROWS."""
    for r in range(ROWS):
        within(A, to + r, 1)[0] = within(F, start + r * row, 1)[0]


if not config.DISABLE_JIT:
    pack_column = _pack_column
multiply_add_1, multiply_add_2, multiply_add_3 = (block(ROWS, vectors) for vectors in (1, 2, 3))
