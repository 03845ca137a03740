"""Vectors as wide as the host's registers, in plain Numba code.

Numba's own vectoriser stops at half the width of AVX-512 and keeps few sums in registers. Here a `Vector` is one
register full of numbers: `load` reads it, `store` writes it, `splat` fills it with one number, and of floats +, -, *
and / work lane by lane. A comparison (`beats`, `same`) gives a `Mask`, one truth value a lane, by which `choose` merges
two vectors. LLVM turns them into AVX-512, AVX2, SSE or NEON, whatever the host has.

Arrays are one-dimensional and C-ordered; positions and distances are counted in elements.

With the JIT off (NUMBA_DISABLE_JIT=1) a vector is a small NumPy array and each function runs as the NumPy code beside
it, in which no vector may leave its array: that is how the tests see a read or a write out of bounds.
"""

import operator

import llvmlite.binding
import numpy as np
from llvmlite import ir
from numba import config, types
from numba.core import cgutils
from numba.core.imputils import impl_ret_borrowed
from numba.extending import intrinsic, models, overload, register_model


def _host_has(feature):
    """Tell whether Numba may use a CPU feature; NUMBA_CPU_FEATURES overrides the host, as in Numba itself."""
    if config.CPU_FEATURES is not None:
        return f"+{feature}" in config.CPU_FEATURES.split(",")
    return llvmlite.binding.get_host_cpu_features().get(feature, False)


BYTES = 64 if _host_has("avx512f") else 32 if _host_has("avx2") else 16
# x86 has 16 vector registers before AVX-512; NEON has 32 as well.
REGISTERS = 16 if _host_has("sse2") and BYTES < 64 else 32

INDEX = ir.IntType(64)
_LANE = ir.IntType(32)
_LLVM = {types.float32: ir.FloatType(), types.float64: ir.DoubleType(), types.int32: _LANE, types.int64: INDEX}


def lanes(dtype):
    """Return how many numbers of a dtype one vector holds."""
    return BYTES // np.dtype(dtype).itemsize


class Vector(types.Type):
    """The Numba type of one register full of numbers."""

    def __init__(self, dtype):
        self.dtype = dtype
        self.llvm = ir.VectorType(_LLVM[dtype], BYTES * 8 // dtype.bitwidth)
        super().__init__(name=f"Vector({dtype})")


class Mask(types.Type):
    """The Numba type of one truth value for each lane of a vector."""

    def __init__(self, count):
        self.llvm = ir.VectorType(ir.IntType(1), count)
        super().__init__(name=f"Mask({count})")


@register_model(Vector)
@register_model(Mask)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager, vector):
        super().__init__(manager, vector, vector.llvm)


def address(context, builder, array_type, array, index):
    """Emit the address of array[index]."""
    return builder.gep(context.make_array(array_type)(context, builder, array).data, [index])


def emit_load(builder, where, llvm_type):
    """Emit the vector, or the number, that stands at an address."""
    value = builder.load(builder.bitcast(where, llvm_type.as_pointer()))
    value.align = 4  # arrays are aligned to their elements, not to vectors
    return value


def emit_store(builder, value, where):
    """Emit the writing of a vector to an address."""
    builder.store(value, builder.bitcast(where, value.type.as_pointer())).align = 4


def emit_splat(builder, number, llvm_type):
    """Emit a vector whose lanes are all `number`."""
    undefined = ir.Constant(llvm_type, ir.Undefined)
    first = builder.insert_element(undefined, number, _LANE(0))
    return builder.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(_LANE, llvm_type.count), None))


def emit_multiply_add(builder, a, b, c):
    """Emit a b + c, rounded once where the host can do that, else twice."""
    name = f"llvm.fmuladd.v{a.type.count}f{32 if a.type.element == ir.FloatType() else 64}"
    function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(a.type, [a.type] * 3), name)
    return builder.call(function, [a, b, c])


@intrinsic
def _lanes_of(typing, array):
    def emit(context, builder, signature, arguments):
        return INDEX(Vector(array.dtype).llvm.count)

    return types.int64(array), emit


@intrinsic
def _frozen(typing, array):
    def emit(context, builder, signature, arguments):
        return impl_ret_borrowed(context, builder, signature.return_type, arguments[0])

    return array.copy(readonly=True)(array), emit


@intrinsic
def _load(typing, array, index):
    vector = Vector(array.dtype)

    def emit(context, builder, signature, arguments):
        return emit_load(builder, address(context, builder, signature.args[0], *arguments), vector.llvm)

    return vector(array, types.int64), emit


