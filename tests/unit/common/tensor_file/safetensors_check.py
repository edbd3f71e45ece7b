"""Reads a file of vx_safetensors_write by the rules of the format alone."""
import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy


def reject_twice(pairs):
    names = [name for name, _ in pairs]
    assert len(names) == len(set(names)), names
    return dict(pairs)


def read(content):
    length = int.from_bytes(content[:8], "little")
    assert length % 8 == 0 and 8 + length <= len(content), length
    text = content[8:8 + length]
    assert text.startswith(b"{") and text.rstrip(b" ").endswith(b"}")
    header = json.loads(text.decode("utf-8"), object_pairs_hook=reject_twice)
    notes = header.pop("__metadata__")
    data = content[8 + length:]
    tensors, reached = {}, 0
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        begin, end = entry["data_offsets"]
        assert set(entry) == {"dtype", "shape", "data_offsets"} and entry["dtype"] == "F32"
        assert begin == reached and end - begin == 4 * math.prod(entry["shape"])
        tensors[name] = numpy.frombuffer(data[begin:end], "<f4").reshape(entry["shape"])
        reached = end
    assert reached == len(data)
    return notes, tensors


with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "sample.safetensors"
    subprocess.run([sys.argv[1], str(path)], check=True)
    assert [entry.name for entry in Path(folder).iterdir()] == [path.name]
    found_notes, found = read(path.read_bytes())

values = numpy.arange(37, dtype=numpy.float32) * 0.5 - 3
expected = {
    "layer0.weight": values[:30].reshape(2, 3, 5),
    'a "quoted" name': values[30:36],
    "empty": numpy.zeros((0, 4)),
    "scalar": values[36],
}
assert found_notes == {"job": "sample", "rounds": "17"}, found_notes
assert set(found) == set(expected), found
for name, value in expected.items():
    assert found[name].shape == numpy.shape(value), name
    assert numpy.array_equal(found[name], value), name
