"""The benchmark's own arithmetic: layers, counts, ratios, refusals and its file. Nothing here fails on a time."""

import json
import os
import platform
import sys
import time
from collections import Counter
from itertools import islice
from math import prod
from pathlib import Path

import numba
import numpy as np
import psutil
import pytest

import lectcode
from benchmarks import agreement, busy, compile_time, limits, passes, record, rounding, rows, summary, table, timing
from benchmarks import workspace as memory
from benchmarks.__main__ import arguments
from benchmarks.contenders import ours
from benchmarks.layers import Conv, Pool
from benchmarks.networks import NETWORKS, Walk, distinct, layers_of
from lectcode import data, reference
from tests.test_imports import python

# Convolution layers and their weights, from the papers; the multiply-adds in millions, where papers state them.
PUBLISHED = {
    "LeNet-5": (3, 5 * 5 * 6 + 5 * 5 * 6 * 16 + 5 * 5 * 16 * 120, None),
    "ResNet-20": (19, 267_696, None),
    "ResNet-18": (20, 11_166_912, 1_814),
    "ResNet-50": (53, 23_454_912, 4_087),
    "VGG-16": (13, 14_710_464, 15_347),
    "AlexNet": (5, 2_332_704, 666),
    "MobileNet": (27, 3_185_088, 568),
    "GoogLeNet": (57, 5_966_272, 1_582),
    "U-Net": (19, 28_238_528, None),
}
ROW = {
    "pass": "forward",
    "layer": "3x3 2-4 @8",
    "networks": {"A": 1},
    "N": 1,
    "dtype": "float32",
    "threads": 1,
    "flop": 2_000_000,
    "bytes": 1_000_000,
    "rounds": 3,
    "seconds": {"lectcode": 1e-3, "PyTorch": 2e-3},
    "ratio": {"PyTorch": 2.0},
    "best": {"PyTorch": 2.1},
    "difference": {"PyTorch": 1.5},
    "busy": 0.0,
}


@pytest.fixture(autouse=True)
def threads():
    """Leave the number of threads as it was."""
    before = numba.get_num_threads()
    yield
    numba.set_num_threads(before)


def convs(network):
    return [layer for layer in layers_of(network) if isinstance(layer, Conv)]


@pytest.mark.parametrize("network", PUBLISHED)
def test_layers_and_weights_are_the_published_ones(network):
    count, weights, millions = PUBLISHED[network]
    assert len(convs(network)) == count
    assert sum(prod(layer.filters_shape) for layer in convs(network)) == weights
    if millions:
        assert round(sum(layer.flops(1) for layer in convs(network)) / 2e6) == millions


def test_every_network_is_walked_and_every_layer_counted():
    assert set(PUBLISHED) < set(NETWORKS)
    total = Counter()
    for where in distinct().values():
        total.update(where)
    assert total == {network: len(layers_of(network)) for network in NETWORKS}
    assert len(distinct()) > 150


def test_names_are_unique_among_layers_of_a_kind():
    names = [(type(layer), layer.name) for layer in distinct()]
    assert len(names) == len(set(names))
    assert Conv(3, 64, (224, 224), (7, 7), (2, 2), (3, 3)).name == "7x7 s2 3-64 @224"
    assert Conv(8, 8, (9, 7), (3, 3), (1, 2), (0, 0), (2, 2), 8).name == "3x3 s1x2 p0 d2 depthwise 8-8 @9x7"
    assert Pool(8, (4, 4), (2, 2), (2, 2), ceil_mode=True).name == "2x2 s2 8 @4 ceil"


@pytest.mark.parametrize("network", NETWORKS)
def test_lectcode_makes_the_sizes_of_the_table(network):
    """Sizes follow channel by channel and layer by layer: a walk refuses two branches that do not fit."""
    for layer in layers_of(network):
        if layer.numbers(1) < 1_000_000:  # zeros of one image: quick, but not for the largest
            assert one_image(layer).shape == layer.output_shape(1)


def one_image(layer):
    """Let lectcode compute a layer with few channels, which leaves the size alone."""
    if isinstance(layer, Pool):
        I = np.zeros((1, layer.C, *layer.size), np.float32)
        return lectcode.avg_pool2d(I, layer.kernel, layer.stride, layer.padding, layer.ceil_mode)
    slide = {key: getattr(layer, key) for key in ("stride", "padding", "dilation")}
    I, F = np.zeros((1, 1, *layer.size), np.float32), np.zeros((1, 1, *layer.kernel), np.float32)
    return np.repeat(lectcode.conv2d(I, F, **slide), layer.C_out, axis=1)


