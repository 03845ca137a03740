"""The command: `python -m benchmarks --help`."""

import argparse
from pathlib import Path

import numpy as np

from benchmarks import busy, limits, machine, record, rows, summary, table
from benchmarks.passes import PASSES

DTYPES = {"float32": np.float32, "float64": np.float64}


def arguments():
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", default="", help="regular expression for 'LAYER; NETWORK, NETWORK'")
    parser.add_argument("--passes", default=",".join(PASSES), help="comma-separated; default: all")
    parser.add_argument("--dtypes", default="float32,float64", help="comma-separated; default: both")
    parser.add_argument("--threads", default=None, help="comma-separated; default: 1 and all cores up to 2")
    parser.add_argument("--batch", default="1,8,64", help="N, comma-separated")
    parser.add_argument("--algorithm", default="auto", help="lectcode's algorithm for convolutions")
    parser.add_argument("--seconds", type=float, default=0.1, help="budget of a row; at least five rounds are run")
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
    load, peers = busy.load(), rows.peers()
    run = {
        "machine": machine.describe(),
        "versions": machine.versions(),
        "date": record.today(),
        "algorithm": options.algorithm,
        "limits": limits.measure(threads),
    }
    print(f"{run['machine']}\n{run['versions']}\n{run['limits']}")
    measured, skipped, block = [], [], None
    for name, dtype, N, layer, networks in rows.plan(names, batches, dtypes, options.only):
        if reason := rows.too_large(layer, N, dtype):
            skipped.append({"pass": name, "dtype": np.dtype(dtype).name, "N": N, "layer": layer.name, "reason": reason})
            continue
        if block != (name, dtype, N):
            block = name, dtype, N
            print(table.head(name, np.dtype(dtype).name, N, threads))
        row, here = rows.Row(name, dtype, N, layer, networks, options.algorithm), []
        try:
            for t in threads:
                with busy.Others() as others:
                    measurement = row.measure(t, peers, options.seconds)
                here.append({**measurement, "busy": others.cores})
        except ValueError as error:
            reason = str(error)
            skipped.append({"pass": name, "dtype": np.dtype(dtype).name, "N": N, "layer": layer.name, "reason": reason})
            continue
        if options.best:
            here = [{**row, "ratio": row["best"]} for row in here]
        measured += here
        print(table.line(here, run["limits"]), flush=True)
    run["limits"] = limits.best(run["limits"], limits.measure(threads))  # whatever else ran before may be gone
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
