import {
  LitElement,
  type PropertyDeclarations,
  type PropertyValues,
  type TemplateResult,
} from "lit";
import type { Facing } from "../camera";
import type { FolderFiles } from "../models/folder";
import { acceptLicense } from "../models/license";
import { registry } from "../models/registry";
import type { VlmError } from "../shared/errors";
import type { ModelReport, StoredModel } from "../shared/models";
import type { Answer, Fit, ModelInfo, Sampling } from "../shared/protocol";
import { Controller } from "./controller";
import { emit, type FastVlmEventMap, type ProgressDetail } from "./events";
import type { Given } from "./given";
import type { AskOptions, InspectOptions, Source } from "./options";
import { stateOf, type State } from "./state";
import { styles } from "./styles";
import { view } from "./view";

/**
 * Looks at a camera, a screen, a video or a picture and says what it sees.
 *
 * @fires modelprogress - bytes of the model, or its warming up
 * @fires ready - the model is loaded; `ModelInfo`
 * @fires frame - a frame was handed to the model
 * @fires token - a token was added to the caption
 * @fires caption - a caption is complete, with its timings
 * @fires statechange - `state` became another; also as `:state()`
 * @fires ended - the person ended the sharing of the screen
 * @fires error - what failed, and what to do
 * @slot empty - shown where the picture will be
 * @slot hint - shown where the caption will be
 * @csspart stage, video, still, status, progress, caption, error
 */
export class FastVlmElement extends LitElement {
  /** Models that are known by a name. */
  static readonly registry = registry;
  static override styles = styles;
  static override properties: PropertyDeclarations = {
    model: { reflect: true },
    hub: { reflect: true },
    prompt: { reflect: true },
    source: { reflect: true },
    facing: { reflect: true },
    camera: { reflect: true },
    promptStyle: { attribute: "prompt-style", reflect: true },
    fit: { reflect: true },
    anyres: { type: Boolean, reflect: true },
    size: { type: Number, reflect: true },
    dtype: { reflect: true },
    device: { reflect: true },
    path: { reflect: true },
    live: { type: Boolean, reflect: true },
    draft: { reflect: true },
    gate: { type: Number, reflect: true },
    loading: { attribute: "load", reflect: true },
    maxTokens: { type: Number, attribute: "max-tokens", reflect: true },
  };

  /** A registered name, `owner/name[@revision]` of a hub, or a folder's URL. */
  declare model: string;
  /** Endpoint of another hub than huggingface.co. */
  declare hub: string;
  declare prompt: string;
  /** The conversation's form: `reference`, Apple's own, or `demo`. */
  declare promptStyle: string;
  /** How a picture becomes square: `letterbox`, `crop` or `stretch`. */
  declare fit: Fit;
  /** A 2x2 grid besides the whole, for documents: five times the tokens. */
  declare anyres: boolean;
  declare source: Source;
  /** `user` or `environment`; empty: either. */
  declare facing: Facing;
  /** `deviceId` of a camera; empty: any. */
  declare camera: string;
  /** Side of the encoder's input, a multiple of 64; 0: the model's own. */
  declare size: number;
  /** `auto`, `fp32`, …, or by graph: `vision_encoder=fp16,…`. */
  declare dtype: string;
  declare device: string;
  /** `auto`, or `plain` to run the graphs as they were published. */
  declare path: string;
  /** Caption one frame after another. */
  declare live: boolean;
  /** `live`: the last caption is tried as a draft of the next; or `off`. */
  declare draft: string;
  /** Live frames that differ less than this from the last one encoded, of 0
   * (off) to 1, are not encoded. */
  declare gate: number;
  /** The attribute `load`: `manual`, or `eager` for at once. */
  declare loading: "manual" | "eager";
  declare maxTokens: number;

  sampling: Partial<Sampling> = {};
  /** Files of a folder of this machine, used instead of `model`. */
  folder: FolderFiles | undefined;
  /** The file of the sources `video` and `picture`. */
  file: Blob | undefined;
  /** Another way to start the worker, for bundlers that lose it. */
  worker: (() => Worker) | undefined;

