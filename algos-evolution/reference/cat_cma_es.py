"""How many evaluations CatCMA with margin needs, in the package of its authors: what a test of `cat-cma-es` compares with.

    pip install cmaes==0.13.1 && python reference/cat_cma_es.py

Evaluations to 1e-10 of Σ (x − 1)² + Σ (z − 2)² + the number of flags that are off, 11 seeds, sorted; reals and integers in [−5, 5].
"""

import numpy as np
from cmaes import CatCMAwM


def run(reals, integers, flags, seed):
    spaces = dict(c_space=[2] * flags)
    if reals:
        spaces["x_space"] = [[-5, 5]] * reals
    if integers:
        spaces["z_space"] = [list(range(-5, 6))] * integers
    search = CatCMAwM(**spaces, seed=seed)
    evaluations = 0
    while evaluations < 20_000:
        solutions = []
        for _ in range(search.population_size):
            s = search.ask()
            value = float(np.sum((s.x - 1) ** 2)) if reals else 0.0
            value += float(np.sum((s.z - 2) ** 2)) if integers else 0.0
            value += float(np.sum(1 - s.c[:, 1]))
            evaluations += 1
            if value <= 1e-10:
                return evaluations
            solutions.append((s, value))
        search.tell(solutions)
    return evaluations


for sizes in [(5, 0, 5), (5, 5, 5), (10, 0, 10)]:
    print(sizes, sorted(run(*sizes, seed) for seed in range(11)), flush=True)
