#!/usr/bin/env python3
"""Runs other people's optimizers on COCO's own bbob suite, and writes a folder that `moths report` reads beside ours.

    pip install -r harness/peers/requirements.txt
    python harness/peers/bbob.py --dims 2,5 --instances 1-3 --budget 100 --out peers
    moths report ours peers

What a folder holds already is not run again.
"""

import argparse
import collections
import concurrent.futures
import functools
import multiprocessing
import os
import pathlib
import sys
import threading
import time
from importlib.metadata import PackageNotFoundError

# One run, one thread; what is imported later reads these.
os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1"}
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
# It would report the end of every run as an error.
os.environ["EGOBOX_LOG"] = "off"

import cocoex
import numpy

from evaluations import Evaluations, Over, share
from folder import FORMAT, Folder
from methods import METHODS, NotBuilt

PROGRAM = "moths peers 1"
SEED = 1
GROUPS = {5: "separable", 9: "moderate", 14: "ill-conditioned", 19: "multi-modal", 24: "weakly structured"}


def group(function):
    return next(name for last, name in GROUPS.items() if function <= last)


def numbers(text):
    """`1-3,7` is 1, 2, 3, 7."""
    ends = [[int(end) for end in part.split("-")] for part in text.split(",")]
    return [number for first, *last in ends for number in range(first, (last or [first])[0] + 1)]


def positive(text):
    if int(text) < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return int(text)


def methods(text):
    names = text.split(",")
    for name in names:
        if name not in METHODS:
            raise argparse.ArgumentTypeError(f"unknown method `{name}`; there are {', '.join(METHODS)}")
    return names


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", type=methods, help="names, by commas [default: all that are for such a budget]")
    parser.add_argument("--functions", type=numbers, default=numbers("1-24"), help="[default: 1-24]")
    parser.add_argument("--dims", type=numbers, default=[2, 5, 10, 20], help="[default: 2,5,10,20]")
    parser.add_argument("--instances", type=numbers, default=[1, 2, 3], help="[default: 1-3]")
    parser.add_argument("--budget", type=positive, default=100, help="evaluations, times the dimension [default: 100]")
    parser.add_argument("--jobs", type=positive, default=1, help="runs side by side [default: 1]")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="the folder; what is in it stays")
    wanted = parser.parse_args()
    most = wanted.budget * max(wanted.dims)
    if wanted.methods is None:
        wanted.methods = [name for name, method in METHODS.items() if most <= method.most]
    for name in wanted.methods:
        if most > METHODS[name].most:
            parser.error(f"{name} is for runs of at most {METHODS[name].most} evaluations, and these have up to {most}")
    return wanted


def address(function, dim, instance):
    return f"bbob/f{function:02}/d{dim}/i{instance}"


def subject(function, dim, instance):
    """A problem in a manifest."""
    return {
        "address": address(function, dim, instance),
        "name": f"bbob/f{function:02}",
        "summary": f"COCO's f{function}.",
        "group": group(function),
        "dim": dim,
        "gaps": True,
        "measures": [{"name": "loss", "kind": "loss"}, {"name": "gap", "kind": "loss"}],
    }


def manifest(wanted):
    suite = f"coco-experiment {cocoex.__version__}"
    return {
        "format": FORMAT,
        "program": PROGRAM,
        "suite": "bbob",
        "optimizers": [{"label": name, "about": f"{METHODS[name].about()}, on {suite}."} for name in wanted.methods],
        "problems": [subject(*problem) for problem in problems(wanted)],
        "budget": {"per_dimension": wanted.budget},
        "seeds": SEED,
        "options": {},
    }


def problems(wanted):
    """Dimension by dimension: what is done first is small."""
    return [(f, d, i) for d in wanted.dims for f in wanted.functions for i in wanted.instances]


def run(name, function, dim, instance, budget):
    """One run, and the record of it. The method's generator follows from function, dimension and instance."""
    rehearse(name, dim)
    evaluations = Evaluations(function, dim, instance, budget * dim)
    began = time.perf_counter()
    ending, failed = "converged", False
    try:
        METHODS[name].run(evaluations, numpy.random.default_rng([SEED, instance, dim, function]))
    except Over:
        pass
    except Exception as error:
        ending, failed = f"{type(error).__name__}: {error}".splitlines()[0], True
    seconds = time.perf_counter() - began
    over = evaluations.ending()
    return {
        "optimizer": name,
        "problem": address(function, dim, instance),
        "seed": SEED,
        "budget": evaluations.budget,
        "evaluations": evaluations.count,
        "steps": 0,
        "ending": over or ending,
        "failed": failed and not over,
        "optimizer_seconds": seconds - evaluations.seconds,
        "objective_seconds": evaluations.seconds,
        "state_bytes": 0,
        "trace": evaluations.staircase.finish(),
    }


@functools.cache
def rehearse(name, dim):
    """A process imports and compiles in its first run: that is no time of the optimizer."""
    try:
        METHODS[name].run(Evaluations(1, dim, 1, 100), numpy.random.default_rng(0))
    except Over:
        pass


def end_with_parent():
    """A worker whose parent was killed would wait for work for ever."""

    def watch():
        multiprocessing.parent_process().join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def run_all(wanted, folder):
    done = folder.keys()
    open_runs = [(m, *p, wanted.budget) for p in problems(wanted) for m in wanted.methods if (m, address(*p)) not in done]
    spawn = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(wanted.jobs, spawn, initializer=end_with_parent) as workers:
        futures = [workers.submit(run, *open_run) for open_run in open_runs]
        try:
            for i, future in enumerate(concurrent.futures.as_completed(futures), 1):
                record = future.result()
                folder.append(record)
                told = f"{record['optimizer']} on {record['problem']}: {record['ending']}"
                print(f"{i}/{len(futures)} {told}", file=sys.stderr, flush=True)
        except BaseException:
            workers.shutdown(wait=False, cancel_futures=True)
            raise


def print_shares(records):
    """The share of (function, instance, target) triples reached, by method and dimension, with the number of runs."""
    shares = collections.defaultdict(list)
    for record in records:
        dim = int(record["problem"].split("/")[2][1:])
        shares[record["optimizer"], dim].append(share(record["trace"]))
    dims = sorted({dim for _, dim in shares})
    print("".join([f"{'':18}", *(f"{f'{dim}-D':>12}" for dim in dims)]))
    for method in dict.fromkeys(method for method, _ in shares):
        cells = [shares[method, dim] for dim in dims]
        told = [f"{sum(cell) / len(cell):.3f} ({len(cell)})" if cell else "-" for cell in cells]
        print("".join([f"{method:18}", *(f"{cell:>12}" for cell in told)]))


def main():
    wanted = arguments()
    try:
        folder = Folder(wanted.out, manifest(wanted))
    except PackageNotFoundError as missing:
        sys.exit(f"{missing.name} is not installed; see requirements.txt, or choose with --methods")
    except NotBuilt as missing:
        sys.exit(f"{missing}, or choose with --methods")
    try:
        run_all(wanted, folder)
    except KeyboardInterrupt:
        sys.exit("interrupted; the same command goes on from here")
    print_shares(folder.records)


if __name__ == "__main__":
    main()
