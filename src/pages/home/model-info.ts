import type { FastVlmElement, ModelInfo } from "../../index";
import { formatBytes } from "../../shared/format";
import { byId, setText } from "./dom";
import { isBundledModel } from "./address";

/** Shows facts about the current model. */
export function setUpModelInfo(vlm: FastVlmElement): void {
  const bundled = byId("bundled", HTMLElement);
  bundled.hidden = !isBundledModel(vlm.model);

  vlm.addEventListener("ready", ({ detail: info }) => {
    bundled.hidden = !isBundledModel(vlm.model) || !!vlm.folder;
    const device = info.device === "webgpu" ? "WebGPU" : "WASM";
    const { vision_encoder, embed_tokens, decoder_model_merged } = info.dtypes;
    const dtypes = [vision_encoder, embed_tokens, decoder_model_merged];
    const same = dtypes.every((dtype) => dtype === vision_encoder);
    setText("in-use", `${info.name} on ${device}`);
    setText("about-model", info.name);
    setText("about-device", device);
    setText("about-adapter", info.adapter);
    setText("about-backend", backendText(info));
    setText("about-dtype", same ? vision_encoder : dtypes.join(", "));
    setText("about-bytes", formatBytes(info.bytes));
    setText("about-memory", memoryText(info));
    setText(
      "about-reason",
      [info.deviceReason, info.dtypeReason, info.versionReason]
        .filter(Boolean)
        .join(" "),
    );
  });
  vlm.addEventListener("caption", ({ detail }) => {
    setText("about-tokens", `${detail.imageTokens} at ${detail.size} px`);
  });
}

/** The backend, and why it is not the WebGPU backend. */
function backendText({ backend, backendReason }: ModelInfo): string {
  const name = backend === "webgpu" ? "WebGPU" : "ONNX Runtime";
  return backendReason === undefined ? name : `${name}. ${backendReason}`;
}

function memoryText({ memory }: ModelInfo): string {
  const { gpu, wasm } = memory;
  return gpu > 0
    ? `${formatBytes(gpu)} GPU, ${formatBytes(wasm)} WASM`
    : formatBytes(wasm);
}
