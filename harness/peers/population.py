#!/usr/bin/env python3
"""How long JAX and evosax take for a candidate network on the CPU: a population of 64, f32, the networks of `net/...`.

    python3 -m venv jax-venv
    jax-venv/bin/pip install evosax==0.3.2 'jax[cpu]==0.10.2'
    jax-venv/bin/python harness/peers/population.py               # all cores
    jax-venv/bin/python harness/peers/population.py --threads 1   # one

A candidate is a flat vector of parameters. `evaluate` is `jax.jit(jax.vmap(loss, in_axes=(0, None)))` of a population that lies there
ready. A step is `ask` of evosax's `Open_ES`, which draws the population as centre + sigma · normal in pairs of opposite noise, the same
evaluation, and `tell`: as three calls, each of which is jitted (`step`), and as a single jitted function (`step, one jit`). Neither is
always the faster. All are in microseconds a candidate, of the clock and, under `CPU`, of processors: the time of all threads together,
which other programs on the machine disturb less. The median of several turns counts, after one that does not count; compiling is in none.
`candidates/s` follows from the faster of the steps, by the clock.

| network | layers | the loss, a mean cross-entropy, is of |
|---|---|---|
| digits | 64-32-10, ReLU | 1,437 images |
| mnist-mlp | 784-100-10, ReLU | 32 images |
| mnist-cnn | convolutions 5 x 5 to 8 x 14 x 14 and 3 x 3 to 26 x 7 x 7, both of stride 2, a layer to 10, ReLU | 32 images |
| mlp-1m | 64-960-960-10, ReLU | 32 images |
| char-transformer | two pre-normed blocks of width 32: causal attention of four heads, 32-128-32 with ReLU | 32 windows of 32 characters |

Convolutions are JAX's own, of which `vmap` makes one in groups; written as matrix products of all windows they took longer. Inputs are
random numbers of the right shapes, the same in every step: time does not depend on what they are, and drawing a minibatch is not measured.
"""

import argparse
import os
import statistics
import sys
import time
from importlib.metadata import version

NETWORKS = ["digits", "mnist-mlp", "mnist-cnn", "mlp-1m", "char-transformer"]


def positive(text):
    if int(text) < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return int(text)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=positive, help="as many cores, the first of those allowed [default: all that are allowed]")
    parser.add_argument("--one-by-one", action="store_true", help="evaluate by `jax.lax.map`, not by `jax.vmap`")
    parser.add_argument("--trees", action="store_true", help="a candidate is a tree of arrays, as `ask` can return it")
    parser.add_argument("--networks", default="", help="those whose name contains one of these, by commas [default: all]")
    parser.add_argument("--population", type=positive, default=64, help="even [default: 64]")
    parser.add_argument("--turns", type=positive, default=7, help="of which the median counts [default: 7]")
    parser.add_argument("--seconds", type=float, default=0.5, help="that a turn takes at least [default: 0.5]")
    wanted = parser.parse_args()
    if wanted.population % 2:
        parser.error("evosax draws pairs: --population is even")
    wanted.networks = [name for name in NETWORKS if any(part.strip() in name for part in wanted.networks.split(","))]
    return wanted


def restrict(threads):
    """To so many cores. XLA makes as many threads as there are cores that it may use, and looks once: before it is imported."""
    cores = sorted(os.sched_getaffinity(0))
    if threads is not None:
        if threads > len(cores):
            sys.exit(f"--threads: {len(cores)} cores are allowed")
        cores = cores[:threads]
        os.sched_setaffinity(0, cores)
        os.environ["NPROC"] = str(threads)
    if len(cores) == 1:
        flags = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {flags}".strip()
    return len(cores)


WANTED = arguments()
CORES = restrict(WANTED.threads)
os.environ["JAX_PLATFORMS"] = "cpu"

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy  # noqa: E402
import optax  # noqa: E402
from evosax.algorithms import Open_ES  # noqa: E402
from jax.flatten_util import ravel_pytree  # noqa: E402

SIGMA, RATE = 0.05, 0.01
EXAMPLES, MINIBATCH, CLASSES = 1437, 32, 10
ALPHABET, CONTEXT, WIDTH, HEADS, BLOCKS = 39, 32, 32, 4, 2


def cross_entropy(logits, labels):
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()


