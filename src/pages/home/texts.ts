import { panelEnglish, type PanelTexts } from "./panel-texts";
import type { SampleName } from "./samples";

/** The page's texts in one language; `texts-de.ts` has the German ones. */
export interface PageTexts {
  readonly lang: string;
  readonly tagline: string;
  /** Which model runs. */
  readonly model: (name: string) => string;
  readonly language: string;

  readonly stage: string;
  readonly useCamera: string;
  readonly tryCameraAgain: string;
  readonly orSample: string;
  readonly samples: Readonly<Record<SampleName, string>>;
  readonly openFile: string;
  readonly shareScreen: string;
  readonly dropHint: string;
  /** Subject of the sentences below. */
  readonly demoModel: (name: string) => string;
  /** `amount` is empty while unknown. */
  readonly modelLoading: (model: string, amount: string) => string;
  readonly modelPreparing: (model: string, amount: string) => string;
  readonly modelReady: (model: string) => string;
  readonly modelMissing: (model: string) => string;
  readonly firstOfFiles: (count: number) => string;
  readonly reset: string;
  readonly drop: string;

  readonly controls: string;
  readonly freeze: string;
  readonly resume: string;
  readonly close: string;
  readonly cancel: string;
  readonly switchCamera: string;
  readonly torch: string;
  readonly zoom: string;
  readonly pictureInPicture: string;
  readonly fullScreen: string;
  readonly allowCamera: string;
  readonly chooseScreen: string;
  readonly frozen: string;

  /** `time` has a unit: `0.4 s`. */
  readonly measured: (time: string, place: string) => string;
  /** Before the measurement of its answer. */
  readonly asked: (question: string) => string;
  readonly onGpu: string;
  readonly onCpu: string;
  readonly limits: (name: string) => string;
  readonly loadLarger: string;

  readonly panels: PanelTexts;
  /** Static texts of index.html, by `data-text`. */
  readonly titles: {
    readonly footer: string;
    readonly docs: string;
    readonly bench: string;
    readonly repository: string;
    readonly model: string;
    readonly image: string;
    readonly performance: string;
    readonly tag: string;
    readonly stored: string;
  };
}

export const pageEnglish: PageTexts = {
  lang: "en",
  tagline:
    "Describes what your camera sees. Everything runs in this tab: nothing leaves your device.",
  model: (name) => `Model: ${name}`,
  language: "Language",

  stage: "Picture and caption",
  useCamera: "Use my camera",
  tryCameraAgain: "Try the camera again",
  orSample: "or start with a sample",
  samples: {
    shapes: "Three shapes",
    star: "A star",
    word: "A word",
    clip: "A moving clip",
  },
  openFile: "Open an image or video",
  shareScreen: "Share the screen",
  dropHint: "You can also drop or paste an image or a video.",
  demoModel: (name) => `${name}, a small demo model,`,
  modelLoading: (model, amount) =>
    `${model} is loading${amount && ` (${amount})`}…`,
  modelPreparing: (model, amount) =>
    `${model} is being prepared${amount && ` (${amount})`}…`,
  modelReady: (model) => `${model} is ready.`,
  modelMissing: (model) => `${model} is not loaded yet.`,
  firstOfFiles: (count) => `Only the first of the ${count} files was opened.`,
  reset: "Start again with the default choices",
  drop: "Drop an image, a video or a model folder",

  controls: "Controls",
  freeze: "Freeze",
  resume: "Resume",
  close: "Close",
  cancel: "Cancel",
  switchCamera: "Switch camera",
  torch: "Torch",
  zoom: "Zoom",
  pictureInPicture: "Picture in picture",
  fullScreen: "Full screen",
  allowCamera: "Allow the camera when the browser asks.",
  chooseScreen: "Choose what to share when the browser asks.",
  frozen: "Frozen",

  measured: (time, place) => `${time} to the first word · ${place}`,
  asked: (question) => `“${question}”`,
  onGpu: "on your graphics card",
  onCpu: "on your processor",
  limits: (name) =>
    `${name} knows coloured shapes and short printed text only.`,
  loadLarger: "Load FastVLM-0.5B (0.8 to 1.1 GB, Apple’s research licence)",

  panels: panelEnglish,
  titles: {
    footer:
      "Images, questions and answers stay on this device. The page contacts other sites only to download the model that you choose.",
    docs: "Documentation",
    bench: "Benchmark",
    repository: "Source code",
    model: "Model",
    image: "Image options",
    performance: "Performance",
    tag: "Use it on your site",
    stored: "Stored models",
  },
};