def test_a_walk_refuses_branches_of_different_size(monkeypatch):
    monkeypatch.setattr(Walk, "pool", lambda walk, shape, *_, **__: (shape[0], shape[1] - 1, shape[2]))
    with pytest.raises(ValueError, match="too many values"):
        layers_of("GoogLeNet")


@pytest.mark.parametrize(
    "case", [((5, 6), (3, 2), (1, 1), (0, 0), (1, 1), 1), ((7, 5), (3, 3), (2, 1), (1, 2), (2, 1), 2)]
)
def test_flops_count_the_products_of_the_definition(case):
    """With arrays of ones and no padding to lose products in, the sum of O counts them."""
    size, kernel, stride, padding, dilation, groups = case
    layer = Conv(4, 6, size, kernel, stride, padding, dilation, groups)
    padded = np.ones((2, 4, size[0] + 2 * padding[0], size[1] + 2 * padding[1]), np.int64)
    O = reference.conv2d(
        padded, np.ones(layer.filters_shape, np.int64), stride=stride, dilation=dilation, groups=groups
    )
    assert layer.output_shape(2) == O.shape
    assert layer.flops(2) == 2 * O.sum()


def test_terms_are_the_most_products_of_one_entry():
    layer = Conv(4, 6, (8, 9), (3, 2), groups=2)
    arrays = passes.Arrays(*(np.ones(shape, np.int64) for shape in (layer.input_shape(2), layer.output_shape(2))))
    arrays.F, arrays.B = np.ones(layer.filters_shape, np.int64), np.ones(6, np.int64)
    for name in ("forward", "grad_input", "grad_filters"):
        assert passes.terms(name, layer, 2) == ours.prepare(name, layer, arrays)().max()


def test_arrays_are_drawn_independently_and_have_the_layer_s_shapes():
    layer = Conv(4, 6, (8, 9), (3, 2))
    arrays = passes.Arrays.standard_normal(layer, 2, np.float32)
    assert (arrays.I.shape, arrays.G.shape) == (layer.input_shape(2), layer.output_shape(2))
    assert arrays.F.shape == layer.filters_shape
    firsts = {float(array.flat[0]) for array in (arrays.I, arrays.G, arrays.F, arrays.B)}
    assert len(firsts) == 4


@pytest.mark.parametrize("name", passes.PASSES)
def test_every_pass_is_lectcode_s_own(name):
    layer = {Conv: Conv(2, 4, (7, 8), (3, 3), (2, 2), (1, 1)), Pool: Pool(2, (7, 8), (3, 3), (2, 2), (1, 1))}[
        passes.PASSES[name]
    ]
    arrays = passes.Arrays.standard_normal(layer, 2, np.float64)
    result = ours.prepare(name, layer, arrays)()
    kind, _, way = name.partition("_")
    if isinstance(layer, Conv):
        slide = {"stride": layer.stride, "padding": layer.padding}
        expected = {
            "forward": lambda: reference.conv2d(arrays.I, arrays.F, arrays.B, **slide),
            "grad_input": lambda: reference.conv2d_grad_input(arrays.G, arrays.F, layer.size, **slide),
            "grad_filters": lambda: reference.conv2d_grad_filters(arrays.G, arrays.I, layer.kernel, **slide),
        }[name]()
    else:
        back = way != "forward"  # "training" goes both ways and returns what backward returns
        function = getattr(reference, f"{kind}_pool2d" + "_backward" * back)
        given = (arrays.G, arrays.I) if back else (arrays.I,)
        expected = function(*given, layer.kernel, layer.stride, layer.padding)
    agreement.difference(name, layer, 2, result, expected)


@pytest.mark.parametrize("fault", ["none", "one entry", "nan", "shape", "dtype"])
def test_a_wrong_result_is_refused(fault):
    layer = Conv(2, 4, (7, 8), (3, 3))
    right = np.ones(layer.output_shape(1), np.float32)
    wrong = {
        "none": right.copy(),
        "one entry": np.where(np.arange(right.size).reshape(right.shape) == 17, np.float32(1.001), right),
        "nan": np.where(right > 0, np.float32("nan"), right),
        "shape": right[..., 1:],
        "dtype": right.astype(np.float64),
    }[fault]
    if fault == "none":
        assert agreement.difference("forward", layer, 1, wrong, right) == 0
    else:
        with pytest.raises(agreement.WrongResultError):
            agreement.difference("forward", layer, 1, wrong, right)