  readonly #internals = this.attachInternals();
  readonly #controller: Controller;

  constructor() {
    super();
    this.model = "";
    this.hub = "";
    this.prompt = "Describe the image.";
    this.promptStyle = "reference";
    this.fit = "letterbox";
    this.anyres = false;
    this.source = "none";
    this.facing = "";
    this.camera = "";
    this.size = 0;
    this.dtype = "auto";
    this.device = "auto";
    this.path = "auto";
    this.live = false;
    this.draft = "live";
    this.gate = 0;
    this.loading = "manual";
    this.maxTokens = 128;
    this.#controller = new Controller(this);
    this.#internals.states.add(this.state);
  }

  get state(): State {
    return stateOf(this.#controller.status.facts);
  }

  /** The model in use, also while another one loads or after it failed to. */
  get info(): ModelInfo | undefined {
    return this.#controller.models.info;
  }

  /** How far loading has come; `undefined` while nothing loads. */
  get progress(): ProgressDetail | undefined {
    return this.#controller.models.progress;
  }

  /** A live source is open, or waited for. */
  get open(): boolean {
    return this.#controller.stage.open;
  }

  /** A picture is held: a frozen one, or the source `picture`. */
  get frozen(): boolean {
    return this.#controller.stage.frozen;
  }

  /** What failed last, until something is asked again. */
  get error(): VlmError | undefined {
    const { error, interruption } = this.#controller.status.facts;
    return error ?? interruption;
  }

  /** The caption, as far as it has come. */
  get text(): string {
    return this.#controller.text;
  }

  /** Loads the model the attributes name, unless it is loaded. */
  load(options: { signal?: AbortSignal } = {}): Promise<ModelInfo> {
    return this.#controller.load(options.signal);
  }

  /** What a model is and would cost; downloads none of its weights. */
  inspect(options: InspectOptions = {}): Promise<ModelReport> {
    return this.#controller.models.inspect(options);
  }

  /** The models of which something is kept in this browser. */
  stored(): Promise<StoredModel[]> {
    return this.#controller.models.lease.stored();
  }

  /** Deletes what is kept of a model; a loaded one goes on running. */
  removeStored(key: string): Promise<void> {
    return this.#controller.models.lease.remove(key);
  }

  /** A person has agreed to a licence; remembered in this browser. */
  acceptLicense(id: string): void {
    acceptLicense(id);
  }

  /** Ends a load: it rejects with `aborted`, and the next one resumes. */
  cancelLoad(): void {
    this.#controller.models.cancel();
  }

  /**
   * Answers about pictures, or about the frozen or newest frame. Frames and
   * bitmaps are consumed. Aborted meanwhile, the answer has finish `abort`.
   */
  ask(source?: Given, options: AskOptions = {}): Promise<Answer> {
    return this.#controller.ask(source, options);
  }

  /** Opens the source; captions it until stopped if `live`, a picture once. */
  start(): Promise<void> {
    return this.#controller.start();
  }

  /** Closes the source and ends what is being said, within one token. */
  stop(): void {
    this.#controller.stop();
  }

  /** Holds the newest frame, to ask about it. */
  freeze(): Promise<void> {
    return this.#controller.freeze();
  }

  /** Lets the source go on after `freeze`. */
  resume(): void {
    this.#controller.resume();
  }

  /** Frees the model and everything else; a later call starts anew. */
  dispose(): void {
    this.#controller.dispose();
  }

  /** @internal */
  stateChanged(state: State, previous: State): void {
    this.#internals.states.delete(previous);
    this.#internals.states.add(state);
    emit(this, "statechange", { state, previous });
  }

  override addEventListener<K extends keyof FastVlmEventMap>(
    type: K,
    listener: (this: FastVlmElement, event: FastVlmEventMap[K]) => void,
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

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has("loading") && this.loading === "eager") {
      // What fails, an event tells.
      this.load().catch(() => undefined);
    }
    this.#controller.follow();
  }

  protected override render(): TemplateResult {
    const { error, state } = this;
    const cancel = (): void => this.cancelLoad();
    return view(this.#controller, state, error, cancel);
  }
}
