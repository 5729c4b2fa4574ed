import type { FastVlmElement } from "../../index";
import { byId, check, onCheck } from "./dom";

/** The prompt: a preset or custom text. */
export function setUpPrompt(vlm: FastVlmElement): void {
  const prompt = byId("prompt", HTMLInputElement);
  prompt.value = vlm.prompt;
  if (!check("preset", vlm.prompt)) check("preset", "");

  onCheck("preset", (value) => {
    if (value) {
      vlm.prompt = prompt.value = value;
    } else {
      prompt.focus();
      prompt.select();
    }
  });
  prompt.addEventListener("input", () => {
    vlm.prompt = prompt.value;
    if (!check("preset", prompt.value)) check("preset", "");
  });
}
