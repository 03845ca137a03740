"""Convolution and its gradients as matrix products, computed block by block.

For one image, O is the product of the filters, a C_out x (C_in K_h K_w) matrix, and the matrix whose columns are the
windows of the padded input ("im2col"). That matrix is never built: a task packs some rows of a stripe of its columns
into a panel that stays in the nearest caches, and uses it for all filters. Where there are few filters, packing would
cost more than it saves: filters of one pixel then read most of a small input where it is; else the input is copied
once, padded, the micro-kernel reads the rows of this copy themselves, and what it computes between two rows is thrown
away. Where channels are few too, `lectcode.kernels.rowwise` writes each vector of a row straight to its place. Products
with padding are left out where that pays and the filters are finite.

The gradient of the input is a product of the same form, see `lectcode.kernels.axes`. It meets the filters' numbers far
apart in memory, so they are packed as well: all before the first panel, in the order in which panels meet them; or, if
there is one panel of pixels only, a few blocks of filters just before they are used. Filters that few pixels of one
image use are not worth it: there the product is turned, G takes their place, which is small, and what each pixel sends
is added up by `lectcode.kernels.fold`.

Where groups are many or filters few and of one pixel, no matrix product is the best way: `lectcode.kernels.grouped` and
`pointwise` take over; and `single`, for the one pixel that a map may leave when it has filled its tiles.

The gradient of the filters is another product, see `lectcode.kernels.gemm_filters`.

Every sum is added in the order of k, in blocks, or as in `single` for a pixel that depends on the shapes alone: a
result does not depend on stripes, tasks or threads.
"""

from math import prod

import numpy as np

from lectcode.kernels import direct, grouped, narrow, pointwise, rowwise
from lectcode.kernels.block import VECTORS, multiply_add_1, multiply_add_2, multiply_add_3
from lectcode.kernels.compiled import entry, inlined, inner
from lectcode.kernels.correlation import (
    DEPTH,
    FEW,
    GAP,
    Sizes,
    no_bias,
    one_element,
    one_window,
    pixels_as_channels,
    plan_forward,
    plan_grad_input,
    plan_grad_input_turned,
    weight,
    worth_asking,
)
from lectcode.kernels.finite import finite
from lectcode.kernels.fold import ADD, TURN, fold, turn
from lectcode.kernels.panels import cut, find_pixels, first_row, pack, pack_filters, pad_image, plan_moves, unpack
from lectcode.kernels.simd import frozen, lanes, lanes_of
from lectcode.kernels.single import add_dots, gather
from lectcode.kernels.threads import share, useful

# Bytes of a plane of G, at most, and numbers in the filters, at least, with which the gradient of the input is turned.
PLANE, NUMBERS = 256, 2**16


def forward(I, F, B, geometry, O):
    """Write the convolution of I with F, plus B, into O."""
    if I.size == 0 or F.size == 0:  # nothing to multiply
        direct.forward(I, F, B, geometry, O)
        return
    if matrices := one_window(geometry):
        I, F, geometry = pixels_as_channels(I), pixels_as_channels(F), matrices
    rows, channels = F.shape[0] // geometry.groups, F.shape[1]
    if pointwise.applies(geometry, rows, I.dtype):
        pointwise.forward(I, F, B, geometry, O)
    elif grouped.chooses(geometry, rows, channels, I.dtype):
        grouped.forward(I, F, B, geometry, O)
    else:
        layer = len(I), rows, channels, geometry, I.itemsize, _threads(F, O, rows)
        plan = plan_forward(*layer, finite=worth_asking(geometry, len(I)))
        if plan.short and not finite(F):
            plan = plan_forward(*layer)
        _product(I, F, B, plan, O)


def grad_input(G, F, geometry, dI):
    """Write the gradient of the input into dI."""
    empty = G.size == 0 or F.size == 0 or dI.size == 0
    # The product multiplies every filter element with zeros around G, where the definition has no term: 0 inf is NaN.
    # An F that is not finite makes numbers that are not finite, so whichever array is smaller tells whether it may be.
    many = F.size > dI.size
    if empty or not (many or finite(F)):
        direct.grad_input(G, F, geometry, dI)
        return
    _grad_input(G, F, geometry, dI)
    if many and not (finite(dI) or finite(F)):
        direct.grad_input(G, F, geometry, dI)


