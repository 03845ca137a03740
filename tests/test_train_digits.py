"""The benchmark of training: what it compares before it times, and what it writes. Nothing here fails on a time."""

import json
import os

import numpy as np
import pytest

from lectcode import nn

pytest.importorskip("torch", reason="PyTorch is not installed: pip install -r tests/requirements-peers.txt")

from benchmarks import timing, train_digits

if os.environ.get("NUMBA_DISABLE_JIT") == "1":
    pytest.skip("training takes minutes without compiled kernels", allow_module_level=True)


def test_a_row_for_every_setting():
    measured = train_digits.rows(threads=(1,), batches=(3, 5), seconds=0)
    assert [(row["dtype"], row["N"]) for row in measured] == [
        *(("float32", 3), ("float32", 5)),
        *(("float64", 3), ("float64", 5)),
    ]
    assert all(row["seconds"].keys() == {"lectcode", "PyTorch"} for row in measured)
    assert all(row["ratio"]["PyTorch"] > 0 for row in measured)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_wrong_gradient_is_never_timed(dtype, monkeypatch):
    right = nn.Conv2d.grad_parameters

    def wrong(layer, G):
        right(layer, G)
        layer.gradients["F"][0, 0, 0, 0] *= 1.5  # Adam takes a step of another length

    monkeypatch.setattr(nn.Conv2d, "grad_parameters", wrong)
    monkeypatch.setattr(timing, "interleave", lambda *_: pytest.fail("a wrong step was timed"))
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        train_digits.rows(threads=(1,), batches=(5,), seconds=0)


def test_accuracies_name_every_seed():
    trained = train_digits.accuracies(seeds=(3, 4), epochs=1)
    assert [run["seed"] for run in trained] == [3, 4]
    assert trained[0]["right"] != trained[1]["right"]
    assert all(180 < run["right"] < run["of"] == 360 for run in trained)


def test_the_run_is_printed_and_written(monkeypatch, tmp_path, capsys):
    row = {"dtype": "float32", "N": 32, "threads": 1, "rounds": 3, "busy": 0.0}
    row |= {"seconds": {"lectcode": 1e-3, "PyTorch": 3e-3}, "ratio": {"PyTorch": 3.0}}
    monkeypatch.setattr(train_digits, "rows", lambda: [row])
    runs = [{"seed": seed, "right": right, "of": 360, "seconds": 2.0} for seed, right in enumerate((360, 342))]
    monkeypatch.setattr(train_digits, "accuracies", lambda: runs)
    monkeypatch.setattr("sys.argv", ["train_digits", "--json", str(tmp_path)])
    train_digits.main()
    printed = capsys.readouterr().out
    assert "3.00" in printed
    assert "mean 97.50 %, from 95.00 to 100.00 %" in printed
    (path,) = tmp_path.iterdir()
    assert path.name.endswith("-training.json")
    assert json.loads(path.read_text("utf8"))["trained"] == runs
