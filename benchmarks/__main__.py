"""The command: `python -m benchmarks --help`."""

import argparse
from pathlib import Path

import numpy as np

from benchmarks import busy, limits, machine, record, rows, summary, table
from benchmarks.passes import PASSES

DTYPES = {"float32": np.float32, "float64": np.float64}


def positive(text):
    """Read a number of at least 1 from the command line."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {number}")
    return number


def arguments():
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", default="", help="regular expression for 'LAYER; NETWORK, NETWORK'")
    parser.add_argument("--passes", default=",".join(PASSES), help="comma-separated; default: all")
    parser.add_argument("--dtypes", default="float32,float64", help="comma-separated; default: both")
    parser.add_argument("--threads", default=None, help="comma-separated; default: 1 and all cores up to 2")
    parser.add_argument("--batch", default="1,8,64", help="N, comma-separated")
    parser.add_argument("--algorithm", default="auto", help="lectcode's algorithm for convolutions")
    parser.add_argument("--walks", type=positive, default=1, help="how often all rows are visited, one after the other")
    parser.add_argument("--seconds", type=float, default=0.1, help="budget of a visit, of two rounds at least")
    parser.add_argument(
        "--best", action="store_true", help="print ratios of least times, for a busy machine; no --json"
    )
    parser.add_argument("--json", type=Path, help="write the run to this file, or into this folder")
    parser.add_argument(
        "--update", type=Path, help="replace the rows of this file that are measured, after a change that concerns few"
    )
    options = parser.parse_args()
    if options.best and (options.json or options.update):
        parser.error("--best is for tuning: a record holds medians")
    return options


def visit(planned, threads, options, run_limits, visits):
    """Measure each row once more, add that to its `visits`, print what all of them say; yield what was refused."""
    block, peers = None, rows.peers()
    for name, dtype, N, layer, networks in planned:
        if block != (name, dtype, N):
            block = name, dtype, N
            print(table.head(name, np.dtype(dtype).name, N, threads))
        row = rows.Row(name, dtype, N, layer, networks, options.algorithm)
        here = [visits.setdefault((*block, layer, t), []) for t in threads]
        try:
            for t, earlier in zip(threads, here, strict=True):
                earlier.append(row.measure(t, peers, options.seconds))
        except ValueError as error:
            yield rows.skipped(name, dtype, N, layer, str(error))
            continue
        print(table.line([shown(rows.joined(visited), options) for visited in here], run_limits), flush=True)


def shown(row, options):
    """Return a row with the ratios that are asked for."""
    return {**row, "ratio": row["best"]} if options.best else row


def main():
    """Measure, print, record."""
    options = arguments()
    names = options.passes.split(",")
    if unknown := set(names) - set(PASSES):
        raise SystemExit(f"unknown passes {sorted(unknown)}; there are {list(PASSES)}")
    cores = machine.describe()["cores"]
    threads = [int(t) for t in (options.threads or ("1" if cores == 1 else "1,2")).split(",")]
    batches = [int(N) for N in options.batch.split(",")]
    dtypes = [DTYPES[name] for name in options.dtypes.split(",")]
    load = busy.load()
    run = {
        "machine": machine.describe(),
        "versions": machine.versions(),
        "date": record.today(),
        "algorithm": options.algorithm,
        "limits": limits.measure(threads),
    }
    print(f"{run['machine']}\n{run['versions']}\n{run['limits']}")
    planned, skipped = rows.split(rows.plan(names, batches, dtypes, options.only))
    visits = {}
    for walk in range(1, options.walks + 1):
        print(f"\nwalk {walk} of {options.walks}")
        refused = list(visit(planned, threads, options, run["limits"], visits))
        run["limits"] = limits.best(run["limits"], limits.measure(threads))  # whatever else ran before may be gone
    skipped += refused
    # rounded before they are summed up: a reader who sums up the file must find what it says
    measured = record.rounded([shown(rows.joined(visited), options) for visited in visits.values() if visited])
    if options.update:
        run, measured, skipped = record.updated(options.update, run, measured)
    run |= {"summary": summary.summarise(measured), "skipped": skipped, "rows": measured}
    print(table.summary(run["summary"]))
    for entry in skipped:
        print("left out: {pass} {dtype} N={N} {layer}: {reason}".format(**entry))
    run["busy"] = busy.warning([row["busy"] for row in measured], load)
    if run["busy"]:
        print(f"\n{run['busy']}")
    if path := options.update or options.json:
        record.write(path, run)


if __name__ == "__main__":
    main()
