"""Verify a whole book: `python -m lectcode.verify [--chapters DIR]`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tqdm import tqdm

from lectcode.verify.errors import VerificationError
from lectcode.verify.report import NOT_CHECKED, identity_table, ledger_table, verify_all


def main(arguments: list[str] | None = None) -> int:
    """Print the ledger; 0 if everything was checked and holds, else 1 and the reasons."""
    parser = argparse.ArgumentParser(prog="python -m lectcode.verify", description=main.__doc__)
    parser.add_argument(
        "--chapters", type=Path, metavar="DIR", help="a folder with _toc.yml and its pages (default: the book)"
    )
    parser.add_argument("--without-bounds", action="store_true", help="do not check bounds, and say so in the ledger")
    options = parser.parse_args(arguments)

    def progress(formulas):
        bar = tqdm(formulas, file=sys.stderr, unit="formula", leave=False)
        for formula in bar:
            bar.set_postfix_str(formula.name)
            yield formula

    try:
        rows = verify_all(options.chapters, not options.without_bounds, progress)
        general = identity_table()
    except (VerificationError, OSError, ValueError) as problem:
        print(f"not verified: {problem}", file=sys.stderr)
        return 1
    print(ledger_table(rows))
    print(f"\n{general}")
    reasons = [message for row in rows for message in row.failures]
    if any(row.bounds_skipped for row in rows) and not options.without_bounds:
        reasons.append(f"bounds: {NOT_CHECKED}; --without-bounds accepts that")
    for reason in reasons:
        print(f"\n{reason}", file=sys.stderr)
    if not rows:
        print("not verified: no formulas", file=sys.stderr)
    return 1 if reasons or not rows else 0


if __name__ == "__main__":
    sys.exit(main())
