"""An exported model folder on ONNX Runtime's CPU provider."""

from pathlib import Path

import numpy as np
import onnxruntime as ort

PAST, PRESENT = "past_key_values.", "present."


class OnnxModel:
    """`suffix` "" or "_q4" chooses among the folder's graphs."""

    def __init__(self, folder: Path, suffix: str = "", threads: int = 1):
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        self.vision, self.embedding, self.decoder = (
            ort.InferenceSession(
                folder / "onnx" / f"{name}{suffix}.onnx",
                options,
                providers=["CPUExecutionProvider"],
            )
            for name in ("vision_encoder", "embed_tokens", "decoder_model_merged")
        )

    def image_features(self, pixels: np.ndarray) -> np.ndarray:
        return self.vision.run(None, {"pixel_values": pixels})[0]

    def embed(self, ids: list[int]) -> np.ndarray:
        return self.embedding.run(None, {"input_ids": np.array([ids], np.int64)})[0]

    def empty_cache(self) -> dict[str, np.ndarray]:
        """What precedes the first token."""
        types = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
        return {
            i.name: np.zeros((1, i.shape[1], 0, i.shape[3]), types[i.type])
            for i in self.decoder.get_inputs()
            if i.name.startswith(PAST)
        }

    def forward(
        self, embeds: np.ndarray, cache: dict[str, np.ndarray]
    ) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Logits [1, s, vocab] of embeddings after `cache`, and the longer cache."""
        past = next(iter(cache.values())).shape[2]
        total = past + embeds.shape[1]
        feeds = {
            "inputs_embeds": embeds,
            "attention_mask": np.ones((1, total), np.int64),
            "position_ids": np.arange(past, total, dtype=np.int64)[None],
            **cache,
        }
        names = [o.name for o in self.decoder.get_outputs()]
        outputs = dict(zip(names, self.decoder.run(None, feeds), strict=True))
        logits = outputs.pop("logits")
        return logits, {PAST + k.removeprefix(PRESENT): v for k, v in outputs.items()}

    def prompt_embeds(
        self, pixels: np.ndarray, ids: list[int], image_token: int
    ) -> np.ndarray:
        embeds = self.embed(ids)
        embeds[0, np.array(ids) == image_token] = self.image_features(pixels)[0]
        return embeds

    def generate(
        self,
        pixels: np.ndarray,
        ids: list[int],
        image_token: int,
        stop: set[int],
        limit: int = 64,
    ) -> list[int]:
        """As FastVlm.generate."""
        x, cache = self.prompt_embeds(pixels, ids, image_token), self.empty_cache()
        answer: list[int] = []
        while True:
            logits, cache = self.forward(x, cache)
            token = int(logits[0, -1].argmax())
            if token in stop or len(answer) == limit:
                return answer
            answer.append(token)
            x = self.embed([token])
