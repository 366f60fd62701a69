"""usage: peer.py check|write FOLDER
Checks the files that the program interchange wrote, or writes those that it checks. Both sides make the values from
the tensors' names."""
import json
import os
import sys

import numpy as np

import safetensors

# Names, dtypes and shapes: interchange.c has the same.
RAW = [
    ("bool", "BOOL", (3, 5)), ("u8", "U8", (7,)), ("i8", "I8", (2, 3)), ("i16", "I16", (5,)), ("u16", "U16", (3, 1)),
    ("f16", "F16", (4, 3)), ("bf16", "BF16", (3, 4)), ("i32", "I32", (2, 2)), ("u32", "U32", (9,)),
    ("f32", "F32", (11,)), ("f64", "F64", (2, 1, 3)), ("i64", "I64", (5,)), ("u64", "U64", (3,)), ("scalar", "F32", ()),
    ("empty", "F32", (0, 4)), ("empty \"quoted\" \u00e9\U0001f600", "BOOL", (2, 0)),
]
WEIGHT = (10, 3)


def bits(name, dtype, shape):
    """Bytes from a name; of a bool 0 and 1."""
    kind = np.dtype(safetensors.DTYPES[dtype])
    count = int(np.prod(shape, dtype=np.int64)) * kind.itemsize
    seed = sum(31 * byte for byte in name.encode("utf-8"))
    i = np.arange(count, dtype=np.int64)
    data = ((seed + 11 * i + i // 7 * 3) & 255).astype(np.uint8)
    if dtype == "BOOL":
        data &= 1
    return np.frombuffer(data.tobytes(), kind.newbyteorder("<")).reshape(shape)


def numbers(seed, shape):
    """f32 of many exponents, exact on both sides."""
    i = np.arange(int(np.prod(shape, dtype=np.int64)), dtype=np.float64)
    whole = (i * 37 + seed) % 101 - 50 + (i * 13 + seed) % 1021 / 1024
    return np.ldexp(whole, ((i * 7 + seed) % 30).astype(int) - 20).astype(np.float32).reshape(shape)


def bfloat16(array):
    wide = array.view(np.uint32).astype(np.uint64)
    return ((wide + 0x7fff + (wide >> 16 & 1)) >> 16).astype(np.uint16)


def same(found, dtype, array):
    assert found[0] == dtype, f"{found[0]} is not {dtype}"
    assert found[1].shape == array.shape and found[1].tobytes() == array.tobytes(), (found[1], array)


def check_raw(folder):
    tensors, metadata = safetensors.read(os.path.join(folder, "raw.safetensors"))
    assert metadata == {"note": "\u20ac \"quoted\"\n", "": ""}, metadata
    assert set(tensors) == {name for name, _, _ in RAW}
    for name, dtype, shape in RAW:
        same(tensors[name], dtype, bits(name, dtype, shape))


def check_tied(folder):
    tensors, metadata = safetensors.read(os.path.join(folder, "tied.safetensors"))
    assert metadata == {"embedding.weight": "head.weight", "format": "pt"}, metadata
    assert sorted(tensors) == ["head.bias", "head.weight", "mean", "nothing", "random"]
    same(tensors["head.weight"], "F32", numbers(1, WEIGHT))
    same(tensors["head.bias"], "F32", numbers(2, (10,)))
    same(tensors["mean"], "F64", numbers(3, (4,)).astype(np.float64))
    same(tensors["nothing"], "F32", np.zeros((0, 3), np.float32))
    same(tensors["random"], "I64", np.array([7, 0], np.int64))
    # Stored once: the file is as large as its header and these values.
    assert os.path.getsize(os.path.join(folder, "tied.safetensors")) < 120 + 40 + 32 + 16 + 8 + 520


def check_halves(folder):
    halves, _ = safetensors.read(os.path.join(folder, "f16.safetensors"))
    same(halves["head.weight"], "F16", numbers(1, WEIGHT).astype(np.float16))
    same(halves["mean"], "F16", numbers(3, (4,)).astype(np.float16))
    same(halves["random"], "I64", np.array([7, 0], np.int64))
    halves, _ = safetensors.read(os.path.join(folder, "bf16.safetensors"))
    same(halves["head.weight"], "BF16", bfloat16(numbers(1, WEIGHT)))


def check_sharded(folder):
    with open(os.path.join(folder, "sharded.safetensors.index.json"), encoding="utf-8") as file:
        index = json.load(file)
    assert index["metadata"] == {"embedding.weight": "head.weight", "format": "pt", "total_size": 120 + 40 + 32 + 16}
    shards = {}
    for name, shard in index["weight_map"].items():
        shards.setdefault(shard, set()).add(name)
    assert len(shards) == 3, shards
    for shard, names in shards.items():
        tensors, metadata = safetensors.read(os.path.join(folder, shard))
        assert set(tensors) == names and metadata == {"format": "pt"}
        if "head.weight" in names:
            same(tensors["head.weight"], "F32", numbers(1, WEIGHT))


def write_all(folder):
    def path(name):
        return os.path.join(folder, name)

    raw = {name: (dtype, bits(name, dtype, shape)) for name, dtype, shape in RAW}
    backwards = [name for name, _, _ in reversed(RAW)]  # no order of sizes, no alignment
    safetensors.write(path("raw.safetensors"), raw, {"note": "\u20ac \"quoted\"\n", "": ""}, backwards)
    weight, bias = ("F32", numbers(1, WEIGHT)), ("F32", numbers(2, (10,)))
    safetensors.write(path("canonical.safetensors"), {"head.weight": weight, "head.bias": bias},
                      {"embedding.weight": "head.weight"})
    safetensors.write(path("alias.safetensors"), {"head.bias": bias, "embedding.weight": weight})
    safetensors.write(path("both.safetensors"), {"head.bias": bias, "embedding.weight": weight, "head.weight": weight})
    safetensors.write(path("f16.safetensors"), {"head.weight": ("F16", weight[1].astype(np.float16)),
                                                "head.bias": ("F16", bias[1].astype(np.float16))})
    safetensors.write(path("bf16.safetensors"), {"head.weight": ("BF16", bfloat16(weight[1])),
                                                 "head.bias": ("BF16", bfloat16(bias[1]))})
    safetensors.write(path("one.safetensors"), {"head.weight": weight}, {"format": "pt"})
    safetensors.write(path("two.safetensors"), {"head.bias": bias}, {"format": "pt"})
    with open(path("sharded.safetensors.index.json"), "w", encoding="utf-8") as file:
        json.dump({"metadata": {"total_size": 160, "embedding.weight": "head.weight"},
                   "weight_map": {"head.weight": "one.safetensors", "head.bias": "two.safetensors"}}, file, indent=2)


if __name__ == "__main__":
    if sys.argv[1] == "write":
        write_all(sys.argv[2])
    else:
        for check in (check_raw, check_tied, check_halves, check_sharded):
            check(sys.argv[2])
            print(f"{check.__name__}: as it should be")