def layer(rng, inputs, outputs):
    return {"weight": rng.standard_normal((inputs, outputs)) / inputs**0.5, "bias": numpy.zeros(outputs)}


def dense(layer, x):
    return x @ layer["weight"] + layer["bias"]


class Mlp:
    def __init__(self, widths, examples):
        self.widths, self.examples = widths, examples

    def parameters(self, rng):
        return [layer(rng, *pair) for pair in zip(self.widths, self.widths[1:])]

    def data(self, rng):
        return rng.random((self.examples, self.widths[0])), rng.integers(0, CLASSES, self.examples)

    def loss(self, layers, data):
        x, labels = data
        for hidden in layers[:-1]:
            x = jax.nn.relu(dense(hidden, x))
        return cross_entropy(dense(layers[-1], x), labels)


def convolve(layer, x, padding):
    """Of [n, rows, columns, channels], with stride 2."""
    dimensions, around = ("NHWC", "HWIO", "NHWC"), [(padding, padding)] * 2
    return jax.lax.conv_general_dilated(x, layer["weight"], (2, 2), around, dimension_numbers=dimensions) + layer["bias"]


class Cnn:
    def parameters(self, rng):
        def convolution(kernel, inputs, outputs):
            flat = layer(rng, kernel * kernel * inputs, outputs)
            return flat | {"weight": flat["weight"].reshape(kernel, kernel, inputs, outputs)}

        return [convolution(5, 1, 8), convolution(3, 8, 26), layer(rng, 26 * 7 * 7, CLASSES)]

    def data(self, rng):
        return rng.random((MINIBATCH, 28, 28, 1)), rng.integers(0, CLASSES, MINIBATCH)

    def loss(self, layers, data):
        images, labels = data
        first, second, output = layers
        x = jax.nn.relu(convolve(first, images, 2))
        x = jax.nn.relu(convolve(second, x, 1))
        return cross_entropy(dense(output, x.reshape(x.shape[0], -1)), labels)


