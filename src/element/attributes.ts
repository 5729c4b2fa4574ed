import type { PropertyDeclarations, PropertyValues } from "lit";
import type { Facing } from "../capture/camera";
import type { FolderFiles } from "../models/folder";
import type { Fit, Sampling } from "../shared/protocol";
import { Dressed } from "./dressed";
import type { FastVlmEventMap } from "./events";
import type { SourceName } from "./options";

/** Ours, and those of every element; `error` and `ended` are ours. */
type Events = FastVlmEventMap &
  Omit<HTMLElementEventMap, keyof FastVlmEventMap>;

/** As authors set it, and as they find it again when they take it away. */
const attribute = { reflect: true, useDefault: true } as const;
const flag = { ...attribute, type: Boolean } as const;
const number = { ...attribute, type: Number } as const;
/** Rich values: kept also when set before the element is defined. */
const property = { attribute: false } as const;

/** What an author sets, in markup or by script; each may change at any time. */
export class FastVlmAttributes extends Dressed {
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
    anyres: flag,
    size: number,
    dtype: attribute,
    device: attribute,
    path: attribute,
    live: flag,
    draft: attribute,
    gate: number,
    loading: { ...attribute, attribute: "load" },
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

  /**
   * Which model: a registered name, `owner/name[@revision]` on the hub, or the
   * address of a folder.
   */
  declare model: string;
  /** Endpoint of another hub than huggingface.co. */
  declare hub: string;
  /** Where `models/NAME/` of the names in the registry is; else the page's. */
  declare modelBase: string;
  /** Folder of ONNX Runtime's .wasm files, if they are not by the worker. */
  declare wasmPaths: string;
  /** The question; live captions ask it of every frame. */
  declare prompt: string;
  /** The conversation's form: `reference`, Apple's own, or `demo`. */
  declare promptStyle: string;
  /** What `start` opens: `camera`, `screen`, or `none`; of the property `file`:
   * `video` or `picture`. */
  declare source: SourceName;
  /** Instead of a source: the id of a video, image or canvas in the same
   * document or shadow tree. It is left as it is, and may be replaced. */
  declare for: string;
  /** The camera that looks at the `user`, or at the `environment`. */
  declare facing: Facing;
  /** `deviceId` of a camera; empty: any. */
  declare camera: string;
  /** How a picture becomes square: `letterbox`, `crop` or `stretch`. */
  declare fit: Fit;
  /** A 2x2 grid besides the whole, for documents: five times the tokens. */
  declare anyres: boolean;
  /** Side of the encoder's input in pixels, a multiple of 64; 0: the model's. */
  declare size: number;
  /** `auto`, `fp32`, …, or by graph: `vision_encoder=fp16,…`. */
  declare dtype: string;
  /** `auto`, `webgpu` or `wasm`. */
  declare device: string;
  /** `auto`, or `plain` to run the graphs as they were published. */
  declare path: string;
  /** Caption one frame after another; a still picture, whenever it changes. */
  declare live: boolean;
  /** `live`: the last caption is tried as a draft of the next; or `off`. */
  declare draft: string;
  /** Live frames that differ less than this from the last one encoded, of 0
   * (off) to 1, are not encoded. */
  declare gate: number;
  /** The attribute `load`, when the model comes: `manual`, with `start`, `ask`
   * or `load()`; `visible`, once the element is on the screen; or `eager`. */
  declare loading: "manual" | "visible" | "eager";
  /** Tokens that an answer may have. */
  declare maxTokens: number;
  /** Neither show nor announce captions: who listens to the events does. */
  declare mutedText: boolean;
  /** Under which a form has the last caption. */
  declare name: string;
  /** A form does not get the caption, and the buttons do nothing. */
  declare disabled: boolean;

  /** How tokens are chosen; without it the likeliest. */
  declare sampling: Partial<Sampling>;
  /** Looked at instead of a source; whoever made it ends it. */
  declare stream: MediaStream | undefined;
  /** The file of the sources `video` and `picture`. */
  declare file: Blob | undefined;
  /** Files of a folder of this machine, used instead of `model`. */
  declare folder: FolderFiles | undefined;
  /** Another way to start the worker, for bundlers that lose it. Elements with
   * the same function share one; each new function starts a worker of its own. */
  declare worker: (() => Worker) | undefined;
  /** Asked instead of the network for the files of models. */
  declare fetch: typeof globalThis.fetch | undefined;
  /** Ends what goes on when it aborts, and lets nothing begin. */
  declare signal: AbortSignal | undefined;

  /** As if their author had never set them. */
  readonly #defaults: ReadonlyMap<PropertyKey, unknown>;

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
    this.anyres = false;
    this.size = 0;
    this.dtype = "auto";
    this.device = "auto";
    this.path = "auto";
    this.live = false;
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

  /** Frameworks take a property away by setting it to nothing. */
  protected override willUpdate(changed: PropertyValues<this>): void {
    for (const key of changed.keys()) {
      const value: unknown = Reflect.get(this, key);
      if (value === null || value === undefined) {
        Reflect.set(this, key, this.#defaults.get(key));
      }
    }
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
