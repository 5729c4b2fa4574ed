import type { FastVlmElement } from "../../index";
import { byId, setText } from "./dom";

/** Change detection and drafts, which apply from the next frame on. */
export function setUpSpeedOptions(vlm: FastVlmElement): void {
  const gate = byId("gate", HTMLInputElement);
  const draft = byId("draft", HTMLSelectElement);
  gate.value = String(vlm.gate);
  draft.value = vlm.draft;
  let frames = 0;
  let unchanged = 0;

  const note = (): void => {
    setText(
      "gate-note",
      vlm.gate > 0
        ? `${unchanged} of ${frames} frames were not encoded, because no part of them changed by ${Math.round(vlm.gate * 1000) / 10} % or more.`
        : "Every frame is encoded.",
    );
  };

  gate.addEventListener("change", () => {
    vlm.gate = Math.min(1, Math.max(0, gate.valueAsNumber || 0));
    gate.value = String(vlm.gate);
    frames = unchanged = 0;
    note();
  });
  draft.addEventListener("change", () => {
    vlm.draft = draft.value;
  });
  vlm.addEventListener("caption", ({ detail }) => {
    if (!detail.gated || detail.finish === "abort") return;
    frames += 1;
    unchanged += detail.unchanged;
    note();
  });
  note();
}
