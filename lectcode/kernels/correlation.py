"""The convolution and the gradient of its input as one product, planned: its tasks, and where their numbers are.

The product runs over two axes, which `lectcode.kernels.axes` makes: for each step down and across, each row of the
product adds what its filter elements meet there in all channels of the source.
"""

from dataclasses import replace
from functools import lru_cache
from itertools import product
from math import prod
from typing import NamedTuple

import numpy as np

from lectcode.kernels.axes import Axis, forward_axes, grad_input_axes, without_padding
from lectcode.kernels.block import ROWS, VECTORS, round_up
from lectcode.kernels.simd import BYTES
from lectcode.kernels.threads import worth

DEPTH = 192  # rows of a panel, at most
SHALLOW = DEPTH if BYTES == 64 else DEPTH // 2  # with shorter vectors a panel then fits into the nearest cache
FEW = ROWS // 2  # rows of the product that are worth a block of the micro-kernel, half of it idle
TILES = 3  # tiles of pixels that use a block of filters before the next block is fetched
# On large planes it is more: a stripe is written to each of them, and memory takes long pieces faster. But a panel, of
# all rows then, must leave room in the second-level cache; where none is packed a stripe may be longer.
LONG, LARGE = 12, 2**13  # tiles; pixels of a plane
LONGEST = 24  # tiles
# LONG also if each row of a panel is another plane's, and few rows of the product use it: memory gives long pieces
# faster, best whole planes one after the other. (More rows want a panel that fits into the nearest cache.) Rows of the
# product at most, channels at most, pixels of a plane at least.
WAITING, CHANNELS, SPREAD = (128, DEPTH, 2**11) if BYTES == 64 else (192, np.inf, 0)
ONLY = TILES if BYTES == 64 else 2 * TILES  # tiles, if all pixels of a task are one stripe
ROWWISE = DEPTH if BYTES == 64 else 1000  # products that `lectcode.kernels.rowwise` adds in one go, at most
# Few blocks of filters read pixels where they are, unpacked, if these are in the second-level cache. What is farther
# away comes faster in long pieces, as `pack` reads it. (Blocks at most, bytes of the source at most.)
BLOCKS, NEAR = 4, 2**20
GAP = 1  # vectors between two rows of a panel: the last of a row may reach past its end
READ = 0.6 if BYTES == 64 else 1.25  # cycles to read an element of filters that the second-level cache does not hold
MULTIPLY = 1 if BYTES == 64 else 0.5  # cycles for a vector; of those shorter than 512 bits two are multiplied at once
COPY_ROW, COPY, MOVE = 30, 3, 8  # cycles for a row of a padded copy, for a vector of it, for a vector of a tile
PACK_ROW, PACK, FIND = 10, (4, 5, 10, 10, 40), 8  # for a row of a panel, a vector of it by stride, to find padding
# Filters are packed if each number of them is used for enough pixels. To pack one takes as long as to pack as many
# pixels: who shares the work between threads asks which of both to do twice.
WORTH_PACKING, PACK_FILTERS = 32, 4
# Those of a convolution stand in order. But very many come from the third-level cache for each stripe, and then a block
# comes faster packed. (Bytes, and how many times as many pixels. With AVX-512, whose blocks have twice as many rows,
# that gained nothing.)
FAR, TIMES = np.inf if BYTES == 64 else 2**22, 64
ASK = 512  # pixels that each filter element meets, at least, where it is asked whether filters are finite
PAGE, PAGES = 4096, 1536  # bytes of a page of memory; pages of which a processor surely knows where they are
FEWEST = 8  # steps of a band, unless all: `lectcode.kernels.narrow` computes several at once
SECOND_LEVEL = 400_000  # bytes of filters, or of padded input that a task copies, that stay in the second-level cache


