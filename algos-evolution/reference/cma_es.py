"""What pycma does with given noise, and how many evaluations it needs: the numbers that the tests of `cma-es` compare with.

    pip install cma==4.5.0 && python reference/cma_es.py > reference/cma_es.json    # about a minute

The first part feeds 10 generations with known noise z. Samples are made the tutorial's x = m + σ √C z by handing pycma, whose own samples are
m + σ B D z, the noise Bᵀ z. pycma's defaults (active, no mirrors) are those of the tutorial (arXiv:1604.00772, table 1) at these dimensions,
and C is decomposed as often as by `cma-es`. Four things are set right: pycma's c_σ has 3 where the tutorial has 5, its E‖z‖ is exact where
the tutorial has a series, its C is I but for 1e-4 at the start, and its Mahalanobis lengths are 1e-9 longer. The second part counts
evaluations of pycma as it comes.
"""

import json
import math
import os
import warnings

os.environ["OPENBLAS_NUM_THREADS"] = "1"

import cma  # noqa: E402
import numpy as np  # noqa: E402

GENERATIONS = 10


def uniforms(state=1):
    while True:
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        yield (state >> 11) / 2**53


def normals():
    u = uniforms()
    while True:
        length, angle = math.sqrt(-2 * math.log(1 - next(u))), 2 * math.pi * next(u)
        yield length * math.cos(angle)


def sphere(x):
    return float(np.sum((np.asarray(x) - 1) ** 2))


def ellipsoid(x):
    return float(np.sum(10 ** (6 * np.arange(len(x)) / (len(x) - 1)) * (np.asarray(x) - 1) ** 2))


def rosenbrock(x):
    x = np.asarray(x)
    return float(np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2))


def rates(dim):
    parameters = cma.CMAEvolutionStrategy(dim * [0.0], 0.5, {"verbose": -9}).sm.parameters()
    return parameters["c1"], parameters["cmu"]


def ten_generations(dim):
    c_1, c_mu = rates(dim)
    wait = max(1, math.floor(1 / (dim * (c_1 + c_mu))))
    z = normals()
    rows = lambda n, d: np.array([[next(z) for _ in range(d)] for _ in range(n)])
    options = {"verbose": -9, "randn": lambda n, d: rows(n, d) @ es.sm.B, "updatecovwait": wait}
    es = cma.CMAEvolutionStrategy(dim * [0.0], 0.5, options)
    assert es.sp.lam_mirr == 0 and es.opts["CMA_active"]
    es.sm.C, es.sm.B, es.sm.D = np.eye(dim), np.eye(dim), np.ones(dim)
    es.adapt_sigma.initialize(es)
    mu_eff = es.sp.weights.mueff
    es.adapt_sigma.cs = (mu_eff + 2) / (dim + mu_eff + 5)
    es.adapt_sigma.damps = 1 + 2 * max(0, math.sqrt((mu_eff - 1) / (dim + 1)) - 1) + es.adapt_sigma.cs
    cma.sigma_adaptation.Mh.chiN = lambda n: math.sqrt(n) * (1 - 1 / (4 * n) + 1 / (21 * n**2))
    es.sm.norm = lambda x: type(es.sm).norm(es.sm, x) - 1e-9
    for t in range(1, GENERATIONS + 1):
        candidates = es.ask()
        es.tell(candidates, [rosenbrock(x) for x in candidates])
        # The tutorial's rule and pycma's for h agree here, and so does d_σ.
        length = np.linalg.norm(es.adapt_sigma.ps) / math.sqrt(1 - (1 - es.adapt_sigma.cs) ** (2 * t))
        tutorial = length < (1.4 + 2 / (dim + 1)) * es.const.chiN
        assert tutorial == (length**2 / dim < 2 + 4 / (dim + 1)), "choose another seed"
    return {"dim": dim, "mean": es.mean.tolist(), "sigma": es.sigma, "c": es.sm.C.flatten().tolist()}


def evaluations(f, dim):
    used = []
    for seed in range(1, 12):
        es = cma.CMAEvolutionStrategy(dim * [0.0], 1.0, {"verbose": -9, "seed": seed, "ftarget": 1e-9})
        while not es.stop():
            candidates = es.ask()
            es.tell(candidates, [f(x) for x in candidates])
        used.append(es.countevals)
    return {"problem": f.__name__, "dim": dim, "evaluations": sorted(used)}


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    runs = [evaluations(f, dim) for f in (sphere, ellipsoid, rosenbrock) for dim in (10, 20)]
    with_noise = [ten_generations(dim) for dim in (5, 10, 20)]
    print(json.dumps({"pycma": cma.__version__, "with_noise": with_noise, "runs": runs}))
