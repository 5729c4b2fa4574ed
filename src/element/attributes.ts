import {
  LitElement,
  type ComplexAttributeConverter,
  type PropertyDeclarations,
  type PropertyValues,
} from "lit";
import type { Facing } from "../capture/camera";
import type { FolderFiles } from "../models/folder";
import type { Fit, Sampling } from "../shared/protocol";
import { adoptStyles } from "./adopt-styles";
import type { FastVlmEventMap } from "./events";
import { styles } from "./styles";

/** The attribute `source`. */
export type SourceName = "none" | "camera" | "screen" | "video" | "image";

/** The attribute `live`. */
export type Live = boolean | "changes";

/** Our events and those of every element; `error` and `ended` are ours. */
type Events = FastVlmEventMap &
  Omit<HTMLElementEventMap, keyof FastVlmEventMap>;

/** Removing an attribute restores the default. */
const attribute = { reflect: true, useDefault: true } as const;
const flag = { ...attribute, type: Boolean } as const;
const number = { ...attribute, type: Number } as const;
/** Any other value than `changes` means true, as for a boolean attribute. */
const liveConverter: ComplexAttributeConverter<Live> = {
  fromAttribute: (value) => (value === "changes" ? value : value !== null),
  toAttribute: (live) => (live === true ? "" : live || null),
};
/** Lit keeps these also when they are set before the element is defined. */
const property = { attribute: false } as const;

/** The options of the element: attributes and properties that may change at any
 * time. */
export class FastVlmAttributes extends LitElement {
  /** @internal */
  static override styles = styles;

  static override properties: PropertyDeclarations = {
    model: attribute,
    hub: attribute,
    modelBase: { ...attribute, attribute: "model-base" },
    wasmPaths: { ...attribute, attribute: "wasm-paths" },
    prompt: attribute,
    promptStyle: { ...attribute, attribute: "prompt-style" },
    source: attribute,
    for: attribute,
    facing: attribute,
    camera: attribute,
    fit: attribute,
    background: attribute,
    anyres: flag,
    size: number,
    dtype: attribute,
    device: attribute,
    backend: attribute,
    live: { ...attribute, converter: liveConverter },
    whileHidden: { ...flag, attribute: "while-hidden" },
    draft: attribute,
    gate: number,
    loading: attribute,
    maxTokens: { ...number, attribute: "max-tokens" },
    mutedText: { ...flag, attribute: "muted-text" },
    name: attribute,
    disabled: flag,
    sampling: property,
    stream: property,
    file: property,
    folder: property,
    worker: property,
    fetch: property,
    signal: property,
  };

  /** A registered name, `owner/name[@revision]` on the hub, or the URL of a
   * folder. */
  declare model: string;
  /** URL of a hub that is compatible with huggingface.co, the default. */
  declare hub: string;
  /** Folder that contains `models/NAME/` of the bundled models; empty: the
   * page's folder. */
  declare modelBase: string;
  /** Folder of ONNX Runtime's .wasm files; empty: the worker's folder. */
  declare wasmPaths: string;
  /** The prompt; with `live` it is sent with every frame. */
  declare prompt: string;
  /** Chat prompt preset: `reference` (Apple's `predict.py`) or `demo` (the
   * transformers.js demo). */
  declare promptStyle: string;
  /** What `start` opens: `camera`, `screen`, `none`, or the property `file` as
   * `video` or `image`. */
  declare source: SourceName;
  /** Id of a video, img or canvas element in the same document or shadow tree,
   * used instead of `source`. If that element is replaced by another with the
   * same id, the new one is used. */
  declare for: string;
  /** The camera that faces the `user` or the `environment`; empty: any. */
  declare facing: Facing;
  /** `deviceId` of a camera; empty: any. */
  declare camera: string;
  /** How an image is made square: `letterbox`, `crop` or `stretch`. */
  declare fit: Fit;
  /** Colour behind the transparent pixels of an image: `white`, `black`,
   * `#rgb` or `#rrggbb`. */
  declare background: string;
  /** Encodes a 2×2 grid of tiles in addition to the whole image, for documents:
   * five times the image tokens. */
  declare anyres: boolean;
  /** Encoder input size in pixels, a multiple of 64; 0: the model's. */
  declare size: number;
  /** `auto`, `fp32`, `fp16`, `q8`, `int8`, `uint8`, `q4`, `q4f16`, or one for each graph:
   * `vision_encoder=fp16,…`. */
  declare dtype: string;
  /** `auto`, `webgpu` or `wasm`. */
  declare device: string;
  /** `auto`: our own backend if it works here, otherwise ONNX Runtime; `ort`:
   * always ONNX Runtime. */
  declare backend: string;
  /** Captions a live source continuously; a still image is captioned again
   * whenever it changes. `changes`: captions only frames that differ from the last
   * captioned one by `gate`, which is then 0.02 by default. */
  declare live: Live;
  /** Live captions continue while the page is hidden, for sources such as a shared
   * screen. */
  declare whileHidden: boolean;
  /** `live`: live captions use the previous answer as a draft of the next one,
   * which saves time and never changes the text; `off`: no drafts. */
  declare draft: string;
  /** A live frame that differs less than this from the last encoded one is not
   * encoded: from 0 (off) to 1. */
  declare gate: number;
  /** When the model is loaded: `manual`, by `start`, `ask` or `load()`;
   * `visible`, once the element is in the viewport; `eager`, at once. */
  declare loading: "manual" | "visible" | "eager";
  /** Maximum number of tokens in an answer. */
  declare maxTokens: number;
  /** Neither shows nor announces captions; the events still report them. */
  declare mutedText: boolean;
  /** Name of the form field that holds the last caption. */
  declare name: string;
  /** Disables the buttons and leaves the caption out of the form. */
  declare disabled: boolean;