class Sizes(NamedTuple):
    """What the compiled loops must know; every pair is (height, width), distances are counted in elements.

    They are given it as a plain tuple and name the numbers themselves: to take over a tuple that has names costs Numba
    2 us, a tenth of a small layer.
    """

    N: int
    groups: int
    rows: int  # of the product, per group: filters, or channels of dI
    channels: int  # of the source, per group
    block: int  # rows of the micro-kernel
    depth: int  # rows of a panel
    splits: int  # tasks that share the rows of a group among them
    images: int  # of a task; one if the source is copied
    bands: int  # tasks per image
    band: int  # steps per band
    steps: int  # of all bands, the last of which may be shorter
    padded: bool  # the source is copied; else it is packed
    unpacked: bool  # but full tiles of pixels that follow each other are read where they are
    single: bool  # the last pixel of a map, alone in its tile, is multiplied by `lectcode.kernels.single`
    size: tuple  # of the source
    corner: tuple
    stride: tuple
    phases: tuple
    extent: tuple  # of a padded phase
    plane: int  # from one channel to the next
    line: int  # from one step to the next
    stripe: int  # pixels whose panel is multiplied by all filters
    O_plane: int
    O_row: int  # from one step to the next
    O_column: int
    taps: int  # filter elements that some part has
    filters: tuple  # distances in F of two rows of the product, two channels, two groups
    A_packed: bool  # each thread packs the filters of its tasks: what another writes takes long to read
    A_fresh: int  # blocks that are packed just before they are used, because no panel but one wants them; else 0
    A_block: int  # from one block of them to the next
    A_row: int  # from one row of the product to the next in what the micro-kernel reads
    workspace: tuple  # sizes of a thread's padded source or panel, of its block of results, of the filters it packs


@lru_cache(512)
def one_window(geometry):
    """Return the geometry of 1 x 1 filters over single pixels if the only window is the whole image, else None.

    Then all numbers of an image can be read as channels of one pixel, those of a filter likewise: a plain matrix
    product. Seen as a convolution, its gradient would multiply each number of F with K_h K_w - 1 zeros.
    """
    whole = geometry.kernel_size == geometry.input_size and geometry.output_size == (1, 1)
    if not whole or any(geometry.before + geometry.after):
        return None
    return replace(geometry, input_size=(1, 1), kernel_size=(1, 1), stride=(1, 1), dilation=(1, 1))


def one_element(geometry):
    """Tell if filters have one element and no padding surrounds the input."""
    return geometry.kernel_size == (1, 1) and geometry.before == geometry.after == (0, 0)


def pixels_as_channels(array):
    """View images or filters as channels of one pixel."""
    return array.reshape(array.shape[0], -1, 1, 1)


@lru_cache(512)
def no_bias(rows, dtype):
    """Return a bias of zeros, read-only as every bias is: one compiled version serves both."""
    D = np.zeros(rows, dtype)
    D.flags.writeable = False
    return D


class Plan(NamedTuple):
    """A product, ready to run."""

    sizes: Sizes
    # What the loops are told: the sizes as a plain tuple; for each part (first step, end, first column, end, start in
    # O, taps before, taps); for each part, channel and tap where the source's line begins, and where the filters'
    # column; for each part and tap the first row and the end, the first column and the end, that exist; all filter
    # elements, part after part.
    told: tuple
    room: int  # numbers in the workspace of a thread
    tasks: int
    work: int  # multiply-adds of float32, of which one of float64 takes as long as two
    gaps: bool  # some pixels of the result meet no tap
    short: bool  # products with padding are left out
    kernel: str  # "blocks": `gemm`, "rows": `rowwise`, "filters": `narrow`


def weight(rows):
    """Return how many rows of a block take as long as these: too few for one read the source again for each row."""
    return rows if rows >= FEW else rows + 2


