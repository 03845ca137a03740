"""Vectors, one function after the other, against what NumPy's slices give; compiled and, with the JIT off, plain."""

import numpy as np
import pytest
from numba import TypingError, config, njit

from lectcode.kernels import simd

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def numbers(count, dtype):
    return np.arange(1, count + 1).astype(dtype)


def test_the_environment_may_name_other_features_than_the_host_has(monkeypatch):
    monkeypatch.setattr(simd.config, "CPU_FEATURES", "+64bit,+sse2,-avx2,+avx512fp16")
    assert simd._host_has("sse2")
    assert not simd._host_has("avx2")
    assert not simd._host_has("avx512f")


@DTYPES
def test_the_lanes_of_an_array_are_a_constant(dtype):
    lanes = njit(lambda array: simd.lanes_of(array))
    assert lanes(numbers(1, dtype)) == simd.BYTES // np.dtype(dtype).itemsize


def test_no_vector_leaves_its_array():
    array = numbers(5, np.float32)
    assert simd.within(array, 2, 3).tolist() == [3, 4, 5]
    for index, length in ((-1, 2), (3, 3), (6, 0)):
        with pytest.raises(IndexError, match=f"{length} elements at {index} leave an array of 5"):
            simd.within(array, index, length)


@pytest.mark.skipif(config.DISABLE_JIT, reason="NumPy adds anything")
def test_operators_are_for_vectors_alone():
    with pytest.raises(TypingError, match="No implementation of function"):
        njit(lambda array: simd.load(array, 0) + array)(np.ones(16))


@DTYPES
@pytest.mark.parametrize(("stride", "every"), [(2, simd.every_2), (3, simd.every_3), (4, simd.every_4)])
def test_every_number_of_a_stride(dtype, stride, every):
    @njit
    def copy(source, index, result):
        simd.store(result, 0, every(source, index))

    lanes = simd.lanes(dtype)
    for index in (0, 1, 5):
        source, result = numbers(index + stride * lanes, dtype), np.zeros(lanes, dtype)  # not one number to spare
        copy(source, index, result)
        assert np.array_equal(result, source[index::stride])


@DTYPES
def test_lanes_are_kept_by_the_bits_of_a_number(dtype):
    @njit
    def keep(source, bits, result):
        simd.store(result, 0, simd.keep(simd.load(source, 0), bits))

    lanes = simd.lanes(dtype)
    source, result = np.full(lanes, np.nan, dtype), np.ones(lanes, dtype)
    keep(source, 0, result)
    assert np.array_equal(result, np.zeros(lanes))  # what is not kept is 0 even if it was NaN
    source = numbers(lanes, dtype)
    for bits in (1, 2, 2 ** (lanes - 1), 2**lanes - 1, 2**lanes - 2):
        keep(source, bits, result)
        assert result.tolist() == [x if bits >> lane & 1 else 0 for lane, x in enumerate(source.tolist())]


@DTYPES
def test_the_first_lanes_are_kept_or_written(dtype):
    @njit
    def keep(source, count, result):
        simd.store(result, 0, simd.first(simd.load(source, 0), count))

    @njit
    def write(source, count, result, index):
        simd.store_first(result, index, simd.load(source, 0), count)

    lanes = simd.lanes(dtype)
    source = numbers(lanes, dtype)
    for count in (*range(lanes + 1), lanes + 3, 2**31 - 1):
        kept = min(count, lanes)
        result = np.full(lanes, -1, dtype)
        keep(source, count, result)
        assert np.array_equal(result, np.append(source[:kept], np.zeros(lanes - kept, dtype)))
        result = np.full(kept + 2, -1, dtype)  # room for what is written, and one number before and after
        write(source, count, result, 1)
        assert np.array_equal(result, [-1, *source[:kept], -1])


@DTYPES
def test_a_transpose(dtype):
    @njit
    def turn(source, distances, result):
        simd.transpose(source, 0, distances, 0, result, 0, distances.size)

    lanes = simd.lanes(dtype)
    source, result = numbers(lanes * lanes, dtype), np.zeros(lanes * lanes, dtype)
    turn(source, np.arange(lanes) * lanes, result)
    assert np.array_equal(result.reshape(lanes, lanes), source.reshape(lanes, lanes).T)


