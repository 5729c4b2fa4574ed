"""An exported model folder on ONNX Runtime's CPU provider."""

from collections.abc import Iterator
from itertools import islice, takewhile
from pathlib import Path

import numpy as np
import onnxruntime as ort
from onnx import ModelProto, TensorProto

from .graphs.split_layers import split_layers
from .graphs.external_data import load_structure

PAST, PRESENT = "past_key_values.", "present."
REALS = {TensorProto.FLOAT: np.float32, TensorProto.FLOAT16: np.float16}

Arrays = dict[str, np.ndarray]


def open_session(
    graph: Path | ModelProto, folder: Path | None = None, threads: int = 1
) -> ort.InferenceSession:
    """`folder` holds the external data of a graph that is given as ModelProto."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    # Errors only: this provider warns that it casts float16 graphs.
    options.log_severity_level = 3
    if isinstance(graph, ModelProto):
        key = "session.model_external_initializers_file_folder_path"
        options.add_session_config_entry(key, str(folder))
    source = graph.SerializeToString() if isinstance(graph, ModelProto) else graph
    return ort.InferenceSession(source, options, providers=["CPUExecutionProvider"])


class Decoder:
    """The decoder graph. `whole` runs it in one session; otherwise each layer is
    loaded in turn, for decoders that do not fit into memory."""

    def __init__(self, path: Path, whole: bool = True, threads: int = 1):
        self.folder, self.threads = path.parent, threads
        structure = load_structure(path)
        self.session = open_session(path, threads=threads) if whole else None
        self.pieces = [] if whole else split_layers(structure)
        self.past = {
            i.name: (i.type.tensor_type.shape.dim, REALS[i.type.tensor_type.elem_type])
            for i in structure.graph.input
            if i.name.startswith(PAST)
        }

    def empty_cache(self) -> Arrays:
        """The KV cache before the first token."""
        return {
            name: np.zeros((1, dim[1].dim_value, 0, dim[3].dim_value), real)
            for name, (dim, real) in self.past.items()
        }

    def run(self, feeds: Arrays) -> Arrays:
        if self.session is not None:
            return run(self.session, feeds)
        for piece in self.pieces:
            feeds = feeds | run(open_session(piece, self.folder, self.threads), feeds)
        return feeds

    def forward(self, embeds: np.ndarray, cache: Arrays) -> tuple[np.ndarray, Arrays]:
        """Logits [1, s, vocab] of embeddings after `cache`, and the longer cache."""
        past = next(iter(cache.values())).shape[2]
        total = past + embeds.shape[1]
        outputs = self.run(
            {
                "inputs_embeds": embeds,
                "attention_mask": np.ones((1, total), np.int64),
                "position_ids": np.arange(past, total, dtype=np.int64)[None],
                **cache,
            }
        )
        presents = {k: v for k, v in outputs.items() if k.startswith(PRESENT)}
        return outputs["logits"], {
            PAST + name.removeprefix(PRESENT): v for name, v in presents.items()
        }


def run(session: ort.InferenceSession, feeds: Arrays) -> Arrays:
    names = [o.name for o in session.get_outputs()]
    wanted = {i.name: feeds[i.name] for i in session.get_inputs()}
    return dict(zip(names, session.run(names, wanted), strict=True))


class OnnxModel:
    """The three graphs of a folder; `suffix` ("", "_q4", ...) selects the dtype."""

    def __init__(self, folder: Path, suffix: str = "", threads: int = 1):
        onnx = folder / "onnx"
        self.vision, self.embedding = (
            open_session(onnx / f"{name}{suffix}.onnx", threads=threads)
            for name in ("vision_encoder", "embed_tokens")
        )
        decoder = Decoder(onnx / f"decoder_model_merged{suffix}.onnx", threads=threads)
        self.decoder, self.forward = decoder, decoder.forward
        self.empty_cache = decoder.empty_cache

    def image_features(self, pixels: np.ndarray) -> np.ndarray:
        return self.vision.run(None, {"pixel_values": pixels})[0]

    def embed(self, ids: list[int]) -> np.ndarray:
        return self.embedding.run(None, {"input_ids": np.array([ids], np.int64)})[0]

    def prompt_embeds(
        self, pixels: np.ndarray, ids: list[int], image_token: int
    ) -> np.ndarray:
        embeds = self.embed(ids)
        embeds[0, np.array(ids) == image_token] = self.image_features(pixels)[0]
        return embeds

    def decode(self, embeds: np.ndarray) -> Iterator[np.ndarray]:
        """The logits [vocab] after the prompt and after each greedy token, without end;
        like FastVlm.decode."""
        cache = self.empty_cache()
        while True:
            logits, cache = self.forward(embeds, cache)
            yield logits[0, -1]
            embeds = self.embed([int(logits[0, -1].argmax())])

    def generate(
        self,
        pixels: np.ndarray,
        ids: list[int],
        image_token: int,
        stop: set[int],
        limit: int = 64,
    ) -> list[int]:
        """Greedy tokens, like FastVlm.generate."""
        rows = self.decode(self.prompt_embeds(pixels, ids, image_token))
        tokens = takewhile(lambda token: token not in stop, (int(row.argmax()) for row in rows))
        return list(islice(tokens, limit))