class Problem(NamedTuple):
    """What a plan is made for."""

    N: int
    groups: int
    rows: int  # of the product, per group
    channels: int  # of the source, per group
    y: Axis
    x: Axis
    itemsize: int
    gradient: bool  # its filters stand farther apart in memory
    # A gradient has no products with padding. A convolution has them, and inf in a filter makes NaN there: only if its
    # filters are known to be finite, they may be left out.
    finite: bool = True

    @property
    def lanes(self):
        """Numbers in a vector."""
        return BYTES // self.itemsize

    @property
    def tile(self):
        """Pixels that the micro-kernel computes at once."""
        return VECTORS * self.lanes

    @property
    def block(self):
        """Rows of the product that it computes at once."""
        return ROWS if self.rows >= FEW else 1

    @property
    def blocks(self):
        """How many blocks the rows of a group are."""
        return -(-self.rows // self.block)

    @property
    def pixels(self):
        """Pixels of an image that are computed for each row of the product."""
        return self.y.steps * self.x.steps

    @property
    def width(self):
        """Steps of a padded line."""
        return self.x.steps + self.x.reach

    @property
    def numbers(self):
        """Numbers in the source, the filters and the result."""
        y, x = self.y, self.x
        source, result = y.size * x.size * self.channels, y.result * x.result * self.rows
        return self.groups * (self.N * (source + result) + self.filters)

    @property
    def filters(self):
        """Numbers in the filters of a group."""
        return self.rows * self.channels * len(self.y.taps) * len(self.x.taps)

    def scattered(self, row):
        """Tell if the rows of F, `row` numbers long, are in so many pages that the processor searches for them."""
        return self.rows >= PAGES and row * self.itemsize >= PAGE

    def packs_filters(self, row):
        """Tell if filters are worth packing: a gradient's, far apart in memory, scattered ones, or very many."""
        many = self.filters * self.itemsize >= FAR
        times = 1 if self.gradient else 2 if self.scattered(row) else TIMES if many else np.inf
        return self.N * self.pixels >= WORTH_PACKING * times

    @property
    def work(self):
        """Multiply-adds of float32, of which one of float64 takes as long as two."""
        sums = self.N * self.groups * weight(self.rows) * self.channels
        return sums * self.y.terms * self.x.terms * self.itemsize // 4


@lru_cache(512)
def plan_forward(N, rows, channels, geometry, itemsize, threads, finite=False):
    """Return the plan of a convolution, of filters that are known to be finite or not."""
    taps = prod(geometry.kernel_size)
    filters = channels * taps, taps, rows * channels * taps
    axes = forward_axes(geometry)
    problem = Problem(N, geometry.groups, rows, channels, *axes, itemsize, gradient=False, finite=finite)
    return _plan(problem, geometry.kernel_size[1], filters, threads)


def worth_asking(geometry, N):
    """Tell if each filter element meets so many pixels that it takes little to find out if all are finite."""
    return N * prod(geometry.output_size) >= ASK


@lru_cache(512)
def plan_grad_input(N, rows, channels, geometry, itemsize, threads):
    """Return the plan of the gradient of the input."""
    taps = prod(geometry.kernel_size)
    filters = taps, rows * taps, rows * channels * taps
    problem = Problem(N, geometry.groups, rows, channels, *grad_input_axes(geometry), itemsize, gradient=True)
    return _plan(problem, geometry.kernel_size[1], filters, threads)


@lru_cache(512)
def plan_grad_input_turned(pixels, rows, channels, geometry, itemsize, threads):
    """Return the plan of the products that the gradient of the input adds up, for one image.

        products[p, r] = sum_{c_out} G[c_out, p] F[c_out, r]        p a pixel of G, r = (c_in, k_h, k_w)

    F is read as an image of one row for each of its filters, in the order of memory, and G as the filters.
    """
    one = {"kernel_size": (1, 1), "stride": (1, 1), "dilation": (1, 1), "before": (0, 0), "after": (0, 0)}
    across = replace(geometry, input_size=(1, rows), output_size=(1, rows), **one)
    problem = Problem(1, 1, pixels, channels, *forward_axes(across), itemsize, gradient=True)
    return _plan(problem, 1, (1, pixels, 0), threads)


def _plan(problem, K_w, filters, threads):
    """Choose the way to compute a product, tasks and tables."""
    work = problem.work
    threads = max(min(threads, worth(work)), 1)  # to divide what one thread computes costs it time
    terms = problem.y.terms * problem.x.terms
    problem, padded, kernel = _choose(problem)
    N, groups, rows, channels, y, x, itemsize, *_ = problem
    block, blocks, tile, width = problem.block, problem.blocks, problem.tile, problem.width
    images, bands, band, splits = _divide(problem, padded, threads)
    if kernel == "rows":  # it writes whole blocks: one task has the last two, which may have rows in common
        splits = min(splits, rows // block)
    extent = band + y.reach, width
    plane = y.phases * x.phases * extent[0] * extent[1] if padded else y.size * x.size
    parts, places, inside, elements = _list_parts(problem, padded, extent, K_w)
    K = channels * len(set(elements))
    packs = problem.packs_filters(filters[0])
    depth = min(DEPTH if problem.scattered(filters[0]) and not packs else SHALLOW, K)
    together = -(-blocks // splits)  # blocks of a task
    packed = together * block * round_up(K, depth)
    large = depth >= K and problem.pixels >= LARGE
    planes = channels == K <= CHANNELS and rows <= WAITING and problem.pixels > max(SPREAD, TILES * tile)
    long = not padded and (large or planes)
    pixels, whole = images * problem.pixels, not padded and bands == 1  # of a task, if it has whole images
    wide = packs and whole and pixels <= ONLY * tile
    tiles = LONGEST if kernel == "rows" else LONG if long else ONLY if wide else TILES
    stripe = (tiles if padded else min(tiles, max(-(-pixels // tile), TILES))) * tile
    one_stripe = whole and pixels <= min(stripe, ONLY * tile)
    if not one_stripe and threads * packed > problem.numbers:
        packs = False
    pack = block > 1 and (packs or rows < block)
    fresh = max(SECOND_LEVEL // 4 // (depth * block * itemsize), 1) if pack and one_stripe else 0
    if pack and not fresh:
        columns, order = _packed(parts, elements, channels, filters[1], depth, block, together)
    else:
        columns, order = _each_channel(parts, channels, filters[1], elements), np.empty((2, 0), np.int64)
    source = N * groups * channels * y.size * x.size * itemsize
    whole_blocks = kernel == "blocks" and rows == blocks * block and blocks <= BLOCKS
    inside_only = all(axis.corner >= 0 and axis.corner + axis.last < axis.size for axis in (y, x))
    unpacked = not padded and inside_only and whole_blocks and source <= NEAR
    # Bands of a map that is one long row begin where tiles begin: so threads do not change which pixel is alone.
    one_row, neighbours = x.steps == x.size == 1, filters[1] == len(elements) == 1
    by_blocks = not padded and kernel == "blocks" and rows >= block
    single = by_blocks and one_row and neighbours and N == 1 and problem.pixels % tile == 1
    # blocks whose results wait for the rest of their sums, or for their places
    waiting = 0 if kernel == "rows" else 1 if depth >= K else together
    workspace = (
        round_up(channels * plane + 2 * tile, tile) if padded else depth * (stripe + GAP * problem.lanes),
        round_up(waiting * block * stripe + problem.lanes, tile),
        min(fresh, together) * block * depth if fresh else packed if pack else 0,
    )
    sizes = Sizes(
        N=N,
        groups=groups,
        rows=rows,
        channels=channels,
        block=block,
        depth=depth,
        splits=splits,
        images=images,
        bands=bands,
        band=band,
        steps=y.steps,
        padded=padded,
        unpacked=unpacked,
        single=single,
        size=(y.size, x.size),
        corner=(y.corner, x.corner),
        stride=(y.stride, x.stride),
        phases=(y.phases, x.phases),
        extent=extent,
        plane=plane,
        line=width if padded else y.stride * x.size,
        stripe=stripe,
        O_plane=y.result * x.result,
        O_row=y.scale * x.result,
        O_column=x.scale,
        taps=max(part[-1] for part in parts),
        filters=filters,
        A_packed=pack,
        A_fresh=fresh,
        A_block=depth * block,
        A_row=1 if pack else filters[0],
        workspace=workspace,
    )
    told = (
        tuple(sizes),
        np.array(parts),
        _each_channel(parts, channels, plane, places),
        columns,
        np.array(inside, np.int64).reshape(-1, 4),
        order,
    )
    tasks = -(-N // images) * bands * groups * splits
    gaps, short = any(part[-1] == 0 for part in parts), y.terms * x.terms < terms
    return Plan(sizes, told, sum(workspace), tasks, work, gaps, short, kernel)


def _choose(problem):
    """Return the problem with the axes that serve best, whether a padded copy is read, and by which kernel."""
    y, x = problem.y, problem.x
    if problem.block == 1:
        return problem, True, "filters"
    # each step down is one along a single row of the source, without gaps and padding
    plain = x.stride == 1 and x.corner == 0 and x.size == x.steps and x.reach == 0 and y.corner == 0 and y.last < y.size
    if not plain:
        *axes, padded, kernel = min(_ways(problem), key=lambda way: _cycles(problem, *way))
    else:
        padded, kernel = False, "blocks"
        whole = y.stride == 1 and y.reach == 0 and y.scale == x.scale == 1 and x.steps == x.result
        axes = _joined(y, x) if whole else (y, x)
    return problem._replace(y=axes[0], x=axes[1]), padded, kernel


def _joined(y, x):
    """Return the axes of one long row, all rows of a plane one after the other: bands may begin anywhere."""
    (tap_y,), (tap_x,) = y.parts[0][3], x.parts[0][3]
    steps = y.steps * x.steps
    y = y._replace(size=y.size * x.size, steps=steps, result=y.result * x.result, parts=[(0, steps, 0, [tap_y])])
    return y, x._replace(size=1, steps=1, result=1, parts=[(0, 1, 0, [tap_x])])


def _ways(problem):
    """Yield the ways to compute a product: its axes, whether it reads a padded copy, and by which kernel.

    Who need not multiply with padding, with dilation 4 on 28 x 28 pixels, has 18 % less to do. But more vectors are not
    full, and each part reads the filters for itself, all elements, for those that it needs stand between the others. Of
    a copy whole rows are multiplied, so there parts are rows.
    """
    y, x = problem.y, problem.x
    without = (without_padding(y), without_padding(x)) if problem.finite else (y, x)
    for padded in (True, False):
        for rows in (y, without[0]):
            for columns in (x,) if padded else (x, without[1]):
                yield rows, columns, padded, "blocks"
    full = problem.rows >= problem.block and x.steps >= problem.lanes
    if full and not problem.gradient and problem.channels * len(y.taps) * len(x.taps) <= ROWWISE:
        yield y, x, True, "rows"


def _cycles(problem, y, x, padded, kernel):
    """Estimate what a product costs along these axes, in cycles for each channel of the source."""
    N, lanes, blocks = problem.N, problem.lanes, -(-problem.rows // ROWS)
    taps = len(y.taps) * len(x.taps)
    far = ROWS * blocks * problem.channels * taps * BYTES // lanes > SECOND_LEVEL
    width, total = problem.width, 0
    if padded:
        copied = COPY_ROW + COPY * x.stride * -(-width // lanes)
        total += N * y.phases * x.phases * (y.steps + y.reach) * copied
    for (top, bottom, _, down), (left, right, _, across) in product(y.parts, x.parts):
        height, columns = bottom - top, right - left
        pieces = N * height * -(-columns // lanes)  # vectors that are packed, or moved
        # of a copy whole rows are multiplied, and what is between two of them
        images, positions = (N, (height - 1) * width + columns) if padded else (1, N * height * columns)
        vectors, stripes = (images * -(-positions // (lanes * n)) for n in (1, VECTORS * TILES))
        moved = padded or problem.rows < ROWS or x.scale > 1 or columns < x.result
        if kernel == "rows":
            vectors, moved = pieces, False
        multiplied = MULTIPLY * ROWS * blocks * vectors
        if not padded:
            vector = PACK[min(x.stride, len(PACK)) - 1] + FIND / problem.channels
            multiplied += PACK_ROW * stripes + vector * pieces
        total += len(down) * len(across) * multiplied
        total += ROWS * blocks * (READ * far * taps * stripes + MOVE * moved * pieces / problem.channels)
    return total


def _divide(problem, padded, threads):
    """Return the images of a task, bands of an image, steps of a band, and tasks that share the rows of a group."""
    N, tasks, y, columns = problem.N, problem.N * problem.groups, problem.y, problem.x.steps
    few = tasks < 2 * threads
    small = few and problem.pixels < 4 * problem.tile * threads
    dear = PACK_FILTERS * problem.rows > N * problem.pixels or threads * problem.filters > problem.numbers
    images = bands = splits = 1
    if small or (threads > 1 and not padded and dear):
        splits = min(threads, problem.blocks)
        images = 1 if padded else N
    elif few:
        bands = threads
    elif not padded:
        images = max(1, min(N, tasks // threads))
    if padded:
        step_bytes = problem.channels * y.phases * problem.x.phases * problem.width * problem.itemsize
        least = -(-2 * problem.tile // columns) if problem.block > 1 else FEWEST
        fit = max(SECOND_LEVEL // step_bytes - y.reach, least, 1)
        bands = max(bands, -(-y.steps // fit))
    # three tasks would keep one of two threads waiting for half of the time
    if images > 1 and splits == 1:
        images = -(-N // round_up(-(-N // images), threads))
    if bands > 1 and few:
        bands = round_up(bands, threads)
    band = -(-y.steps // bands)
    if columns == 1 and bands > 1:
        band = round_up(band, problem.tile)
    return images, -(-y.steps // band), band, splits


def _list_parts(problem, padded, extent, K_w):
    """List the parts, as a plan holds them, and for each part and tap:

    where the line of the source's first channel begins, the first row and the end, the first column and the end, that
    exist, and which filter element it is.
    """
    parts, places, inside, elements = [], [], [], []
    y, x = problem.y, problem.x
    for (top, bottom, y_start, down), (left, right, x_start, across) in product(y.parts, x.parts):
        parts.append((top, bottom, left, right, y_start * x.result + x_start, len(places), len(down) * len(across)))
        for (k_h, y_shift, f), (k_w, x_shift, g) in product(down, across):
            if padded:
                places.append(((f * x.phases + g) * extent[0] + y_shift) * extent[1] + x_shift)
            else:
                places.append((y_shift * y.stride + f) * x.size + x_shift * x.stride + g)
            inside.append((*y.inside(y_shift, f), *x.inside(x_shift, g)))
            elements.append(k_h * K_w + k_w)
    return parts, places, inside, elements


def _each_channel(parts, channels, distance, places):
    """Return the places for each part, channel and tap, if two channels are `distance` apart."""
    channel, places = np.arange(channels)[:, None] * distance, np.array(places, np.int64)
    tables = [(channel + places[first : first + count]).reshape(-1) for *_, first, count in parts]
    return np.concatenate(tables)


def _packed(parts, elements, channels, distance, depth, block, blocks):
    """Return the columns of each part in packed filters, and the order in which these are packed.

    What is read together stands together. First come the elements of one remainder, then those of the next: no part has
    elements of two. Of these, for `depth` rows of a panel, block after block; of a block, channel after channel.
    """
    remainders = {}
    for *_, start, first, count in parts:
        if count > 0:
            remainders.setdefault(start, {}).update(dict.fromkeys(elements[first : first + count]))
    rows, row = {}, 0  # of a panel that held all elements
    for members in remainders.values():
        rows |= {element: row + i + np.arange(channels) * len(members) for i, element in enumerate(members)}
        row += channels * len(members)
    places = {element: (k // depth * blocks * depth + k % depth) * block for element, k in rows.items()}
    columns = [
        np.stack([places[element] for element in elements[first : first + count]], axis=1).reshape(-1)
        for *_, first, count in parts
        if count > 0
    ]
    sources = [np.arange(channels)[:, None] * distance + list(members) for members in remainders.values()]
    written = [np.stack([places[element] for element in members], axis=1) for members in remainders.values()]
    order = [np.concatenate([table.reshape(-1) for table in tables]) for tables in (sources, written)]
    return np.concatenate(columns), np.stack(order)