def _grad_input(G, F, geometry, dI):
    """Write the gradient of the input into dI; F is finite, or dI will not be."""
    if matrices := one_window(geometry):
        F, geometry, dI = pixels_as_channels(F), matrices, pixels_as_channels(dI)
    rows, channels = F.shape[1], F.shape[0] // geometry.groups
    if pointwise.applies(geometry, rows, G.dtype):
        pointwise.grad_input(G, F, geometry, dI)
    elif grouped.chooses(geometry, rows, channels, G.dtype):
        grouped.grad_input(G, F, geometry, dI)
    elif _is_turned(geometry, len(G), F.shape, G.itemsize):
        _grad_input_turned(G, F, geometry, dI)
    else:
        plan = plan_grad_input(len(G), rows, channels, geometry, G.itemsize, _threads(F, G, rows))
        _product(G, F, no_bias(dI.shape[1], G.dtype), plan, dI)


def _is_turned(geometry, N, shape, itemsize):
    """Tell if packing the numbers of F would take long, since few pixels of one image use them.

    With no more pixels than filters, the products are no more than the numbers of F.
    """
    pixels = prod(geometry.output_size)
    few = N == 1 and FEW <= pixels <= min(PLANE // itemsize, shape[0])
    return geometry.groups == 1 and few and prod(shape) >= NUMBERS


def _grad_input_turned(G, F, geometry, dI):
    """Write the gradient of the input of one image: the products of each pixel of G, added up."""
    pixels = prod(geometry.output_size)
    plan = plan_grad_input_turned(pixels, F[0].size, len(F), geometry, G.itemsize, _threads(F, G, pixels))
    products = np.empty((*geometry.output_size, *F.shape[1:]), G.dtype)
    _product(F, G, no_bias(pixels, G.dtype), plan, products)
    (height, width), (S_h, S_w), vectors = geometry.output_size, geometry.stride, F.shape[1] // lanes(G.dtype)
    if vectors == 0 or not one_element(geometry):
        where = geometry.stride, geometry.dilation, geometry.before
        share(fold, dI.shape[1], ADD * products.size, products, *where, dI[0])
        return
    apart = (S_h, S_w) != (1, 1)
    turned = np.empty((F.shape[1], height, width), G.dtype) if apart else dI[0]
    share(turn, vectors, TURN * products.size, products.reshape(pixels, -1), turned)
    if apart:
        dI[...] = 0
        dI[0, :, : height * S_h : S_h, : width * S_w : S_w] = turned


def _threads(F, O, rows):
    """Return how many threads may be worth their while for a convolution with result O, or its gradient."""
    sums = O.size * (F.size // len(F)) * O.itemsize // 4  # as if no filter element met padding
    return useful(sums * weight(rows) // rows)


def refusal(dtype, geometry):
    """Return why this algorithm cannot compute a call, or None."""
    return None if dtype.kind == "f" else f"its vectors hold float32 or float64, got {dtype}"


def _product(X, F, D, plan, O):
    """Run the tasks of a plan."""
    if plan.gaps:
        O[...] = D[:, None, None]
    arguments = X.ravel(), F.ravel(), D, *plan.told, O.ravel()
    share(KERNELS[plan.kernel], plan.tasks, plan.work, *arguments, workspace=(plan.room, X.dtype))


@inner
def _multiply(K, A, a, row, columns, i, B, b, lines, j, C, c, pitch, D, d, add, vectors):
    """Run the micro-kernel that is as wide as needed."""
    if vectors >= VECTORS:
        multiply_add_3(K, A, a, row, columns, i, B, b, lines, j, C, c, pitch, D, d, add)
    elif vectors == 2:
        multiply_add_2(K, A, a, row, columns, i, B, b, lines, j, C, c, pitch, D, d, add)
    else:
        multiply_add_1(K, A, a, row, columns, i, B, b, lines, j, C, c, pitch, D, d, add)


@inlined  # a call would count the references to each array, for each panel
def _multiply_blocks(
    sizes, blocks, block_0, packed_from, group, k, depth, A, columns, i, F, T, t, lines_T, j_T, whole, B, b, lines,
    j, length, C, O, o, places, count, last_k, D, pixel,
):  # fmt: skip
    """Multiply `length` pixels with blocks of filters, from row k of the product on.

    The task's first block is `block_0`; what is packed begins with `packed_from`.

    The first `whole` of them are read from T and added to O, the others from B to C. With the last rows, what a block
    has in C is written to its places in O at once: memory takes it while the next block is multiplied.
    """
    lanes, block, (first, last) = lanes_of(C), sizes.block, blocks
    width, (F_row, _, F_group) = VECTORS * lanes, sizes.filters
    for number in range(first, last):
        row = first_row(number, block, sizes.rows)
        d = group * sizes.rows + row if k == 0 else D.size - block  # the bias, or zeros
        a = (number - packed_from) * sizes.A_block if sizes.A_packed else group * F_group + row * F_row
        direct = whole if row == number * block else 0
        c = 0 if k == 0 and last_k else (number - block_0) * block * sizes.stripe
        to = o + row * sizes.O_plane + places[0, 0]
        for x in range(0, direct, width):
            multiply_add_3(
                depth, A, a, sizes.A_row, columns, i, T, t + x, lines_T, j_T, O, to + x, sizes.O_plane, D, d, k > 0
            )
        for x in range(direct, length, width):
            vectors = (length - x + lanes - 1) // lanes
            if sizes.single and length - x == 1:
                f = group * F_group + row * F_row + k
                add_dots(depth, F, f, F_row, pixel, block, C, c + x, sizes.stripe, D, d, k > 0)
            else:
                _multiply(
                    depth, A, a, sizes.A_row, columns, i, B, b + x, lines, j, C, c + x, sizes.stripe, D, d, k > 0,
                    vectors,
                )  # fmt: skip
        if last_k and direct < length:
            # What the block before computes as well is its own: another task may be adding to it just now.
            twice = number * block - row
            rows, to = min(block, sizes.rows) - twice, o + (row + twice) * sizes.O_plane
            c += twice * sizes.stripe
            unpack(C, c, sizes.stripe, rows, direct, places, count, sizes.O_column, O, to, sizes.O_plane)


@entry
def _correlate(X, F, bias, numbers, parts, lines, columns, inside, order, O, workspace, first, last):
    """Run the tasks first, ..., last - 1: each computes some rows of the product for some steps of some images."""
    lanes, sizes = lanes_of(X), Sizes(*numbers)
    width, stripe, block = VECTORS * lanes, sizes.stripe, sizes.block
    blocks = (sizes.rows + block - 1) // block
    image_distance = sizes.groups * sizes.channels * sizes.plane
    chunks = (sizes.N + sizes.images - 1) // sizes.images
    B = workspace[: sizes.workspace[0]]  # what the micro-kernel multiplies by the filters: the padded copy or a panel
    panel = frozen(B)
    C = workspace[sizes.workspace[0] : sizes.workspace[0] + sizes.workspace[1]]
    own = workspace[sizes.workspace[0] + sizes.workspace[1] :]
    A, packed = frozen(own) if sizes.A_packed else F, -1
    F_row, _, F_group = sizes.filters
    D = np.empty(bias.size + block, X.dtype)  # and behind it zeros, where sums are added up
    for r in range(D.size):
        D[r] = bias[r] if r < bias.size else 0
    pitch = stripe + GAP * lanes
    # not np.arange(DEPTH) * pitch, which takes half a second to compile
    dense, dense_A = np.empty(DEPTH, np.int64), np.empty(DEPTH, np.int64)  # columns of a panel, of packed filters
    for k in range(DEPTH):
        dense[k], dense_A[k] = k * pitch, k * block
    pixel = np.empty(DEPTH, X.dtype)  # the channels of one that is alone
    pieces, places = np.empty((stripe, 3), np.int64), np.empty((stripe, 3), np.int64)
    moves = np.empty((stripe, 3), np.int64)
    masks = np.empty((sizes.taps, stripe), np.int64)
    for task in range(first, last):
        rest, band = divmod(task, sizes.bands)
        rows_of, chunk = divmod(rest, chunks)
        split, group = divmod(rows_of, sizes.groups)
        n, i = chunk * sizes.images, band * sizes.band
        images, end = min(sizes.images, sizes.N - n), min(i + sizes.band, sizes.steps)
        some = blocks * split // sizes.splits, blocks * (split + 1) // sizes.splits
        F_first = group * F_group
        at_once = sizes.A_fresh if sizes.A_fresh else blocks
        if sizes.A_packed and not sizes.A_fresh and packed != rows_of:
            pack_filters(F, F_first, sizes.rows, F_row, order[0], order[1], own, sizes.A_block, *some)
            packed = rows_of
        if sizes.padded:
            pad_image(X, sizes, n, group, i, B)
            source, step = 0, 1
        else:
            source, step = n * image_distance + group * sizes.channels * sizes.plane, sizes.stride[1]
            source += i * sizes.line + sizes.corner[0] * sizes.size[1] + sizes.corner[1]  # may lie in the padding
        O_image = sizes.groups * sizes.rows * sizes.O_plane
        O_task = (n * sizes.groups + group) * sizes.rows * sizes.O_plane
        for p in range(parts.shape[0]):
            row_begin, row_end = max(parts[p, 0], i), min(parts[p, 1], end)
            column, across, elements = parts[p, 2], parts[p, 3] - parts[p, 2], parts[p, 6]
            rows = row_end - row_begin
            if rows <= 0 or across <= 0 or elements == 0:
                continue
            X_part = source + (row_begin - i) * sizes.line + column * step
            inside_part, bits = inside[parts[p, 5] : parts[p, 5] + elements], masks[:elements]
            K, table = sizes.channels * elements, sizes.channels * parts[p, 5]
            O_part = O_task + parts[p, 4] + row_begin * sizes.O_row + column * sizes.O_column
            # positions: whole lines of the copy of one image, or pixels if they are packed, of all images of the task
            line = sizes.line if sizes.padded else across
            total = images * rows * line - (line - across)
            long = step == 1 and across == sizes.line  # lines that follow each other are one long line
            flat = sizes.O_column == 1 and across == sizes.O_row and line == across
            for begin in range(0, total, stripe):
                stop = min(begin + stripe, total)
                length = stop - begin
                if flat:
                    count = cut(begin, stop, rows * across, rows * across, 1, O_image, 0, 1, places)
                else:
                    count = cut(begin, stop, across, line, rows, O_image, sizes.O_row, sizes.O_column, places)
                # full tiles of one long row are written where they belong, others first to C
                whole = length // width * width
                if count != 1 or sizes.O_column != 1 or places[0, 1] < whole or places[0, 2] > 0:
                    whole = 0
                if sizes.padded or sizes.rows < block:
                    whole = 0
                unpacked, number, padding = 0, 0, False
                if not sizes.padded:
                    if long:
                        cuts = cut(begin, stop, rows * across, rows * across, 1, image_distance, 0, 1, pieces)
                    else:
                        cuts = cut(begin, stop, across, across, rows, image_distance, sizes.line, step, pieces)
                    if sizes.unpacked and cuts == 1 and step == 1:  # the full tiles of one long row are read there, too
                        unpacked = whole
                        pieces[0, 0] += unpacked
                        pieces[0, 1] -= unpacked
                    if sizes.single and length % width == 1:  # the last pixel is not packed
                        pieces[0, 1] -= 1
                    number = plan_moves(pieces, cuts, step, lanes, True, moves)
                    where = number, begin + unpacked, across, rows, row_begin, column
                    padding = find_pixels(moves, *where, inside_part, bits)
                for k in range(0, K, sizes.depth):
                    depth, at, t = min(sizes.depth, K - k), table + k, k % elements
                    b, lines_b, j = X_part + begin, lines, at
                    if not sizes.padded:
                        if number > 0:
                            pack(X, X_part, lines, at, depth, t, step, moves, number, bits, padding, B, pitch)
                        if sizes.single and length % width == 1:
                            gather(X, X_part + pieces[0, 0] + pieces[0, 1], lines, at, depth, pixel)
                        b, lines_b, j = -unpacked, dense, 0
                    T, t_0, lines_T, j_T = panel, b, lines_b, j
                    if unpacked > 0:
                        T, t_0, lines_T, j_T = X, X_part + pieces[0, 0] - unpacked, lines, at
                    last_k = k + depth == K
                    for next_block in range(some[0], some[1], at_once):
                        here, packed_from = (next_block, min(next_block + at_once, some[1])), some[0]
                        columns_A, i_A = columns, at
                        if sizes.A_fresh:
                            chosen, packed_from = columns[at : at + depth], next_block
                            pack_filters(F, F_first, sizes.rows, F_row, chosen, dense_A, own, sizes.A_block, *here)
                            columns_A, i_A = dense_A, 0
                        _multiply_blocks(
                            sizes, here, some[0], packed_from, group, k, depth, A, columns_A, i_A, F, T, t_0,
                            lines_T, j_T, whole, B, b, lines_b, j, length, C, O, O_part, places, count, last_k, D,
                            pixel,
                        )  # fmt: skip


KERNELS = {"blocks": _correlate, "rows": rowwise.correlate, "filters": narrow.correlate}  # by what a plan names
