#!/usr/bin/env python3
"""Compares a tuned GGUF file with its base, and with what candle reads from it, by the package `gguf` of llama.cpp.

    pip install gguf
    MOTHS_GGUF_OUT=files cargo test -p moths --test gguf
    python harness/peers/gguf_check.py files/*.tuned.gguf

Beside `NAME.tuned.gguf` stand `NAME.base.gguf`, and `NAME.tuned.safetensors` with the weights of every tensor in f32, as candle
has them. Metadata, names, types, shapes and places have to be those of the base; the weights to the bit those of candle. Some weights
have to be others than in the base, or nothing was tuned.
"""

import argparse
import json
import pathlib
import sys

import gguf
import numpy


def dumped(path):
    """The tensors of a safetensors file in f32, by name."""
    raw = path.read_bytes()
    begin = 8 + int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8:begin])
    tensors = {}
    for name, place in header.items():
        if name == "__metadata__":
            continue
        if place["dtype"] != "F32":
            sys.exit(f"{path}: {name} is {place['dtype']}, not F32")
        start, end = place["data_offsets"]
        tensors[name] = numpy.frombuffer(raw[begin + start : begin + end], "<f4").reshape(place["shape"])
    return tensors


def described(reader):
    """What a tuned file has in common with its base: metadata, and all of the tensors but their data."""
    fields = [(name, field.types, [bytes(part) for part in field.parts]) for name, field in reader.fields.items()]
    places = [(t.name, t.tensor_type, t.shape.tolist(), t.data_offset, t.n_bytes) for t in reader.tensors]
    return fields, places


def weights(tensor):
    return gguf.dequantize(tensor.data, tensor.tensor_type).astype(numpy.float32)


def check(tuned):
    """What is wrong with a tuned file, as a list of sentences, and how many of its weights moved."""
    name = str(tuned).removesuffix(".tuned.gguf")
    base, dump = pathlib.Path(name + ".base.gguf"), pathlib.Path(name + ".tuned.safetensors")
    before, after, theirs = gguf.GGUFReader(base), gguf.GGUFReader(tuned), dumped(dump)
    wrong = []
    if base.stat().st_size != tuned.stat().st_size:
        wrong.append("the file has another size than its base")
    if described(before) != described(after):
        wrong.append("metadata, names, types, shapes or places are others than in the base")
    if sorted(theirs) != sorted(tensor.name for tensor in after.tensors):
        wrong.append("candle reads other tensors")
    moved = total = 0
    for old, new in zip(before.tensors, after.tensors):
        ours, candle = weights(new), theirs.get(new.name)
        if candle is not None and not numpy.array_equal(ours.reshape(candle.shape), candle):
            wrong.append(f"{new.name} differs from candle by {numpy.abs(ours.reshape(candle.shape) - candle).max()}")
        moved += int((ours != weights(old)).sum())
        total += ours.size
    if moved == 0:
        wrong.append("no weight is another than in the base")
    types = sorted({tensor.tensor_type.name for tensor in after.tensors})
    found = f"{len(after.tensors)} tensors of {', '.join(types)}; {moved} of {total} weights moved"
    print(f"{tuned}: {found}: {'; '.join(wrong) or 'as it should be'}")
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tuned", nargs="+", type=pathlib.Path, help="NAME.tuned.gguf")
    # All are looked at, also after one that is wrong.
    wrong = [check(path) for path in parser.parse_args().tuned]
    sys.exit(any(wrong))


if __name__ == "__main__":
    main()
