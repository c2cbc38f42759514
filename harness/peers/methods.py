"""The peers, each with its defaults, as somebody who searches [-5, 5]^D would call it.

Where a start is asked for it is uniform in [-4, 4]^D, where a step size is asked for it is 2. A method ends by `Over`, or by its own
criteria; a local search is restarted from another start until the budget is used up. Its packages are imported when it first runs, so
that one that is missing does not stand in the way of the others.
"""

import functools
import math
import subprocess
import tomllib
import warnings
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Callable

import numpy

STEP = 2.0

# The default tolerances of local searches end them above a gap of 1e-8; lower ones than these cost them restarts.
LOSS_TOLERANCE = 1e-11
POINT_TOLERANCE = 1e-10

# Rust libraries are run by a program that prints points and reads their losses.
ASKING = Path(__file__).parent / "asking"
BINARY = ASKING / "target/release/moths-peers-asking"
CRATES = tomllib.loads((ASKING / "Cargo.toml").read_text())["dependencies"]


class NotBuilt(Exception):
    """The program of the Rust libraries is missing."""


def version_of(package):
    """Of a Python package that is installed, or of a crate that is built."""
    if package not in CRATES:
        return version(package)
    if not BINARY.exists():
        raise NotBuilt(f"{package} is not built: cargo build --release --manifest-path {ASKING / 'Cargo.toml'}")
    return CRATES[package].lstrip("=")


@dataclass(frozen=True)
class Method:
    """A peer: what it is, what it is made of, how it is run with a function and a generator, and with how many evaluations at most."""

    run: Callable
    summary: str
    packages: tuple
    most: float = math.inf

    def about(self):
        """What it is, with the versions it was run with."""
        return f"{self.summary} ({', '.join(f'{package} {version_of(package)}' for package in self.packages)})"


def start(evaluations, rng):
    return rng.uniform(-4, 4, evaluations.dim)


def seed(rng):
    """For methods that want a number: never 0, which some of them take for none."""
    return int(rng.integers(1, 2**31))


def box(evaluations):
    return numpy.tile(evaluations.bounds, (evaluations.dim, 1))


def pycma(evaluations, rng, options=None, **arguments):
    import cma

    silent = {"verbose": -9, "seed": seed(rng)} | (options or {})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cma.fmin2(evaluations, lambda: start(evaluations, rng), STEP, silent, **arguments)


def pycma_in_box(evaluations, rng, **arguments):
    """With pycma's own handling of bounds, `BoundTransform`."""
    pycma(evaluations, rng, options={"bounds": [list(ends) for ends in box(evaluations).T]}, **arguments)


def pycma_lq(evaluations, rng):
    """The models that it fits beside the search warn of small samples and of poor conditions."""
    import cma

    with warnings.catch_warnings(), numpy.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        silent = {"verbose": -9, "seed": seed(rng)}
        cma.fmin_lq_surr2(evaluations, lambda: start(evaluations, rng), STEP, silent, restarts=FOREVER)


def fcmaes_biteopt(evaluations, rng):
    from fcmaes import bitecpp
    from scipy.optimize import Bounds

    bitecpp.minimize(evaluations, Bounds(*box(evaluations).T), max_evaluations=evaluations.budget, rg=rng)


def fcmaes_de(evaluations, rng):
    from fcmaes import decpp
    from scipy.optimize import Bounds

    decpp.minimize(evaluations, evaluations.dim, Bounds(*box(evaluations).T), max_evaluations=evaluations.budget, rg=rng)


def fcmaes_crfmnes(evaluations, rng):
    from fcmaes import crfmnescpp
    from scipy.optimize import Bounds

    bounds, x0 = Bounds(*box(evaluations).T), start(evaluations, rng)
    crfmnescpp.minimize(evaluations, bounds, x0, input_sigma=STEP, max_evaluations=evaluations.budget, rg=rng)


