"""Stores a graph's weights while it is built: in the graph, or streamed to external
data files, so that only one tensor at a time is in memory.

    up to INLINE_LIMIT (protobuf ends at 2 GiB):  NAME.onnx
    above it:       NAME.onnx, NAME.onnx_data, NAME.onnx_data_1, ...
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

import onnx
from onnx import GraphProto, ModelProto, TensorProto

INLINE_LIMIT = 2_000_000_000
# Of an external data file. A larger tensor gets a larger file of its own. Browsers
# cannot read files above 2 GB in one piece.
FILE_LIMIT = 2_000_000_000
# Smaller tensors (shapes, axes) stay in the graph, where shape inference reads them.
SMALLEST_EXTERNAL = 1024
# The page size, on which memory-mapped tensors must start.
ALIGNMENT = 4096
COPY = 1 << 24


class WeightWriter(Protocol):
    def add(self, tensor: TensorProto, size: int, chunks: Iterable[bytes]) -> None:
        """Stores the tensor's `size` bytes and records the location in the tensor."""


class InlineWeights:
    """Stores weights in the graph."""

    def add(self, tensor: TensorProto, size: int, chunks: Iterable[bytes]) -> None:
        tensor.raw_data = b"".join(chunks)


class ExternalData:
    """Writes the graph file `path` and its external data."""

    def __init__(
        self, path: Path, inline_limit: int = INLINE_LIMIT, file_limit: int = FILE_LIMIT
    ):
        self.path, self.inline_limit, self.file_limit = path, inline_limit, file_limit
        self.data: list[Path] = []
        self.file: BinaryIO | None = None

    def add(self, tensor: TensorProto, size: int, chunks: Iterable[bytes]) -> None:
        if size < SMALLEST_EXTERNAL:
            tensor.raw_data = b"".join(chunks)
            return
        if self.file is None or self.file.tell() + ALIGNMENT + size > self.file_limit:
            self.open_next()
        self.file.write(bytes(-self.file.tell() % ALIGNMENT))
        offset = self.file.tell()
        for chunk in chunks:
            self.file.write(chunk)
        if self.file.tell() - offset != size:
            raise ValueError(f"{tensor.name}: {self.file.tell() - offset} bytes instead of {size}")
        tensor.data_location = TensorProto.EXTERNAL
        place = {"location": self.data[-1].name, "offset": offset, "length": size}
        for key, value in place.items():
            tensor.external_data.add(key=key, value=str(value))

    def open_next(self) -> None:
        if self.file is not None:
            self.file.close()
        ending = f"_{len(self.data)}" if self.data else ""
        self.data.append(self.path.with_name(f"{self.path.name}_data{ending}"))
        self.file = self.data[-1].open("wb")

    def save(self, model: ModelProto) -> None:
        """Writes the graph after all weights were added."""
        if self.file is not None:
            self.file.close()
        size = model.ByteSize() + sum(file.stat().st_size for file in self.data)
        if size > self.inline_limit:
            self.path.write_bytes(model.SerializeToString())
            return
        with self.path.open("wb") as file:
            for part in inlined(model, self.path.parent):
                file.write(part)
        for data in self.data:
            data.unlink()


def external_files(model: ModelProto) -> list[str]:
    """Names of the external data files of a graph, in order."""
    names = {
        entry.value: None
        for tensor in model.graph.initializer
        for entry in tensor.external_data
        if entry.key == "location"
    }
    return list(names)


def load_structure(path: Path) -> ModelProto:
    return onnx.load(path, load_external_data=False)


def inlined(model: ModelProto, folder: Path) -> Iterator[bytes]:
    """The serialized model with its external data inlined, in chunks: protobuf's own
    writer would hold all of it in memory twice. Protobuf allows the fields of a
    message to be split into several occurrences."""
    tensors = []
    for tensor in model.graph.initializer:
        head = TensorProto()
        head.CopyFrom(tensor)
        place = {e.key: e.value for e in tensor.external_data}
        head.ClearField("external_data")
        head.ClearField("data_location")
        size = int(place.get("length", 0))
        # 9: raw_data
        bare = head.SerializeToString() + (field(9, size) if place else b"")
        tensors.append((bare, place, size))
    start, end, outside = GraphProto(), GraphProto(), ModelProto()
    start.node.extend(model.graph.node)
    start.name = model.graph.name
    end.input.extend(model.graph.input)
    end.output.extend(model.graph.output)
    outside.CopyFrom(model)
    outside.ClearField("graph")
    parts = start.SerializeToString(), end.SerializeToString()
    heads = [field(5, len(bare) + size) + bare for bare, _, size in tensors]
    total = sum(map(len, (*parts, *heads))) + sum(size for *_, size in tensors)
    yield outside.SerializeToString() + field(7, total) + parts[0]  # 7: graph
    for head, (_, place, size) in zip(heads, tensors, strict=True):
        yield head
        if place:
            with (folder / place["location"]).open("rb") as file:
                file.seek(int(place["offset"]))
                while size:
                    chunk = file.read(min(size, COPY))
                    size -= len(chunk)
                    yield chunk
    yield parts[1]


def field(number: int, size: int) -> bytes:
    """Tag and length prefix of a protobuf field of `size` bytes."""
    out = bytearray([number << 3 | 2])
    while size > 127:
        out.append(size & 127 | 128)
        size >>= 7
    out.append(size)
    return bytes(out)
