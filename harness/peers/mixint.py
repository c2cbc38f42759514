#!/usr/bin/env python3
"""Runs the methods of `cmaes` for integers on COCO's own bbob-mixint suite, and writes a folder that `moths report` reads beside ours.

    pip install -r harness/peers/requirements.txt
    python harness/peers/mixint.py --dims 5,10 --instances 1-3 --budget 1000 --out peers
    moths report ours peers

What a folder holds already is not run again.
"""

import argparse
import csv
import functools
import gzip
import multiprocessing
import pathlib
import time
from importlib.metadata import version

import cocoex
import numpy

from bbob import FORMAT, PROGRAM, SEED, Folder, group, numbers, positive, print_shares
from evaluations import FINAL_GAP, Over, Staircase

REFERENCE = pathlib.Path(__file__).parent.parent / "reference/mixint.csv.gz"


@functools.cache
def minima():
    """COCO's lowest values by function, dimension and instance: it does not tell them of this suite otherwise."""
    with gzip.open(REFERENCE, "rt") as file:
        rows = csv.DictReader(file)
        return {tuple(int(row[name]) for name in ("function", "dim", "instance")): float(row["minimum"]) for row in rows}


class Mixed:
    """One run's view of a function, as `Evaluations` is of bbob."""

    def __init__(self, function, dim, instance, budget):
        self.suite = cocoex.Suite("bbob-mixint", f"instances: {instance}", f"dimensions: {dim} function_indices: {function}")
        self.problem = self.suite.get_problem_by_function_dimension_instance(function, dim, instance)
        self.minimum = minima()[function, dim, instance]
        self.budget, self.dim = budget * dim, dim
        self.integers = self.problem.number_of_integer_variables
        self.box = numpy.stack([self.problem.lower_bounds, self.problem.upper_bounds], axis=1)
        self.staircase, self.seconds = Staircase(), 0.0

    def __call__(self, x):
        if self.ending():
            raise Over
        began = time.perf_counter()
        loss = self.problem(numpy.asarray(x, dtype=float))
        self.seconds += time.perf_counter() - began
        self.staircase.see(loss - self.minimum)
        if self.ending():
            raise Over
        return loss

    def ending(self):
        if self.staircase.lowest <= FINAL_GAP:
            return "target reached"
        return "evaluations used up" if self.staircase.seen >= self.budget else None


def start(run, rng):
    """As ours: any integers, reals in [-4, 4]."""
    lower, upper = run.box[: run.integers].T
    return numpy.concatenate([rng.integers(lower, upper + 1), rng.uniform(-4, 4, run.dim - run.integers)])


def margin(run, rng, restarts=False):
    """Deviations begin at a quarter of each interval, as ours."""
    from cmaes import CMAwM

    steps = numpy.where(numpy.arange(run.dim) < run.integers, 1.0, 0.0)
    shape = numpy.diag((numpy.ptp(run.box, axis=1) / 4) ** 2)
    size = None
    while True:
        search = CMAwM(start(run, rng), 1.0, run.box, steps, seed=int(rng.integers(1, 2**31)), population_size=size, cov=shape)
        while not search.should_stop():
            search.tell([(told, run(asked)) for asked, told in (search.ask() for _ in range(search.population_size))])
        if not restarts:
            return
        size = 2 * search.population_size


def categories(run, rng):
    """Variables of two values are categories, as its documentation advises; all else is left to its defaults."""
    from cmaes import CatCMAwM

    values = [numpy.arange(lo, hi + 1) for lo, hi in run.box[: run.integers]]
    pairs, ordered = [v for v in values if len(v) == 2], [v for v in values if len(v) > 2]
    space = {"x_space": run.box[run.integers :], "z_space": ordered, "c_space": [2] * len(pairs)}
    search = CatCMAwM(**space, seed=int(rng.integers(1, 2**31)))

    def value(asked):
        return run(numpy.concatenate([asked.c.argmax(axis=1), asked.z, asked.x]))

    while not search.should_stop():
        search.tell([(asked, value(asked)) for asked in (search.ask() for _ in range(search.population_size))])


METHODS = {
    "cmaes-margin": (margin, "CMA-ES with margin"),
    "cmaes-margin-ipop": (functools.partial(margin, restarts=True), "CMA-ES with margin, restarted with twice the population"),
    "cmaes-catcma-margin": (categories, "CatCMA with margin, variables of two values as categories"),
}


def address(function, dim, instance):
    return f"bbob-mixint/m{function:02}/d{dim}/i{instance}"


def subject(function, dim, instance):
    return {
        "address": address(function, dim, instance),
        "name": f"bbob-mixint/m{function:02}",
        "summary": f"COCO's f{function} of integers and reals.",
        "group": group(function),
        "dim": dim,
        "gaps": True,
        "measures": [{"name": "loss", "kind": "loss"}, {"name": "gap", "kind": "loss"}],
    }


def record(name, function, dim, instance, budget):
    """One run, and the record of it. The method's generator follows from function, dimension and instance."""
    run = Mixed(function, dim, instance, budget)
    began, ending, failed = time.perf_counter(), "converged", False
    try:
        METHODS[name][0](run, numpy.random.default_rng([SEED, instance, dim, function]))
    except Over:
        pass
    except Exception as error:
        ending, failed = f"{type(error).__name__}: {error}".splitlines()[0], True
    seconds = time.perf_counter() - began
    return {
        "optimizer": name,
        "problem": address(function, dim, instance),
        "seed": SEED,
        "budget": run.budget,
        "evaluations": run.staircase.seen,
        "steps": 0,
        "ending": run.ending() or ending,
        "failed": failed and not run.ending(),
        "optimizer_seconds": seconds - run.seconds,
        "objective_seconds": run.seconds,
        "state_bytes": 0,
        "trace": run.staircase.finish(),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--functions", type=numbers, default=numbers("1-24"), help="[default: 1-24]")
    parser.add_argument("--dims", type=numbers, default=[5, 10], help="of 5, 10, 20, 40 [default: 5,10]")
    parser.add_argument("--instances", type=numbers, default=[1, 2, 3], help="of 1-15 [default: 1-3]")
    parser.add_argument("--budget", type=positive, default=1000, help="evaluations, times the dimension [default: 1000]")
    parser.add_argument("--jobs", type=positive, default=1, help="runs side by side [default: 1]")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="the folder; what is in it stays")
    wanted = parser.parse_args()
    problems = [(f, d, i) for d in wanted.dims for f in wanted.functions for i in wanted.instances]
    using = f"(cmaes {version('cmaes')}), on coco-experiment {cocoex.__version__}."
    folder = Folder(
        wanted.out,
        {
            "format": FORMAT,
            "program": PROGRAM,
            "suite": "bbob-mixint",
            "optimizers": [{"label": name, "about": f"{about} {using}"} for name, (_, about) in METHODS.items()],
            "problems": [subject(*problem) for problem in problems],
            "budget": {"per_dimension": wanted.budget},
            "seeds": SEED,
            "options": {},
        },
    )
    done = folder.keys()
    waiting = [(m, *p, wanted.budget) for p in problems for m in METHODS if (m, address(*p)) not in done]
    with multiprocessing.get_context("spawn").Pool(wanted.jobs) as workers:
        for made in [workers.apply_async(record, run) for run in waiting]:
            folder.append(made.get())
    print_shares(folder.records)


if __name__ == "__main__":
    main()