def cmaes_ipop(evaluations, rng):
    """The restarts are those of the package's documentation: twice the population each time."""
    from cmaes import CMA

    population = None
    while True:
        optimizer = CMA(start(evaluations, rng), STEP, seed=seed(rng), population_size=population)
        while not optimizer.should_stop():
            points = [optimizer.ask() for _ in range(optimizer.population_size)]
            optimizer.tell([(x, evaluations(x)) for x in points])
        population = 2 * optimizer.population_size


@functools.cache
def snes(dim):
    """One a dimension: what it compiles is kept with it."""
    from evosax.algorithms import SNES

    return SNES(population_size=4 + math.floor(3 * math.log(dim)), solution=numpy.zeros(dim))


def evosax_snes(evaluations, rng):
    """The package names no population; this is the one of the paper it cites."""
    import jax

    method = snes(evaluations.dim)
    params = method.default_params.replace(std_init=STEP)
    key = jax.random.key(seed(rng))
    state = method.init(key, start(evaluations, rng), params)
    while True:
        key, asking, telling = jax.random.split(key, 3)
        points, state = method.ask(asking, state, params)
        losses = numpy.array([evaluations(x) for x in numpy.asarray(points)])
        state, _ = method.tell(telling, points, losses, state, params)


def scipy_de(evaluations, rng):
    """Not by its defaults in two things: it would stop at a spread of 1 %, far above most targets, and hand over to L-BFGS-B."""
    from scipy.optimize import differential_evolution

    differential_evolution(evaluations, box(evaluations), tol=0, polish=False, maxiter=evaluations.budget, rng=rng)


def scipy_local(evaluations, rng, method, options):
    """A method of `scipy.optimize.minimize` in the box, on finite differences where it wants gradients."""
    from scipy.optimize import minimize

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        while True:
            minimize(evaluations, start(evaluations, rng), method=method, bounds=box(evaluations), options=options(evaluations))


def scipy_slsqp(evaluations, rng):
    scipy_local(evaluations, rng, "SLSQP", lambda run: {"ftol": LOSS_TOLERANCE, "maxiter": run.budget})


def scipy_lbfgsb(evaluations, rng):
    def options(run):
        return {"ftol": LOSS_TOLERANCE, "gtol": POINT_TOLERANCE, "maxfun": run.budget, "maxiter": run.budget}

    scipy_local(evaluations, rng, "L-BFGS-B", options)


def scipy_neldermead(evaluations, rng):
    def options(run):
        tolerances = {"xatol": POINT_TOLERANCE, "fatol": POINT_TOLERANCE}
        return {"adaptive": True, "maxfev": run.budget, "maxiter": run.budget} | tolerances

    scipy_local(evaluations, rng, "Nelder-Mead", options)


def nlopt_local(evaluations, rng, name):
    """No tolerance of losses: two that are equal by chance would end some of its methods in their first steps."""
    import nlopt

    while True:
        search = nlopt.opt(getattr(nlopt, name), evaluations.dim)
        search.set_min_objective(lambda x, _: evaluations(x.copy()))
        search.set_lower_bounds(evaluations.bounds[0])
        search.set_upper_bounds(evaluations.bounds[1])
        search.set_initial_step(STEP)
        search.set_xtol_abs(POINT_TOLERANCE)
        try:
            search.optimize(start(evaluations, rng))
        except nlopt.RoundoffLimited:
            pass


def egobox(evaluations, rng):
    """It takes many points at a time, and `stop_on_error` has it end with `Over`."""
    import egobox

    def losses(points):
        return numpy.array([[evaluations(x)] for x in points])

    search = egobox.Egor(box(evaluations), seed=seed(rng))
    search.minimize(losses, max_iters=evaluations.budget, stop_on_error=True)


