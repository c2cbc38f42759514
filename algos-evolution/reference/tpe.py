"""What Optuna's TPE finds on four mixed functions: the numbers that a test of `tpe` compares with.

    pip install optuna==5.0.0 && python reference/tpe.py > reference/tpe.json    # some minutes

Lowest losses after 60 and 100 evaluations, 31 seeds, sorted. Ten points come before the estimators in both; the first of them is the middle
of the intervals, as it is of `tpe`. `multivariate` is what Optuna does unless told otherwise.
"""

import json
import math

import optuna

SEEDS, BUDGETS = range(31), (60, 100)

# Name, and low and high end: reals have floats, flags nothing.
SPACES = {
    "bowl": [("x", -5.0, 5.0), ("y", -5.0, 5.0), ("z", -5.0, 5.0), ("i", 0, 10), ("j", 0, 10), ("a",), ("b",)],
    "branin": [("x", -5.0, 10.0), ("y", 0.0, 15.0), ("i", 0, 9), ("a",)],
    "training": [("rate", -5.0, 0.0), ("layers", 1, 8), ("width", 16, 256), ("dropout", 0.0, 0.9), ("bias",)],
    "valley": [("x", -2.0, 2.0), ("y", -2.0, 2.0), ("i", -3, 3), ("j", -3, 3)],
}


def loss(name, v):
    if name == "bowl":
        x, y, z, i, j, a, b = v
        return (x - 1.3) ** 2 + (y + 2.1) ** 2 + (z - 0.4) ** 2 + 0.5 * ((i - 7) ** 2 + (j - 2) ** 2) + 3 * (1 - a) + 3 * b
    if name == "branin":
        x, y, i, a = v
        hills = (y - 5.1 / (4 * math.pi**2) * x * x + 5 / math.pi * x - 6) ** 2
        return hills + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10 + abs(i - 4) + 10 * (1 - a)
    if name == "training":
        rate, layers, width, dropout, bias = v
        fit = (rate + 1.5 + 0.25 * layers) ** 2 + 0.3 * (math.log2(width) - 6.5) ** 2
        return fit + 0.05 * (layers - 4) ** 2 + 2 * (dropout - 0.2) ** 2 + 0.3 * (1 - bias)
    x, y, i, j = v
    return 10 * (y - x * x) ** 2 + (1 - x) ** 2 + (i - j) ** 2 + 0.5 * (j - 1) ** 2


def suggest(trial, name, *ends):
    if not ends:
        return trial.suggest_categorical(name, [0, 1])
    return trial.suggest_float(name, *ends) if isinstance(ends[0], float) else trial.suggest_int(name, *ends)


def middle(name, *ends):
    value = sum(ends) / 2 if ends else 0
    return value if ends and isinstance(ends[0], float) else round(value)


def run(problem, multivariate, seed):
    space = SPACES[problem]
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed, multivariate=multivariate))
    study.enqueue_trial({name: middle(name, *ends) for name, *ends in space})
    study.optimize(lambda trial: loss(problem, [suggest(trial, *of) for of in space]), n_trials=max(BUDGETS))
    losses = [trial.value for trial in study.trials]
    return [min(losses[:budget]) for budget in BUDGETS]


def main():
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    result = {}
    for problem in SPACES:
        for multivariate in (True, False):
            ends = [run(problem, multivariate, seed) for seed in SEEDS]
            kind = "multivariate" if multivariate else "univariate"
            result[f"{problem} {kind}"] = [sorted(of) for of in zip(*ends)]
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