class Peer:
    """A contender that computes as lectcode does, and adds something."""

    NAME = "PyTorch"

    def __init__(self, added):
        self.added = added

    def prepare(self, pass_name, layer, arrays, threads):
        """Return the pass as a call without arguments."""
        call = ours.prepare(pass_name, layer, arrays)
        return lambda: call() + np.float32(self.added)


def test_a_row_is_compared_before_it_is_timed(monkeypatch):
    row = rows.Row("forward", np.float32, 1, Conv(2, 4, (7, 8), (3, 3)), {"A": 1}, "auto")
    measured = rows.joined([row.measure(1, [Peer(0)], budget=0.01)])
    assert measured["ratio"].keys() == {"PyTorch"}
    assert set(measured) == set(ROW)
    monkeypatch.setattr(timing, "interleave", lambda *_: pytest.fail("a wrong result was timed"))
    with pytest.raises(agreement.WrongResultError):
        row.measure(1, [Peer(0.01)], budget=0.01)


def test_rotation_begins_with_every_contender():
    assert list(islice(timing.rotations("abc"), 4)) == [list("abc"), list("bca"), list("cab"), list("abc")]


def test_ratios_are_medians_of_the_rounds():
    samples = {"lectcode": [1.0, 2.0, 10.0], "PyTorch": [3.0, 4.0, 10.0], "other": [0.5, 1.0, 5.0]}
    timed = timing.Timing(samples)
    assert timed.ratios == {"PyTorch": 2.0, "other": 0.5}
    assert timed.best == {"PyTorch": 3.0, "other": 0.5}
    assert (timed.rounds, timed.seconds) == (3, {"lectcode": 2.0, "PyTorch": 4.0, "other": 1.0})


def test_visits_to_a_row_are_joined_round_by_round():
    """Two slow rounds of one visit do not decide a median of five."""
    what = {key: ROW[key] for key in ("pass", "layer", "networks", "N", "dtype", "threads", "flop", "bytes")}
    one = timing.Timing({"lectcode": [9.0, 8.0], "PyTorch": [4.0, 4.0]})
    other = timing.Timing({"lectcode": [1.0, 2.0, 1.0], "PyTorch": [2.0, 4.0, 3.0]})
    visits = [rows.Visit(what, one, {"PyTorch": 0.5}, busy=0.4), rows.Visit(what, other, {"PyTorch": 1.5}, busy=0.0)]
    row = rows.joined(visits)
    assert set(row) == set(ROW)
    assert (row["rounds"], row["ratio"], row["best"]) == (5, {"PyTorch": 2.0}, {"PyTorch": 2.0})
    assert row["seconds"] == {"lectcode": 2.0, "PyTorch": 4.0}
    assert (row["difference"], row["busy"]) == ({"PyTorch": 1.5}, 0.2)
    assert len(one.samples["lectcode"]) == 2  # what is joined is not changed


def test_every_contender_is_called_in_every_round():
    calls = Counter()
    contenders = {name: lambda name=name: calls.update(name) for name in "ab"}
    timed = timing.interleave(contenders, budget=0.0)
    assert timed.rounds == timing.ROUNDS[0]
    assert timing.interleave(contenders, budget=9.0, rounds=(2, 4)).rounds == 4
    assert set(timed.seconds) == {"a", "b"}
    assert set(timed.ratios) == set(timed.best) == {"b"}
    assert min(calls.values()) > timed.rounds


def test_geometric_means_and_minima():
    assert summary.geometric_mean([0.5, 2.0]) == pytest.approx(1.0)
    assert summary.geometric_mean([2.0, 2.0, 16.0]) == pytest.approx(4.0)
    two = [ROW, {**ROW, "layer": "other", "N": 8, "ratio": {"PyTorch": 0.5}}]
    entries = {entry["N"]: entry for entry in summary.summarise(two)}
    assert (entries[1]["geometric mean"], entries[8]["minimum"]) == (pytest.approx(2.0), 0.5)
    assert entries["all"]["geometric mean"] == pytest.approx(1.0)
    assert (entries["all"]["below 1"], entries["all"]["slowest"]) == (1, "other N=8")
    assert "1.00 (0.50)" in table.summary(list(entries.values()))