@DTYPES
def test_parts_of_a_vector_are_read_and_written(dtype):
    @njit
    def copy(source, index, begin, end, result, place):
        mask = simd.between(source, begin, end)
        pixels = simd.load_where(source, index, mask, simd.splat(source.dtype.type(-1)))
        simd.store(result, 0, pixels)
        simd.store_where(result, place, pixels, mask)

    lanes = simd.lanes(dtype)
    for begin, end in ((0, lanes), (1, lanes - 1), (-5, 1), (lanes - 1, lanes + 7), (1, 1), (lanes, 2 * lanes), (1, 0)):
        some = slice(min(max(begin, 0), lanes), min(max(end, 0), lanes))
        count = max(some.stop - some.start, 0)
        source, result = numbers(count, dtype), np.zeros(2 * lanes, dtype)  # not one number to spare
        copy(source, -some.start, begin, end, result, lanes)
        expected = np.full(lanes, -1, dtype)
        expected[some] = source
        assert np.array_equal(result[:lanes], expected)
        assert np.array_equal(result[lanes:], np.where(expected > 0, expected, 0))


@DTYPES
def test_a_mask_as_bits(dtype):
    @njit
    def there_and_back(source, bits, result):
        mask = simd.mask_of(source, bits)
        nothing = simd.splat(source.dtype.type(0))
        simd.store(result, 0, simd.choose(mask, simd.load(source, 0), nothing))
        return simd.bits_of(mask)

    lanes = simd.lanes(dtype)
    source, result = numbers(lanes, dtype), np.zeros(lanes, dtype)
    for bits in (0, 1, 2, 2 ** (lanes - 1), 2**lanes - 1, 2**lanes - 2):
        assert there_and_back(source, bits, result) == bits
        assert result.tolist() == [x if bits >> lane & 1 else 0 for lane, x in enumerate(source.tolist())]


@DTYPES
def test_one_row_behind_another(dtype):
    @njit
    def move(source, lanes, result):
        a, b = simd.load(source, 0), simd.load(source, lanes)
        simd.store(result, 0, simd.ahead(a, b))
        simd.store(result, lanes, simd.behind(a, b))

    lanes = simd.lanes(dtype)
    source, result = numbers(2 * lanes, dtype), np.zeros(2 * lanes, dtype)
    move(source, lanes, result)
    assert np.array_equal(result[:lanes], source[1 : lanes + 1])
    assert np.array_equal(result[lanes:], source[lanes - 1 : -1])


@DTYPES
def test_comparisons_and_what_masks_say(dtype):
    @njit
    def compare(source, lanes, result):
        a, b = simd.load(source, 0), simd.load(source, lanes)
        yes, no = simd.splat(source.dtype.type(1)), simd.splat(source.dtype.type(0))
        larger, equal, undefined = simd.larger(a, b), simd.equal(a, b), simd.undefined(a, b)
        masks = (
            larger,
            equal,
            undefined,
            larger | equal,
            larger & equal,
            simd.but(undefined, simd.between(source, 0, 1)),
            simd.overtakes(a, b),
        )
        for i in range(len(masks)):
            simd.store(result, i * lanes, simd.choose(masks[i], yes, no))
        return simd.anywhere(masks[0]), simd.anywhere(masks[4]), simd.bits_of(masks[2])

    lanes = simd.lanes(dtype)
    special = np.array([np.nan, 1, -np.inf, -0.0, 0.0, np.inf, 2], dtype)
    for shift in range(2 * len(special)):
        a, b = np.resize(np.roll(special, shift), lanes), np.resize(np.roll(special, shift // 2), lanes)
        a[-1], b[0], b[-1] = np.nan, -3, np.nan
        result = np.zeros(7 * lanes, dtype)
        found, never, bits = compare(np.concatenate([a, b]), lanes, result)
        undefined = np.isnan(a) | np.isnan(b)
        later = undefined & (np.arange(lanes) > 0)
        expected = [a > b, a == b, undefined, a >= b, np.zeros(lanes), later, (a > b) | undefined]
        assert np.array_equal(result.reshape(7, -1), expected)
        assert (found, never, bits) == (np.any(a > b), False, np.sum(undefined << np.arange(lanes)))


def test_the_lowest_bit_of_an_integer():
    lowest = njit(lambda bit: simd.first_bit(3 << bit))
    assert [lowest(bit) for bit in range(64)] == list(range(64))


@DTYPES
def test_the_largest_number_of_a_vector(dtype):
    largest = njit(lambda array: simd.largest_of(simd.load(array, 0)))
    lanes = simd.lanes(dtype)
    for place in range(lanes):
        assert largest(-np.abs(np.arange(lanes) - place).astype(dtype)) == 0
    assert largest(np.full(lanes, -np.inf, dtype)) == -np.inf


@DTYPES
def test_the_total_of_a_vector(dtype):
    total = njit(lambda array: simd.total_of(simd.load(array, 0)))
    lanes = simd.lanes(dtype)
    assert total(numbers(lanes, dtype)) == lanes * (lanes + 1) // 2
    assert np.isnan(total(np.array([np.inf, -np.inf] * (lanes // 2), dtype)))
