import type { FastVlm } from "../index";
import { byId, setText } from "./dom";

/** Multiples of 64 worth choosing between; the encoder takes them all. */
const sizes = [128, 192, 256, 320, 384, 448, 512, 640, 768, 1024];

/** How the model is loaded, and what it turned out to be. */
export function setUpAbout(vlm: FastVlm): void {
  const size = byId("size", HTMLSelectElement);
  const dtype = byId("dtype", HTMLSelectElement);
  const device = byId("device", HTMLSelectElement);
  const carried = byId("carried", HTMLElement);
  carried.hidden = !/(^|\/)nano\/?$/.test(vlm.model);
  dtype.value = vlm.dtype;
  device.value = vlm.device;

  const fillSizes = (): void => {
    const side = vlm.info?.side ?? 0;
    const all = new Set([...sizes, side, vlm.size]);
    all.delete(0);
    size.replaceChildren();
    for (const each of [...all].sort((a, b) => a - b)) {
      size.add(new Option(`${each} px`, String(each)));
    }
    if (!side) size.add(new Option("Own", "0"), 0);
    size.value = String(vlm.size || side);
    noteSize();
  };
  const noteSize = (): void => {
    const { info } = vlm;
    const other = info && vlm.size !== 0 && vlm.size !== info.side;
    const trained = info ? `${info.name} is trained for ${info.side} px` : "";
    setText(
      "size-note",
      other
        ? `${trained}: at ${vlm.size} px its answers are worse.`
        : trained && `${trained}.`,
    );
  };

  size.addEventListener("change", () => {
    vlm.size = Number(size.value);
    noteSize();
  });
  for (const select of [dtype, device]) {
    select.addEventListener("change", () => {
      vlm.dtype = dtype.value;
      vlm.device = device.value;
      // What fails, the element shows.
      vlm.load().catch(() => undefined);
    });
  }
  vlm.addEventListener("ready", ({ detail: info }) => {
    setText("about-model", info.name);
    setText("about-device", info.device === "webgpu" ? "WebGPU" : "WASM");
    setText("about-adapter", info.adapter);
    setText("about-dtype", [...new Set(Object.values(info.dtypes))].join(", "));
    setText("about-bytes", `${(info.bytes / 1e6).toFixed(1)} MB`);
    setText("about-reason", info.deviceReason ?? "");
    fillSizes();
  });
  vlm.addEventListener("caption", ({ detail }) => {
    setText("about-tokens", `${detail.imageTokens} at ${detail.size} px`);
  });
  fillSizes();
}
