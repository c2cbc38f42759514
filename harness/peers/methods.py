"""The peers, each with its defaults, as somebody who searches [-5, 5]^D would call it.

Where a start is asked for it is uniform in [-4, 4]^D, where a step size is asked for it is 2. A method ends by `Over`, or by its own
criteria. Its packages are imported when it first runs, so that one that is missing does not stand in the way of the others.
"""

import functools
import math
import warnings
from dataclasses import dataclass
from importlib.metadata import version
from typing import Callable

import numpy

STEP = 2.0


@dataclass(frozen=True)
class Method:
    """A peer: what it is, what it is made of, and how it is run with a function and a generator."""

    run: Callable
    summary: str
    packages: tuple

    def about(self):
        """What it is, with the versions it was run with."""
        return f"{self.summary} ({', '.join(f'{package} {version(package)}' for package in self.packages)})"


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
    "pure-random": Method(pure_random, "Independent uniform points", ("numpy",)),
}