@intrinsic
def _store(typing, array, index, vector):
    def emit(context, builder, signature, arguments):
        emit_store(builder, arguments[2], address(context, builder, signature.args[0], *arguments[:2]))
        return context.get_dummy_value()

    return types.void(array, types.int64, vector), emit


def _masked(builder, instruction, vector, result, arguments):
    """Emit a load or a store of which the lanes outside of a mask touch no memory."""
    V = vector.llvm
    name = f"llvm.masked.{instruction}.v{V.count}f{vector.dtype.bitwidth}.p0v{V.count}f{vector.dtype.bitwidth}"
    kind = ir.FunctionType(result, [argument.type for argument in arguments])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), arguments)


@intrinsic
def _load_where(typing, array, index, mask, other):
    def emit(context, builder, signature, arguments):
        where = address(context, builder, signature.args[0], *arguments[:2])
        where = builder.bitcast(where, other.llvm.as_pointer())
        return _masked(builder, "load", other, other.llvm, [where, _LANE(4), *arguments[2:]])

    return other(array, types.int64, mask, other), emit


def _emit_store_where(context, builder, signature, arguments, vector, mask):
    """Emit the writing of the lanes where a mask is true to the address that the first two arguments give."""
    where = address(context, builder, signature.args[0], *arguments[:2])
    where = builder.bitcast(where, vector.llvm.as_pointer())
    _masked(builder, "store", vector, ir.VoidType(), [arguments[2], where, _LANE(4), mask])
    return context.get_dummy_value()


@intrinsic
def _store_where(typing, array, index, vector, mask):
    def emit(context, builder, signature, arguments):
        return _emit_store_where(context, builder, signature, arguments, vector, arguments[3])

    return types.void(array, types.int64, vector, mask), emit


@intrinsic
def _between(typing, array, begin, end):
    mask = Mask(Vector(array.dtype).llvm.count)

    def emit(context, builder, signature, arguments):
        from_, to = (_taken(builder, mask.llvm, count) for count in arguments[1:])
        return builder.and_(builder.not_(from_), to)

    return mask(array, types.int64, types.int64), emit


@intrinsic
def _store_first(typing, array, index, vector, count):
    def emit(context, builder, signature, arguments):
        taken = _taken(builder, vector.llvm, arguments[3])
        return _emit_store_where(context, builder, signature, arguments, vector, taken)

    return types.void(array, types.int64, vector, types.int64), emit


@intrinsic
def _splat(typing, number):
    vector = Vector(number)

    def emit(context, builder, signature, arguments):
        return emit_splat(builder, arguments[0], vector.llvm)

    return vector(number), emit


def _emit_rows(context, builder, source_type, source, start, distances_type, distances, first, vector):
    """Emit the loads of the rows of a square of numbers."""
    rows = []
    for i in range(vector.llvm.count):
        where = address(context, builder, distances_type, distances, builder.add(first, INDEX(i)))
        row = builder.add(start, builder.load(where))
        rows.append(emit_load(builder, address(context, builder, source_type, source, row), vector.llvm))
    return rows


def _emit_butterflies(builder, rows):
    """Emit the columns of a square: in round d, vectors i and i + d exchange the lanes in which bit d differs."""
    count = len(rows)
    d = count // 2
    while d:
        low = _mask([lane if not lane & d else count + lane - d for lane in range(count)])
        high = _mask([lane + d if not lane & d else count + lane for lane in range(count)])
        for i in range(count):
            if not i & d:
                a, b = rows[i], rows[i + d]
                rows[i], rows[i + d] = builder.shuffle_vector(a, b, low), builder.shuffle_vector(a, b, high)
        d //= 2
    return rows


@intrinsic
def _first(typing, vector, count):
    def emit(context, builder, signature, arguments):
        V = vector.llvm
        return builder.select(_taken(builder, V, arguments[1]), arguments[0], ir.Constant(V, None))

    return vector(vector, types.int64), emit


@intrinsic
def _keep(typing, vector, bits):
    def emit(context, builder, signature, arguments):
        V = vector.llvm
        mask = builder.trunc(arguments[1], ir.IntType(V.count))
        kept = builder.bitcast(mask, ir.VectorType(ir.IntType(1), V.count))
        return builder.select(kept, arguments[0], ir.Constant(V, None))

    return vector(vector, types.int64), emit


@intrinsic
def _transpose(typing, source, start, distances, first, result, position, distance):
    vector = Vector(source.dtype)

    def emit(context, builder, signature, arguments):
        source, start, distances, first, result, position, distance = arguments
        source_type, distances_type, result_type = (signature.args[i] for i in (0, 2, 4))
        rows = _emit_rows(context, builder, source_type, source, start, distances_type, distances, first, vector)
        for i, row in enumerate(_emit_butterflies(builder, rows)):
            where = builder.add(position, builder.mul(distance, INDEX(i)))
            emit_store(builder, row, address(context, builder, result_type, result, where))
        return context.get_dummy_value()

    index = types.int64
    return types.void(source, index, distances, index, result, index, index), emit


