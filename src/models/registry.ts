import type { License } from "../shared/models";

/** Apple's licence of the FastVLM weights: research purposes only. */
export const appleLicense: License = {
  id: "apple-amlr",
  name: "Apple Machine Learning Research Model License: for research purposes only",
  url: "https://huggingface.co/apple/FastVLM-0.5B/blob/main/LICENSE",
};

/** A model with a short name. */
export interface RegistryEntry {
  readonly name: string;
  readonly title: string;
  /** Deployed with the page, under `./models/`. */
  readonly bundled?: true;
  /** Hub id of the ONNX export. */
  readonly hub?: string;
  /** Hub id of the PyTorch checkpoint, which has to be converted. */
  readonly checkpoint?: string;
  readonly license?: License;
}

export const registry: readonly RegistryEntry[] = [
  { name: "nano", title: "nano", bundled: true },
  {
    name: "fastvlm-0.5b",
    title: "FastVLM 0.5B",
    hub: "onnx-community/FastVLM-0.5B-ONNX",
    checkpoint: "apple/FastVLM-0.5B",
    license: appleLicense,
  },
  {
    name: "fastvlm-1.5b",
    title: "FastVLM 1.5B",
    checkpoint: "apple/FastVLM-1.5B",
    license: appleLicense,
  },
  {
    name: "fastvlm-7b",
    title: "FastVLM 7B",
    checkpoint: "apple/FastVLM-7B",
    license: appleLicense,
  },
];

/** Converts a checkpoint into a model folder. */
export const converter = "python tools/convert";
