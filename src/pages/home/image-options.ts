import type { FastVlmElement } from "../../index";
import { byId, setText } from "./dom";

/** Offered sizes; the encoder accepts all multiples of 64. */
const sizes = [256, 384, 512, 640, 768, 1024, 1152, 1536];

/** Image and prompt options, which apply from the next frame on. */
export function setUpImageOptions(vlm: FastVlmElement): void {
  const size = byId("size", HTMLSelectElement);
  const fit = byId("fit", HTMLSelectElement);
  const style = byId("style", HTMLSelectElement);
  const anyres = byId("anyres", HTMLInputElement);
  const prompt = byId("prompt", HTMLInputElement);
  prompt.value = vlm.prompt;
  fit.value = vlm.fit;
  style.value = vlm.promptStyle;
  anyres.checked = vlm.anyres;

  const fillSizes = (): void => {
    const modelSize = vlm.info?.size ?? 0;
    const all = new Set([...sizes, modelSize, vlm.size]);
    all.delete(0);
    size.replaceChildren();
    for (const each of [...all].sort((a, b) => a - b)) {
      size.add(new Option(`${each} px`, String(each)));
    }
    if (!modelSize) size.add(new Option("Model default", "0"), 0);
    size.value = String(vlm.size || modelSize);
    noteSize();
  };

  const noteSize = (): void => {
    const { info } = vlm;
    const chosen = vlm.size || info?.size;
    // The element reports a size that is no multiple of 64 when it starts.
    if (!chosen || chosen % 64 !== 0) {
      setText("size-note", "");
      return;
    }
    const tokens = (chosen / 64) ** 2 * (vlm.anyres ? 5 : 1);
    const note = `${tokens.toLocaleString("en")} image tokens.`;
    const trained = info && `${info.name} was trained at ${info.size} px`;
    const other = info && chosen !== info.size;
    setText(
      "size-note",
      trained
        ? `${note} ${trained}${other ? "; other sizes lose detail or take longer" : ""}.`
        : note,
    );
  };

  size.addEventListener("change", () => {
    vlm.size = Number(size.value);
    noteSize();
  });
  prompt.addEventListener("change", () => {
    if (prompt.value.trim()) vlm.prompt = prompt.value;
    else prompt.value = vlm.prompt;
  });
  fit.addEventListener("change", () => {
    vlm.fit = fit.value as FastVlmElement["fit"];
  });
  style.addEventListener("change", () => {
    vlm.promptStyle = style.value;
  });
  anyres.addEventListener("change", () => {
    vlm.anyres = anyres.checked;
    noteSize();
  });
  vlm.addEventListener("ready", fillSizes);
  fillSizes();
}