def test_percentages():
    limit = {"float32": {"1": {"flop/s": 4e9, "bytes/s": 10e9}}}
    assert table.percent(ROW, limit) == {"FMA": pytest.approx(50), "memory": pytest.approx(10)}
    assert table.line([ROW], limit).startswith("3x3 2-4 @8")
    assert len(table.head("forward", "float32", 1, [1, 2]).splitlines()) == 3


@pytest.mark.parametrize("path", ["/home/x", "~/x", "C:\\x", "saved in /tmp/x", "a='/b'"])
def test_no_path_gets_into_the_file(path):
    with pytest.raises(ValueError, match="must not hold a path"):
        record.text({"rows": [{"layer": path}]})


def test_a_file_or_a_folder_takes_a_run(tmp_path):
    run = record.run_of([ROW])
    for target, name in ((tmp_path / "x.json", "x"), (tmp_path, f"{record.slug(run)}-rounding")):
        record.write(target, run, "-rounding")
        assert json.loads((tmp_path / f"{name}.json").read_text("utf8"))["rows"] == [ROW]


def test_rows_of_a_record_are_replaced_and_no_others(tmp_path):
    other = ROW | {"N": ROW["N"] + 1}
    run = record.run_of([ROW, other], algorithm="auto", skipped=[])
    path = tmp_path / "x.json"
    record.write(path, run)
    new = other | {"seconds": {"lectcode": 0.5}}
    old, rows_now, skipped = record.updated(path, run, [new])
    assert [row["seconds"] for row in rows_now] == [record.rounded(ROW["seconds"]), new["seconds"]]
    assert old["machine"] == run["machine"]
    assert skipped == []
    with pytest.raises(ValueError, match="has no rows for"):
        record.updated(path, run, [ROW | {"threads": 99}])
    with pytest.raises(ValueError, match="was recorded with algorithm auto, this is gemm"):
        record.updated(path, run | {"algorithm": "gemm"}, [new])


def test_the_best_of_two_limits():
    assert limits.best({"a": {"1": 2.0, "2": 3.0}}, {"a": {"1": 1.0, "2": 5.0}}) == {"a": {"1": 2.0, "2": 5.0}}


def test_the_file_is_json_and_names_neither_machine_nor_folder():
    run = record.run_of([ROW, ROW])
    text = record.text(run)
    assert json.loads(text)["rows"] == [ROW, ROW]
    assert platform.node() not in text.split('"') or not platform.node()
    assert str(Path.home()) not in text
    assert {"processor", "cores", "caches", "vector bits"} <= set(run["machine"])


@pytest.mark.parametrize(
    ("processor", "name"),
    [("AMD EPYC", "amd-epyc"), ("Intel(R) Xeon(R) Processor", "intel-xeon"), ("A-B(TM) 7 @ 2.5 GHz", "a-b-7-2-5-ghz")],
)
def test_a_file_is_named_after_the_machine(processor, name):
    machine = {"processor": processor, "cores": 2, "vector bits": 256}
    assert record.slug({"machine": machine}) == f"{name}-2-cores-256-bits"


@pytest.mark.parametrize(
    "path", sorted((Path(record.__file__).parent / "results").glob("*.json")), ids=lambda p: p.stem
)
def test_committed_results_are_complete(path):
    run = json.loads(path.read_text("utf8"))
    assert record.text(run) == path.read_text("utf8")
    if "limits" in run:
        names = {layer.name for layer in distinct()}
        assert {row["layer"] for row in run["rows"]} <= names
        younger = {entry["pass"] for entry in run["skipped"] if entry["layer"] == "all"}  # than the run
        assert {row["pass"] for row in run["rows"]} == set(passes.PASSES) - younger
        assert all(row["difference"] for row in run["rows"])
        again = json.loads(json.dumps(record.rounded(summary.summarise(run["rows"]))))
        assert [{**a, "geometric mean": 0} for a in again] == [{**e, "geometric mean": 0} for e in run["summary"]]
        means = [[e["geometric mean"] for e in entries] for entries in (again, run["summary"])]
        assert means[0] == pytest.approx(means[1], rel=1e-3)


def test_the_committed_training_is_whole():
    run = data.benchmark("amd-epyc-2-cores-512-bits-training")
    settings = {(row["dtype"], row["N"], row["threads"]) for row in run["rows"]}
    assert len(settings) == len(run["rows"]) == 2 * 4 * 2
    assert [entry["seed"] for entry in run["trained"]] == list(range(5))  # none picked, none left out
    assert all(0 < entry["right"] <= entry["of"] == 360 for entry in run["trained"])
    assert all(row["ratio"]["PyTorch"] > 0 for row in run["rows"])