@intrinsic
def _transpose_to(typing, source, start, distances, first, result, position, places, place):
    vector = Vector(source.dtype)

    def emit(context, builder, signature, arguments):
        source, start, distances, first, result, position, places, place = arguments
        source_type, distances_type, result_type, places_type = (signature.args[i] for i in (0, 2, 4, 6))
        rows = _emit_rows(context, builder, source_type, source, start, distances_type, distances, first, vector)
        for i, row in enumerate(_emit_butterflies(builder, rows)):
            where = builder.load(address(context, builder, places_type, places, builder.add(place, INDEX(i))))
            emit_store(builder, row, address(context, builder, result_type, result, builder.add(position, where)))
        return context.get_dummy_value()

    index = types.int64
    return types.void(source, index, distances, index, result, index, places, index), emit


def _taken(builder, llvm_type, count):
    """Emit the truth of lane < count, lane by lane."""
    count = emit_splat(builder, builder.trunc(count, _LANE), ir.VectorType(_LANE, llvm_type.count))
    return builder.icmp_signed("<", _mask(list(range(llvm_type.count))), count)


def _mask(numbers):
    return ir.Constant(ir.VectorType(_LANE, len(numbers)), numbers)


def _pick(choose):
    """Make a function of two vectors a, b that returns the lanes `choose(count)` of a_0, ..., b_0, ..."""

    @intrinsic
    def compiled(typing, a, b):
        def emit(context, builder, signature, arguments):
            return builder.shuffle_vector(*arguments, _mask(choose(a.llvm.count)))

        return a(a, b), emit

    def plain(a, b):
        return np.concatenate([a, b])[choose(a.size)]

    return plain if config.DISABLE_JIT else compiled