class Transformer:
    def parameters(self, rng):
        def norm():
            return {"gain": numpy.ones(WIDTH), "shift": numpy.zeros(WIDTH)}

        def block():
            attention = {"norm": norm(), "qkv": layer(rng, WIDTH, 3 * WIDTH), "projection": layer(rng, WIDTH, WIDTH)}
            layers = {"norm": norm(), "first": layer(rng, WIDTH, 4 * WIDTH), "second": layer(rng, 4 * WIDTH, WIDTH)}
            return {"attention": attention, "layers": layers}

        return {
            "characters": 0.1 * rng.standard_normal((ALPHABET, WIDTH)),
            "places": 0.1 * rng.standard_normal((CONTEXT, WIDTH)),
            "blocks": [block() for _ in range(BLOCKS)],
            "norm": norm(),
            "output": layer(rng, WIDTH, ALPHABET),
        }

    def data(self, rng):
        text = rng.integers(0, ALPHABET, (MINIBATCH, CONTEXT + 1))
        return text[:, :-1], text[:, 1:]

    def loss(self, parameters, data):
        seen, following = data
        return cross_entropy(self.logits(parameters, seen), following)

    def logits(self, parameters, seen):
        x = parameters["characters"][seen] + parameters["places"]
        for block in parameters["blocks"]:
            x = x + self.attend(block["attention"], x)
            layers = block["layers"]
            x = x + dense(layers["second"], jax.nn.relu(dense(layers["first"], self.normed(layers["norm"], x))))
        return dense(parameters["output"], self.normed(parameters["norm"], x))

    def normed(self, norm, x):
        mean, variance = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
        return (x - mean) * jax.lax.rsqrt(variance + 1e-5) * norm["gain"] + norm["shift"]

    def attend(self, attention, x):
        n = x.shape[0]
        parts = dense(attention["qkv"], self.normed(attention["norm"], x)).reshape(n, CONTEXT, 3, HEADS, WIDTH // HEADS)
        query, key, value = (parts[:, :, i] for i in range(3))
        scores = jnp.einsum("nihs,njhs->nhij", query, key) / (WIDTH // HEADS) ** 0.5
        causal = jnp.tril(jnp.ones((CONTEXT, CONTEXT), bool))
        shares = jax.nn.softmax(jnp.where(causal, scores, -jnp.inf))
        attended = jnp.einsum("nhij,njhs->nihs", shares, value).reshape(n, CONTEXT, WIDTH)
        return dense(attention["projection"], attended)


def network(name):
    """What it computes, and how many parameters it has."""
    return {
        "digits": (Mlp([64, 32, CLASSES], EXAMPLES), 2_410),
        "mnist-mlp": (Mlp([784, 100, CLASSES], MINIBATCH), 79_510),
        "mnist-cnn": (Cnn(), 14_856),
        "mlp-1m": (Mlp([64, 960, 960, CLASSES], MINIBATCH), 994_570),
        "char-transformer": (Transformer(), 29_031),
    }[name]


def programs(network, count):
    """Functions that do a population once and wait for it: the evaluation, the step, and the step as one jitted function."""
    rng = numpy.random.default_rng(1)
    tree = jax.tree.map(lambda values: jnp.asarray(values, jnp.float32), network.parameters(rng))
    data = tuple(jnp.asarray(part, jnp.int32 if part.dtype.kind == "i" else jnp.float32) for part in network.data(rng))
    flat, unravel = ravel_pytree(tree)
    assert flat.size == count, f"{flat.size} parameters, not {count}"

    solution, loss = (tree, network.loss) if WANTED.trees else (flat, lambda vector, data: network.loss(unravel(vector), data))
    losses = jax.vmap(loss, in_axes=(0, None))
    if WANTED.one_by_one:
        losses = lambda population, data: jax.lax.map(lambda candidate: loss(candidate, data), population)  # noqa: E731

    search = Open_ES(WANTED.population, solution, optimizer=optax.sgd(RATE), std_schedule=optax.constant_schedule(SIGMA))
    settings = search.default_params
    key = jax.random.key(1)
    start = search.init(key, solution, settings)
    jitted = jax.jit(losses)

    def with_losses(losses):
        def step(key, state, data):
            key, ask, tell = jax.random.split(key, 3)
            population, state = search.ask(ask, state, settings)
            state, _ = search.tell(tell, population, losses(population, data), state, settings)
            return key, state

        return step

    def again(step):
        """A program that goes on from where it was."""
        now = [key, start]

        def program():
            now[:] = jax.block_until_ready(step(*now, data))

        return program

    population, _ = search.ask(key, start, settings)
    assert jnp.isfinite(jitted(population, data)).all()
    return lambda: jax.block_until_ready(jitted(population, data)), again(with_losses(jitted)), again(jax.jit(with_losses(losses)))


def turn(program):
    """Seconds of the clock and of processors that one call takes."""
    clock, processors, calls = time.perf_counter(), time.process_time(), 0
    while calls == 0 or time.perf_counter() - clock < WANTED.seconds:
        program()
        calls += 1
    return (time.perf_counter() - clock) / calls, (time.process_time() - processors) / calls


def main():
    versions = ", ".join(f"{package} {version(package)}" for package in ["jax", "jaxlib", "evosax"])
    way = ("jax.lax.map" if WANTED.one_by_one else "jax.vmap") + (" of trees" if WANTED.trees else "")
    print(f"{versions}; {CORES} core{'s' * (CORES > 1)}, {way}, {WANTED.population} candidates; microseconds a candidate\n")
    head = ["network", "parameters", "evaluate", "CPU", "step", "CPU", "step, one jit", "CPU", "candidates/s"]
    widths = [max(map(len, NETWORKS)), 10, 9, 9, 9, 9, 13, 9, 12]

    def line(cells):
        aligned = [cells[0].ljust(widths[0])] + [cell.rjust(width) for cell, width in zip(cells[1:], widths[1:])]
        print("| " + " | ".join(aligned) + " |", flush=True)

    line(head)
    print("|" + "|".join("-" * (width + 1) + (":" if i else "-") for i, width in enumerate(widths)) + "|")
    for name in WANTED.networks:
        of, count = network(name)
        timed = programs(of, count)
        for program in timed:
            program()
            turn(program)
        # In turns, so that what disturbs one disturbs the others.
        turns = [[turn(program) for program in timed] for _ in range(WANTED.turns)]
        kinds = [(program, clock) for program in range(len(timed)) for clock in range(2)]
        seconds = [statistics.median(times[program][clock] for times in turns) / WANTED.population for program, clock in kinds]
        line([name, f"{count:,}"] + [f"{1e6 * s:,.1f}" for s in seconds] + [f"{1 / min(seconds[2], seconds[4]):,.0f}"])


if __name__ == "__main__":
    main()
