"""The JSON file of a run."""

import datetime
import json
import re

from benchmarks import machine

NO_NAME = re.compile(r"\((r|tm)\)|processor", re.I)  # what processors call themselves besides their names
PATH = re.compile(r"(^|[\s'\"=])(/|~|[A-Za-z]:[\\/])")


def text(run):
    """Return the file's text: one row a line, so that two runs can be compared by eye. It holds no path."""
    for value in _strings(run):
        if PATH.search(value):
            raise ValueError(f"a result must not hold a path, got {value!r}")
    parts = []
    for key, value in run.items():
        if isinstance(value, list) and value:
            body = "[\n" + ",\n".join(json.dumps(rounded(entry), sort_keys=False) for entry in value) + "\n]"
        else:
            body = json.dumps(rounded(value))
        parts.append(f"{json.dumps(key)}: {body}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def run_of(rows, **more):
    """Return rows with what a reader must know of where and when they were measured."""
    return {"machine": machine.describe(), "versions": machine.versions(), "date": today(), **more, "rows": rows}


def write(path, run, kind=""):
    """Write a run to a file or, under the name of its machine and its kind, into a folder."""
    if path.is_dir():
        path = path / f"{slug(run)}{kind}.json"
    path.write_text(text(run), "utf8")


def updated(path, run, rows):
    """Return the run recorded in a file, all its rows with these in the place of the same ones, and what it skipped.

    A row is the same if pass, layer, N, dtype and threads are. What was measured on another machine, or with other
    versions, cannot stand beside these.
    """
    old = json.loads(path.read_text("utf8"))
    for key in ("machine", "versions", "algorithm"):
        if old[key] != run[key]:
            raise ValueError(f"{path.name} was recorded with {key} {old[key]}, this is {run[key]}")
    new = {_which(row): row for row in rows}
    if strange := new.keys() - {_which(row) for row in old["rows"]}:
        raise ValueError(f"{path.name} has no rows for {sorted(strange)}")
    return old, [new.get(_which(row), row) for row in old["rows"]], old["skipped"]


def _which(row):
    return tuple(row[key] for key in ("pass", "layer", "N", "dtype", "threads"))


def slug(run):
    """Return a file's name for the machine of a run: "amd-epyc-2-cores-512-bits"."""
    machine = run["machine"]
    processor = NO_NAME.sub("", machine["processor"])
    name = f"{processor} {machine['cores']} cores {machine['vector bits']} bits"
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def today():
    """Return the date."""
    return datetime.datetime.now(datetime.UTC).date().isoformat()


def _strings(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, entry in value.items():
            yield from _strings(key)
            yield from _strings(entry)
    elif isinstance(value, list | tuple):
        for entry in value:
            yield from _strings(entry)


def rounded(value):
    """Return the value with four digits of each float: a fifth would be noise."""
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, dict):
        return {key: rounded(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(entry) for entry in value]
    return value