# evens and odds take a row of numbers apart; zip_low and zip_high, a_0 b_0 a_1 b_1 ..., put it together again.
# ahead, a_1 a_2 ... b_0, and behind, a_last b_0 b_1 ..., are the row b behind the row a, seen one place further.
evens = _pick(lambda count: list(range(0, 2 * count, 2)))
odds = _pick(lambda count: list(range(1, 2 * count, 2)))
zip_low = _pick(lambda count: [i // 2 + i % 2 * count for i in range(count)])
zip_high = _pick(lambda count: [(i + count) // 2 + i % 2 * count for i in range(count)])
ahead = _pick(lambda count: list(range(1, count + 1)))
behind = _pick(lambda count: list(range(count - 1, 2 * count - 1)))


def _every(stride):
    """Make a function of an array and an index that returns every stride-th number from there on, one vector full."""

    @intrinsic
    def compiled(typing, array, index):
        vector = Vector(array.dtype)
        count = vector.llvm.count
        numbers = range(0, stride * count, stride)

        def emit(context, builder, signature, arguments):
            start = address(context, builder, signature.args[0], *arguments)
            result = emit_load(builder, start, vector.llvm)
            for i in range(1, stride):  # the lanes that stand in vector i
                kept = numbers if i == 1 else range(count)
                lanes = [
                    count + n % count if n // count == i else k % count for n, k in zip(numbers, kept, strict=True)
                ]
                more = emit_load(builder, builder.gep(start, [INDEX(i * count)]), vector.llvm)
                result = builder.shuffle_vector(result, more, _mask(lanes))
            return result

        return vector(array, types.int64), emit

    def plain(array, index):
        return within(array, index, stride * lanes(array.dtype))[::stride].copy()

    return plain if config.DISABLE_JIT else compiled


every_2, every_3, every_4 = map(_every, (2, 3, 4))


def _lanewise(kind, sign, instruction, **flags):
    """Give vectors or masks an operator; with `contract` LLVM may fuse a product and a sum into one rounding."""

    @intrinsic
    def compiled(typing, a, b):
        def emit(context, builder, signature, arguments):
            return getattr(builder, instruction)(*arguments, **flags)

        return a(a, b), emit

    @overload(sign)
    def operation(a, b):
        if isinstance(a, kind) and isinstance(b, kind):
            return lambda a, b: compiled(a, b)
        return None


_lanewise(Vector, operator.add, "fadd", flags=("contract",))
_lanewise(Vector, operator.sub, "fsub", flags=("contract",))
_lanewise(Vector, operator.mul, "fmul", flags=("contract",))
_lanewise(Vector, operator.truediv, "fdiv", flags=("contract",))
_lanewise(Mask, operator.and_, "and_")
_lanewise(Mask, operator.or_, "or_")


def product(a, b):
    """Return a b, rounded: no sum is fused with it, as one may be with a * b, in a place that LLVM chooses."""
    return a * b


@intrinsic
def _product(typing, a, b):
    return a(a, b), lambda context, builder, signature, arguments: builder.fmul(*arguments)


@overload(product)
def _product_of_vectors(a, b):
    return (lambda a, b: _product(a, b)) if isinstance(a, Vector) and isinstance(b, Vector) else None


@intrinsic
def _but(typing, a, b):
    def emit(context, builder, signature, arguments):
        return builder.and_(arguments[0], builder.not_(arguments[1]))

    return a(a, b), emit


@intrinsic
def _same(typing, a, b):
    def emit(context, builder, signature, arguments):
        return builder.icmp_signed("==", *arguments)

    return Mask(a.llvm.count)(a, b), emit


@intrinsic
def _beats(typing, b, a):
    def emit(context, builder, signature, arguments):
        b, a = arguments
        later_is_larger = builder.fcmp_unordered(">", b, a)  # or one of them is NaN
        return builder.and_(later_is_larger, builder.fcmp_ordered("ord", a, a))

    return Mask(a.llvm.count)(b, a), emit


def _comparison(instruction, sign):
    """Make a comparison of floats, lane by lane."""

    @intrinsic
    def compiled(typing, a, b):
        def emit(context, builder, signature, arguments):
            return getattr(builder, instruction)(sign, *arguments)

        return Mask(a.llvm.count)(a, b), emit

    return compiled


_larger, _equal = _comparison("fcmp_ordered", ">"), _comparison("fcmp_ordered", "==")
_undefined, _overtakes = _comparison("fcmp_unordered", "uno"), _comparison("fcmp_unordered", ">")


@intrinsic
def _anywhere(typing, mask):
    def emit(context, builder, signature, arguments):
        bits = ir.IntType(mask.llvm.count)
        return builder.icmp_unsigned("!=", builder.bitcast(arguments[0], bits), bits(0))

    return types.boolean(mask), emit


@intrinsic
def _bits_of(typing, mask):
    def emit(context, builder, signature, arguments):
        return builder.zext(builder.bitcast(arguments[0], ir.IntType(mask.llvm.count)), INDEX)

    return types.int64(mask), emit


@intrinsic
def _mask_of(typing, array, bits):
    mask = Mask(Vector(array.dtype).llvm.count)

    def emit(context, builder, signature, arguments):
        return builder.bitcast(builder.trunc(arguments[1], ir.IntType(mask.llvm.count)), mask.llvm)

    return mask(array, types.int64), emit


@intrinsic
def _first_bit(typing, bits):
    def emit(context, builder, signature, arguments):
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.int64), emit


@intrinsic
def _largest_of(typing, vector):
    def emit(context, builder, signature, arguments):
        V = vector.llvm
        name = f"llvm.vector.reduce.fmax.v{V.count}f{vector.dtype.bitwidth}"
        function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(V.element, [V]), name)
        return builder.call(function, arguments, fastmath=("nnan",))

    return vector.dtype(vector), emit


@intrinsic
def _total_of(typing, vector):
    def emit(context, builder, signature, arguments):
        V = vector.llvm
        name = f"llvm.vector.reduce.fadd.v{V.count}f{vector.dtype.bitwidth}"
        function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(V.element, [V.element, V]), name)
        return builder.call(function, [ir.Constant(V.element, 0.0), *arguments], fastmath=("reassoc",))

    return vector.dtype(vector), emit


@intrinsic
def _choose(typing, mask, a, b):
    return a(mask, a, b), lambda context, builder, signature, arguments: builder.select(*arguments)


def within(array, index, length):
    """Return array[index : index + length], all of which must exist."""
    if not 0 <= index <= array.size - length:
        raise IndexError(f"{length} elements at {index} leave an array of {array.size}")
    return array[index : index + length]


def lanes_of(array):
    """Return how many of an array's numbers one vector holds: a constant of the machine code, unlike array.itemsize."""
    return lanes(array.dtype)


def frozen(array):
    """Return the array as one that may only be read, like the inputs: a function of either is compiled once."""
    return array


def load(array, index):
    """Return the vector array[index], array[index + 1], ..."""
    return within(array, index, lanes(array.dtype)).copy()


def store(array, index, vector):
    """Write a vector to array[index], array[index + 1], ..."""
    within(array, index, vector.size)[:] = vector


def store_first(array, index, vector, count):
    """Write the first `count` lanes of a vector and nothing else; all of them if it has no more."""
    lanes = vector[:count]
    within(array, index, lanes.size)[:] = lanes


def load_where(array, index, mask, other):
    """Return the vector array[index], ... in the lanes where the mask is true, that of `other` elsewhere.

    What is not taken is not read, and may lie outside of the array.
    """
    vector = other.copy()
    for lane in np.flatnonzero(mask):
        vector[lane] = within(array, index + lane, 1)[0]
    return vector


def store_where(array, index, vector, mask):
    """Write the lanes of a vector where the mask is true and nothing else."""
    for lane in np.flatnonzero(mask):
        within(array, index + lane, 1)[0] = vector[lane]


def between(array, begin, end):
    """Return the mask, of as many lanes as a vector of the array's numbers has, that is true at begin, ..., end - 1."""
    lane = np.arange(lanes(array.dtype))
    return (lane >= begin) & (lane < end)


def but(a, b):
    """Tell where one mask is true and the other is not."""
    return a & ~b


def splat(number):
    """Return the vector whose lanes are all `number`, a NumPy scalar."""
    return np.full(lanes(number.dtype), number)


def same(a, b):
    """Tell for each lane whether two vectors of integers are equal."""
    return a == b


def beats(b, a):
    """Tell for each lane whether float b takes the lead from a, which comes first: if larger, or the first NaN."""
    return (b > a) | ((b != b) & (a == a))


def larger(b, a):
    """Tell for each lane whether b is larger than a."""
    return b > a


def overtakes(b, a):
    """Tell for each lane whether b is larger than a, or one of them is NaN."""
    return ~(b <= a)


def equal(a, b):
    """Tell for each lane whether two vectors of floats are equal."""
    return a == b


def undefined(a, b):
    """Tell for each lane whether a or b is NaN."""
    return (a != a) | (b != b)


def anywhere(mask):
    """Tell whether a mask is true in any lane."""
    return bool(np.any(mask))


def bits_of(mask):
    """Return the integer whose bit l is 1 where lane l of a mask is true."""
    return sum(1 << lane for lane in np.flatnonzero(mask).tolist())


def mask_of(array, bits):
    """Return the mask, of as many lanes as a vector of the array's numbers has, whose `bits_of` are these."""
    return (bits >> np.arange(lanes(array.dtype)) & 1).astype(bool)


def first_bit(bits):
    """Return which bit of an integer is the lowest that is 1; of 0, anything."""
    return (bits & -bits).bit_length() - 1


def largest_of(vector):
    """Return the largest number of a vector of floats; if one of them is NaN, anything."""
    return vector.max()


def total_of(vector):
    """Return the sum of the numbers of a vector, in the order that is fastest here."""
    return vector.sum()


def choose(mask, a, b):
    """Return the lanes of a where the mask is true, those of b elsewhere."""
    return np.where(mask, a, b)


def first(vector, count):
    """Return the vector with zeros in all lanes but the first `count`."""
    return np.where(np.arange(vector.size) < count, vector, vector.dtype.type(0))


def keep(vector, bits):
    """Return the vector with zeros in all lanes l for which bit l of `bits` is 0."""
    return np.where(bits >> np.arange(vector.size) & 1, vector, vector.dtype.type(0))


def transpose(source, start, distances, first, result, position, distance):
    """Turn rows into columns: result[position + j distance + i] = source[start + distances[first + i] + j].

    i and j run over the lanes of one vector.
    """
    count = lanes(source.dtype)
    for i in range(count):
        row = load(source, start + distances[first + i])
        for j in range(count):
            within(result, position + j * distance + i, 1)[0] = row[j]


def transpose_to(source, start, distances, first, result, position, places, place):
    """Turn rows into columns that stand anywhere: transpose with places[place + j] instead of j distance."""
    for j in range(lanes(source.dtype)):
        column = np.array([within(source, start + distances[first + i] + j, 1)[0] for i in range(lanes(source.dtype))])
        store(result, position + places[place + j], column)


if not config.DISABLE_JIT:
    lanes_of, frozen, load, store, store_first = _lanes_of, _frozen, _load, _store, _store_first
    splat, first, keep, transpose, transpose_to = _splat, _first, _keep, _transpose, _transpose_to
    same, beats, larger, choose, between, but = _same, _beats, _larger, _choose, _between, _but
    load_where, store_where, undefined, anywhere = _load_where, _store_where, _undefined, _anywhere
    overtakes, bits_of, mask_of, first_bit = _overtakes, _bits_of, _mask_of, _first_bit
    equal, largest_of, total_of = _equal, _largest_of, _total_of
