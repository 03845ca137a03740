"""Geometric means and minima of the ratios: every distinct layer counts once."""

from math import exp, log


def geometric_mean(values):
    """Return the mean that treats a ratio and its inverse alike."""
    values = list(values)
    return exp(sum(map(log, values)) / len(values))


def summarise(rows):
    """Return one entry for each pass, dtype, N, number of threads and peer: mean, minimum and where that is."""
    groups = {}
    for row in rows:
        for peer, ratio in row["ratio"].items():
            for N in (row["N"], "all"):
                key = row["pass"], row["dtype"], peer, row["threads"], N
                groups.setdefault(key, []).append((ratio, row["layer"], row["N"]))
    entries = []
    for (name, dtype, peer, threads, N), found in groups.items():
        smallest = min(found)
        entries.append(
            {
                "pass": name,
                "dtype": dtype,
                "threads": threads,
                "N": N,
                "peer": peer,
                "rows": len(found),
                "geometric mean": geometric_mean(ratio for ratio, _, _ in found),
                "minimum": smallest[0],
                "slowest": f"{smallest[1]} N={smallest[2]}",
                "below 1": sum(ratio < 1 for ratio, _, _ in found),
            }
        )
    return entries
