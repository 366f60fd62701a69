"""Reads and writes safetensors files as their specification says (the README of
github.com/huggingface/safetensors, "Format"), with NumPy and json alone."""
import json
import struct

import numpy as np

# bf16 is not NumPy's: its bits come as uint16.
DTYPES = {
    "BOOL": np.bool_, "U8": np.uint8, "I8": np.int8, "I16": np.int16, "U16": np.uint16, "F16": np.float16,
    "BF16": np.uint16, "I32": np.int32, "U32": np.uint32, "F32": np.float32, "F64": np.float64, "I64": np.int64,
    "U64": np.uint64,
}


def unique(pairs):
    names = [name for name, _ in pairs]
    assert len(set(names)) == len(names), f"a name stands there twice: {names}"
    return dict(pairs)


def read(path):
    """name -> (dtype, array), and the metadata."""
    with open(path, "rb") as file:
        data = file.read()
    (length,) = struct.unpack("<Q", data[:8])
    assert 0 < length <= min(100_000_000, len(data) - 8)
    text = data[8:8 + length]
    assert text[:1] == b"{" and (8 + length) % 8 == 0
    header = json.loads(text.rstrip(b" ").decode("utf-8"), object_pairs_hook=unique)
    metadata = header.pop("__metadata__", {})
    assert all(isinstance(k, str) and isinstance(v, str) for k, v in metadata.items())
    values, tensors, at = data[8 + length:], {}, 0
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        assert set(entry) == {"dtype", "shape", "data_offsets"}
        begin, end = entry["data_offsets"]
        dtype = np.dtype(DTYPES[entry["dtype"]])
        assert begin == at, f"{name}: a hole or an overlap"
        assert end - begin == dtype.itemsize * int(np.prod(entry["shape"], dtype=np.int64))
        assert begin % dtype.itemsize == 0, f"{name} is not aligned"
        array = np.frombuffer(values[begin:end], dtype.newbyteorder("<")).reshape(entry["shape"])
        tensors[name] = (entry["dtype"], array)
        at = end
    assert at == len(values)
    return tensors, metadata


def write(path, tensors, metadata=None, order=None):
    """tensors: name -> (dtype, array). `order` is the order of the values; the header keeps that of the dict, and
    is not padded."""
    header, chunks, places, at = {}, [], {}, 0
    for name in order or list(tensors):
        dtype, array = tensors[name]
        chunk = np.ascontiguousarray(array).astype(np.dtype(DTYPES[dtype]).newbyteorder("<")).tobytes()
        places[name] = [at, at + len(chunk)]
        at += len(chunk)
        chunks.append(chunk)
    for name, (dtype, array) in tensors.items():
        header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": places[name]}
    if metadata is not None:
        header["__metadata__"] = metadata
    text = json.dumps(header).encode("utf-8")
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(chunks))
