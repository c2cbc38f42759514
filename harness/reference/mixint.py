#!/usr/bin/env python3
"""Writes mixint.csv.gz, what COCO says of the 24 functions of its suite bbob-mixint. The Rust functions are held to it.

    pip install coco-experiment==2.8.2
    python harness/reference/mixint.py

One row a (function, dim, instance), 24 x {5, 10, 20, 40} x {1..15}: COCO's value at the minimiser it knows, and at three points that
follow from the row (`points` below; the test in `harness/src/problem/mixint/tests.rs` makes the same), all with 17 significant digits.
The same version of cocoex gives the same file, byte for byte.
"""

import csv
import gzip
import io
import math
import os
import pathlib
import tempfile

import cocoex

from bbob import GOLDEN, minimiser

DIMS = [5, 10, 20, 40]
INSTANCES = range(1, 16)
COLUMNS = ["function", "dim", "instance", "minimum", "inside_1", "inside_2", "outside"]


def points(problem):
    """Two points inside of the bounds, and one that leaves them by up to half their distance, from the fractions of multiples of GOLDEN."""
    function, dim, instance = problem.id_triple

    def within(p, wider):
        first = 64 * (4 * (100 * function + instance) + p)
        unit = [math.modf((first + i) * GOLDEN)[0] for i in range(1, dim + 1)]
        ends = zip(problem.lower_bounds, problem.upper_bounds)
        return [lo - wider * (hi - lo) + (1 + 2 * wider) * (hi - lo) * u for (lo, hi), u in zip(ends, unit)]

    return [within(0, 0), within(1, 0), within(2, 0.5)]


def rows():
    dims, instances = (",".join(map(str, numbers)) for numbers in (DIMS, INSTANCES))
    for problem in cocoex.Suite("bbob-mixint", f"instances: {instances}", f"dimensions: {dims}"):
        values = [problem(x) for x in [minimiser(problem), *points(problem)]]
        yield [*problem.id_triple, *(f"{v:.17g}" for v in values)]


def main():
    target = pathlib.Path(__file__).resolve().with_name("mixint.csv.gz")
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        table = sorted(rows())
        os.chdir(target.parent)
    text = io.StringIO()
    out = csv.writer(text, lineterminator="\n")
    out.writerow(COLUMNS)
    out.writerows(table)
    target.write_bytes(gzip.compress(text.getvalue().encode(), 9, mtime=0))
    print(f"{target}: {len(table)} rows of cocoex {cocoex.__version__}")


if __name__ == "__main__":
    main()
