"""One task for each row of a CSV file, and the results as CSV, in order.

    python examples/csv_progress.py LOANS.csv [HOST:PORT] > repaid.csv

The file has the columns name, amount, rate (per cent a year) and payment (a month). Rows are read while there is room
for them, so the file may be larger than the memory. How far it has come is said on stderr.
"""

import csv
import sys
from collections.abc import Iterator

import argon

STEPS = 10


def months_to_repay(row: dict[str, str]) -> dict[str, str]:
    """Runs on a worker: the row, with one more column."""
    owed, rate, payment = float(row["amount"]), float(row["rate"]) / 1200, float(row["payment"])
    months = 0
    while owed > 0:
        interest = owed * rate
        if payment <= interest:
            return {**row, "months": "never"}
        owed += interest - payment
        months += 1
    return {**row, "months": str(months)}


def rows(path: str) -> Iterator[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)


def main() -> None:
    path, *address = sys.argv[1:]
    total = sum(1 for _ in rows(path))
    writer = csv.DictWriter(sys.stdout, ["name", "amount", "rate", "payment", "months"], lineterminator="\n")
    writer.writeheader()
    with argon.Client(address[0]) if address else argon.local() as client:
        for done, row in enumerate(client.map(months_to_repay, rows(path)), 1):
            writer.writerow(row)
            if done * STEPS // total > (done - 1) * STEPS // total:
                print(f"{done} of {total} rows", file=sys.stderr)


if __name__ == "__main__":
    main()
