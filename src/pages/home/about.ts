import { formatBytes, type FastVlmElement, type ModelInfo } from "../../index";
import { byId, setText } from "./dom";
import { isBundled } from "./params";

/** The model in use, and what it turned out to be. */
export function setUpAbout(vlm: FastVlmElement): void {
  const carried = byId("carried", HTMLElement);
  carried.hidden = !isBundled(vlm.model);

  vlm.addEventListener("ready", ({ detail: info }) => {
    carried.hidden = !isBundled(vlm.model) || !!vlm.folder;
    const device = info.device === "webgpu" ? "WebGPU" : "WASM";
    const { vision_encoder, embed_tokens, decoder_model_merged } = info.dtypes;
    const dtypes = [vision_encoder, embed_tokens, decoder_model_merged];
    const same = dtypes.every((dtype) => dtype === vision_encoder);
    setText("in-use", `${info.name} on ${device}`);
    setText("about-model", info.name);
    setText("about-device", device);
    setText("about-adapter", info.adapter);
    setText("about-path", pathText(info));
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

/** Which it is, and why not the quick one. */
function pathText({ backend, backendReason }: ModelInfo): string {
  const name = backend === "webgpu" ? "Fast" : "Plain";
  return backendReason === undefined
    ? name
    : `${name}, not the fast one. ${backendReason}`;
}

function memoryText({ memory }: ModelInfo): string {
  const { gpu, wasm } = memory;
  return gpu > 0
    ? `${formatBytes(gpu)} GPU, ${formatBytes(wasm)} WASM`
    : formatBytes(wasm);
}