def asking(evaluations, rng, name):
    """The program, which restarts by itself, ends with its run."""
    command = [BINARY, name, str(evaluations.dim), str(seed(rng))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
        try:
            for line in program.stdout:
                program.stdin.write(f"{evaluations([float(x) for x in line.split()])!r}\n")
                program.stdin.flush()
        finally:
            program.kill()
    raise RuntimeError(f"the program ended with {program.returncode}")


def pure_random(evaluations, rng):
    while True:
        evaluations(rng.uniform(*evaluations.bounds, evaluations.dim))


FOREVER = 1000
"""Restarts: the budget ends a run, not their number."""

METHODS = {
    "pycma": Method(pycma, "CMA-ES without restarts", ("cma",)),
    "pycma-ipop": Method(
        functools.partial(pycma, restarts=FOREVER), "CMA-ES, restarted with twice the population", ("cma",)
    ),
    "pycma-bipop": Method(
        functools.partial(pycma, restarts=FOREVER, bipop=True), "CMA-ES, restarted with large and small populations", ("cma",)
    ),
    "pycma-lq": Method(pycma_lq, "CMA-ES with a linear-quadratic surrogate, restarted with twice the population", ("cma",)),
    "pycma-box": Method(pycma_in_box, "CMA-ES without restarts, in the box", ("cma",)),
    "pycma-ipop-box": Method(
        functools.partial(pycma_in_box, restarts=FOREVER), "CMA-ES in the box, restarted with twice the population", ("cma",)
    ),
    "pycma-bipop-box": Method(
        functools.partial(pycma_in_box, restarts=FOREVER, bipop=True),
        "CMA-ES in the box, restarted with large and small populations",
        ("cma",),
    ),
    "fcmaes-crfmnes": Method(fcmaes_crfmnes, "CR-FM-NES in the box", ("fcmaes",)),
    "fcmaes-biteopt": Method(fcmaes_biteopt, "BiteOpt", ("fcmaes",)),
    "fcmaes-de": Method(fcmaes_de, "Differential evolution with temporal locality", ("fcmaes",)),
    "cmaes-ipop": Method(cmaes_ipop, "CMA-ES, restarted with twice the population", ("cmaes",)),
    "evosax-snes": Method(evosax_snes, "Separable natural evolution strategy", ("evosax", "jax")),
    "scipy-de": Method(scipy_de, "Differential evolution, to the end of the budget and not polished", ("scipy",)),
    "scipy-slsqp": Method(scipy_slsqp, "SLSQP on finite differences, in the box, restarted", ("scipy",)),
    "scipy-lbfgsb": Method(scipy_lbfgsb, "L-BFGS-B on finite differences, in the box, restarted", ("scipy",)),
    "scipy-neldermead": Method(scipy_neldermead, "Adaptive Nelder-Mead in the box, restarted", ("scipy",)),
    "nlopt-subplex": Method(functools.partial(nlopt_local, name="LN_SBPLX"), "Subplex in the box, restarted", ("nlopt",)),
    "nlopt-bobyqa": Method(functools.partial(nlopt_local, name="LN_BOBYQA"), "BOBYQA in the box, restarted", ("nlopt",)),
    "nlopt-neldermead": Method(
        functools.partial(nlopt_local, name="LN_NELDERMEAD"), "Nelder-Mead in the box, restarted", ("nlopt",)
    ),
    "egobox": Method(egobox, "Efficient global optimization on Gaussian processes, in the box", ("egobox",), most=100),
    "pure-random": Method(pure_random, "Independent uniform points", ("numpy",)),
} | {
    name: Method(functools.partial(asking, name=name), summary, (name.split("-")[0],))
    for name, summary in [
        ("basin-cma-es", "CMA-ES in the box, restarted with twice the population"),
        ("basin-ma-ls-cma", "Genetic algorithm with chains of CMA-ES"),
        ("basin-bobyqa", "BOBYQA in the box, restarted"),
        ("basin-gbnm", "Globalized bounded Nelder-Mead"),
        ("basin-lbfgsb", "L-BFGS-B on finite differences, in the box, restarted"),
        ("basin-slsqp", "SLSQP on finite differences, in the box, restarted"),
        ("argmin-neldermead", "Nelder-Mead, restarted"),
        ("argmin-lbfgs", "L-BFGS on finite differences, restarted"),
        ("argmin-pso", "Particle swarm in the box"),
    ]
}