def test_the_chapter_reads_the_committed_run():
    run = data.benchmark()
    assert record.slug(run) == "amd-epyc-2-cores-512-bits"
    with pytest.raises(FileNotFoundError, match="no benchmark of 'nowhere'"):
        data.benchmark("nowhere")


def test_what_is_too_large_is_left_out_with_a_reason():
    layer = Conv(64, 64, (224, 224), (3, 3), padding=(1, 1))
    assert rows.too_large(layer, 1, np.float32) is None
    assert "GFlop" in rows.too_large(layer, 16, np.float32)
    planned = [("forward", np.float32, N, layer, {"A": 1}) for N in (1, 16)]
    measurable, left_out = rows.split(planned)
    assert measurable == planned[:1]
    assert [(entry["N"], "GFlop" in entry["reason"]) for entry in left_out] == [(16, True)]
    assert "GB" in rows.too_large(layer, 64, np.float32)


def test_the_plan_selects():
    chosen = list(rows.plan(["forward", "max_forward"], [1, 8], [np.float32], r"VGG-16"))
    assert {row[0] for row in chosen} == {"forward", "max_forward"}
    assert len(chosen) == 2 * len(set(layers_of("VGG-16")))
    doubles = list(rows.plan(["forward"], [1, 8], [np.float64]))
    assert {row[2] for row in doubles} == {8}
    assert 0 < len(doubles) < len(list(rows.plan(["forward"], [1], [np.float32])))


def test_a_busy_machine_is_named():
    assert busy.warning([0.0] * 100, 0.1) is None
    assert "load average was 3.0" in busy.warning([0.0] * 100, 3.0)
    assert "beside 10 of 100 rows" in busy.warning([0.0] * 90 + [0.5] * 10, 0.0)


COMPILED = pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="vectors exist only in compiled code")


def spin(seconds):
    begin = time.perf_counter()
    while time.perf_counter() - begin < seconds:
        pass


def test_only_the_time_of_others_counts(monkeypatch):
    # Processes of a test machine come and go, so the clock of everybody is replaced: 0.5 s for others.
    times = psutil.cpu_times()
    own = psutil.Process().cpu_times()
    everybody = iter([times, times._replace(user=times.user + 0.5 + 0.2)])
    process = iter([own, own._replace(user=own.user + 0.2)])
    monkeypatch.setattr(psutil, "cpu_times", lambda: next(everybody))
    monkeypatch.setattr(psutil.Process, "cpu_times", lambda _: next(process))
    with busy.Others() as others:
        spin(0.25)
    assert 0.5 < others.cores < 2.1


@COMPILED
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_limits_are_measured(dtype):
    assert limits.fma(dtype, 1, repeats=2) > 1e8


@pytest.mark.parametrize("module", [rounding, memory])
def test_chosen_layers_exist(module):
    names = [layer.name for layer in distinct() if isinstance(layer, Conv)]
    assert [part for part in module.LAYERS if not any(part in name for name in names)] == []


@pytest.mark.parametrize("name", rounding.PASSES)
def test_errors_stay_under_the_bounds(name):
    layer = Conv(3, 5, (9, 8), (3, 3), padding=(1, 1))
    found, allowed = rounding.errors(name, layer, N=2), rounding.bounds(name, layer, N=2)
    assert "direct" in found
    assert all(0 <= found[algorithm] <= bound for algorithm, bound in allowed.items() if algorithm in found)


@pytest.mark.parametrize("walks", ["0", "-1"])
def test_rows_are_visited_at_least_once(walks, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["benchmarks", "--walks", walks])
    with pytest.raises(SystemExit):
        arguments()
    assert f"must be at least 1, got {walks}" in capsys.readouterr().err


def test_nothing_is_imported_before_its_import_is_timed():
    code = "import sys, benchmarks.compile_time; print('lectcode' in sys.modules or 'numba' in sys.modules)"
    assert python(code) == "False\n"


def test_the_total_of_first_calls_does_not_count_the_import(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["compile_time"])
    found = {compile_time.IMPORT: 5.0, "conv2d": 2.0, "max_pool2d": 1.0}
    monkeypatch.setattr(compile_time, "in_a_fresh_process", lambda *_: dict(found))
    compile_time.main()
    totals = [line.split() for line in capsys.readouterr().out.splitlines() if " total " in line]
    assert len(totals) >= 6
    assert {(cold, cached) for *_, cold, cached in totals} == {("3.00", "3.000")}
