"""Rows and summaries as text."""


def head(pass_name, dtype, N, threads):
    """Return the two lines above a block of rows."""
    columns = "".join(f" |{f'{t} thread' + 's' * (t > 1):^57}" for t in threads)
    names = f" |{'ms':>9}{'GF/s':>7}{'FMA':>5}{'mem':>5}{'torch/':>8}{'ort/':>7}{'diff':>6}{'busy':>6}    "
    title = f"{pass_name} {dtype} N={N}"
    return f"\n{title:<34}{columns}\n{'':<34}{names * len(threads)}"


def line(measured, limits):
    """Return a row: for each number of threads the eight columns that `head` names, and "!" where PyTorch is faster."""
    text = f"{measured[0]['layer']:<34}"
    for row in measured:
        of = percent(row, limits)
        ratios = [row["ratio"].get(peer) for peer in ("PyTorch", "onnxruntime")]
        cells = "".join("     - " if ratio is None else f"{ratio:7.2f}" for ratio in ratios)
        text += (
            f" |{row['seconds']['lectcode'] * 1e3:9.3f}{row['flop'] / row['seconds']['lectcode'] / 1e9:7.1f}"
            f"{of['FMA']:5.0f}{of['memory']:5.0f} {cells}{max(row['difference'].values(), default=0):6.1f}"
            f"{row['busy']:6.2f}{' !' if row['ratio'].get('PyTorch', 1) < 1 else '  '}  "
        )
    return text


def percent(row, limits):
    """Return the percentages of the machine's multiply-adds and of its memory that a row reached."""
    limit, seconds = limits[row["dtype"]][str(row["threads"])], row["seconds"]["lectcode"]
    return {
        "FMA": 100 * row["flop"] / seconds / limit["flop/s"],
        "memory": 100 * row["bytes"] / seconds / limit["bytes/s"],
    }


def summary(entries):
    """Return geometric means and minima: a line for each pass, dtype, peer and threads, a column for each N."""
    lines, columns = {}, sorted({entry["N"] for entry in entries}, key=str)
    for e in entries:
        key = e["pass"], e["dtype"], e["peer"], e["threads"]
        lines.setdefault(key, {})[e["N"]] = f"{e['geometric mean']:8.2f} ({e['minimum']:.2f})"
        if e["N"] == "all":
            lines[key]["rest"] = f"{e['rows']:7}{e['below 1']:6}  {e['slowest']}"
    titles = "".join(f"{f'N={N}':>15}" for N in columns)
    text = [f"\n{'times of the peer over ours':<46}{titles}{'rows':>7}{'< 1':>6}  slowest"]
    for (name, dtype, peer, threads), cells in lines.items():
        means = "".join(f"{cells.get(N, ''):>15}" for N in columns)
        text.append(
            f"{name:<14}{dtype:<9}{peer:<12}{threads:>2} thread{'s' if threads > 1 else ' '}  {means}{cells['rest']}"
        )
    return "\n".join(text)
