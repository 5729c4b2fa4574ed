import type { License } from "../shared/models";

/** Apple's terms for the weights of FastVLM: research purposes only. */
export const appleLicense: License = {
  id: "apple-amlr",
  name: "Apple Machine Learning Research Model License: for research purposes only",
  url: "https://huggingface.co/apple/FastVLM-0.5B/blob/main/LICENSE",
};

/** A model known by a name of its own. */
export interface RegistryEntry {
  readonly name: string;
  readonly title: string;
  /** Under `./models/` beside the page. */
  readonly carried?: true;
  /** On the hub, in the published ONNX contract. */
  readonly hub?: string;
  /** On the hub, as PyTorch left it: to be converted. */
  readonly checkpoint?: string;
  readonly license?: License;
}

export const registry: readonly RegistryEntry[] = [
  { name: "nano", title: "nano", carried: true },
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

/** What turns a checkpoint into a folder that can be opened here. */
export const converter = "python tools/convert";