  /** How tokens are sampled; default: the most likely token (greedy). */
  declare sampling: Partial<Sampling>;
  /** Used instead of `source`. Its owner stops its tracks. */
  declare stream: MediaStream | undefined;
  /** The file of the sources `video` and `image`; of several files, the first one
   * is used. */
  declare file: Blob | FileList | readonly Blob[] | undefined;
  /** Files of a local folder, used instead of `model`. */
  declare folder: FolderFiles | undefined;
  /** Function that starts the worker, for bundlers that do not detect the
   * worker by themselves. Elements with the same function share workers. */
  declare worker: (() => Worker) | undefined;
  /** Replaces the global `fetch` for model files. */
  declare fetch: typeof globalThis.fetch | undefined;
  /** Aborting it stops the element, which cannot start while this signal is
   * aborted. */
  declare signal: AbortSignal | undefined;

  readonly #defaults: ReadonlyMap<PropertyKey, unknown>;

  /** Literals, which the custom elements manifest reads; a test compares them
   * with those of sessions. */
  constructor() {
    super();
    this.model = "";
    this.hub = "";
    this.modelBase = "";
    this.wasmPaths = "";
    this.prompt = "Describe the image.";
    this.promptStyle = "reference";
    this.source = "none";
    this.for = "";
    this.facing = "";
    this.camera = "";
    this.fit = "letterbox";
    this.background = "white";
    this.anyres = false;
    this.size = 0;
    this.dtype = "auto";
    this.device = "auto";
    this.backend = "auto";
    this.live = false;
    this.whileHidden = false;
    this.draft = "live";
    this.gate = 0;
    this.loading = "manual";
    this.maxTokens = 128;
    this.mutedText = false;
    this.name = "";
    this.disabled = false;
    this.sampling = {};
    const { elementProperties } = FastVlmAttributes;
    this.#defaults = new Map(
      [...elementProperties.keys()].map((key) => [key, Reflect.get(this, key)]),
    );
  }

  /** Frameworks unset a property by assigning null or undefined. */
  protected override willUpdate(changed: PropertyValues<this>): void {
    for (const key of changed.keys()) {
      const value: unknown = Reflect.get(this, key);
      if (value === null || value === undefined) {
        Reflect.set(this, key, this.#defaults.get(key));
      }
    }
  }

  protected override createRenderRoot(): HTMLElement | DocumentFragment {
    if (this.ownerDocument === document) return super.createRenderRoot();
    const root = this.attachShadow({ mode: "open" });
    adoptStyles(root, styles);
    return root;
  }

  /** Style sheets belong to one document, so a move to another drops them. */
  adoptedCallback(): void {
    if (this.shadowRoot) adoptStyles(this.shadowRoot, styles);
  }

  override addEventListener<K extends keyof Events>(
    type: K,
    listener: (this: this, event: Events[K]) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
  override addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject,
    options?: boolean | AddEventListenerOptions,
  ): void;
  override addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject,
    options?: boolean | AddEventListenerOptions,
  ): void {
    super.addEventListener(type, listener, options);
  }

  override removeEventListener<K extends keyof Events>(
    type: K,
    listener: (this: this, event: Events[K]) => void,
    options?: boolean | EventListenerOptions,
  ): void;
  override removeEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject,
    options?: boolean | EventListenerOptions,
  ): void;
  override removeEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject,
    options?: boolean | EventListenerOptions,
  ): void {
    super.removeEventListener(type, listener, options);
  }
}
