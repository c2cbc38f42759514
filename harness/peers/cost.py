"""CPU time a candidate of CMA-ES in Python, ask and tell without an objective: one thread, microseconds.

`OMP_NUM_THREADS=1 python harness/peers/cost.py`, beside `cargo run --release -- cma-es` in `harness/peers/cost`. The losses are those that
the Rust program tells its subjects.
"""

import os
import time

for library in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

import cma  # noqa: E402
import numpy as np  # noqa: E402
from cmaes import CMA, SepCMA  # noqa: E402

SHAPES = [(10, 10), (100, 17), (1000, 32)]
# Turns of each, of which the median counts. A turn takes so long at least, and so many steps where that takes no longer than the last.
TURNS, SECONDS, STEPS, LONGEST = 3, 0.3, 64, 20


class Losses:
    """Numbers that fall irregularly, as the losses of a real run do."""

    def __init__(self):
        self.calls = 0

    def next(self, n):
        self.calls += 1
        bits = [(self.calls * 1000 + i) * 0x9E3779B97F4A7C15 % 2**64 >> 40 for i in range(n)]
        return np.array(bits) / self.calls


def of_pycma(diagonal):
    def make(d, n):
        options = {"popsize": n, "verbose": -9, "seed": 1, "CMA_diagonal": diagonal}
        search, losses = cma.CMAEvolutionStrategy(np.zeros(d), 1.0, options), Losses()
        return lambda: search.tell(search.ask(), list(losses.next(n)))

    return make


def of_cmaes(method):
    def make(d, n):
        search, losses = method(mean=np.zeros(d), sigma=1.0, population_size=n, seed=1), Losses()

        def step():
            points = [search.ask() for _ in range(n)]
            search.tell(list(zip(points, losses.next(n), strict=True)))

        return step

    return make


METHODS = {
    "pycma": of_pycma(False),
    "cmaes CMA": of_cmaes(CMA),
    "pycma, diagonal": of_pycma(True),
    "cmaes SepCMA": of_cmaes(SepCMA),
}


def turn(step):
    start, steps, used = time.process_time(), 0, 0
    while used < SECONDS or steps < STEPS and used < LONGEST:
        step()
        steps, used = steps + 1, time.process_time() - start
    return used / steps


def main():
    print("| method | " + " | ".join(f"({d}, {n})" for d, n in SHAPES) + " |")
    for name, make in METHODS.items():
        cells = []
        for d, n in SHAPES:
            step = make(d, n)
            cells.append(f"{1e6 * np.median([turn(step) for _ in range(TURNS)]) / n:.1f}")
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
