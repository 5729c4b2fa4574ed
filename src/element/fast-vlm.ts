import {
  LitElement,
  type PropertyDeclarations,
  type PropertyValues,
  type TemplateResult,
} from "lit";
import type { Facing } from "../camera";
import type { VlmError } from "../shared/errors";
import type { Answer, Frame, ModelInfo, Sampling } from "../shared/protocol";
import { Controller } from "./controller";
import { emit, type FastVlmEventMap } from "./events";
import type { AskOptions, Source } from "./options";
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
export class FastVlm extends LitElement {
  static override styles = styles;
  static override properties: PropertyDeclarations = {
    model: { reflect: true },
    prompt: { reflect: true },
    source: { reflect: true },
    facing: { reflect: true },
    camera: { reflect: true },
    size: { type: Number, reflect: true },
    dtype: { reflect: true },
    device: { reflect: true },
    live: { type: Boolean, reflect: true },
    loading: { attribute: "load", reflect: true },
    maxTokens: { type: Number, attribute: "max-tokens", reflect: true },
  };

  /** URL of a model folder. */
  declare model: string;
  declare prompt: string;
  declare source: Source;
  /** `user` or `environment`; empty: either. */
  declare facing: Facing;
  /** `deviceId` of a camera; empty: any. */
  declare camera: string;
  /** Side of the encoder's input, a multiple of 64; 0: the model's own. */
  declare size: number;
  declare dtype: string;
  declare device: string;
  /** Caption one frame after another. */
  declare live: boolean;
  /** The attribute `load`: `manual`, or `eager` for at once. */
  declare loading: "manual" | "eager";
  declare maxTokens: number;

  sampling: Partial<Sampling> = {};
  /** The file of the sources `video` and `picture`. */
  file: Blob | undefined;
  /** Another way to start the worker, for bundlers that lose it. */
  worker: (() => Worker) | undefined;

  readonly #internals = this.attachInternals();
  readonly #controller: Controller;

  constructor() {
    super();
    this.model = "";
    this.prompt = "Describe the image.";
    this.source = "none";
    this.facing = "";
    this.camera = "";
    this.size = 0;
    this.dtype = "fp32";
    this.device = "auto";
    this.live = false;
    this.loading = "manual";
    this.maxTokens = 128;
    this.#controller = new Controller(this);
    this.#internals.states.add(this.state);
  }

  get state(): State {
    return stateOf(this.#controller.status.facts);
  }

  /** The model in use. */
  get info(): ModelInfo | undefined {
    return this.#controller.info;
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

  /**
   * Answers about a picture, or about the frozen or newest frame. A frame or
   * bitmap is consumed. Aborted meanwhile, the answer has finish `abort`.
   */
  ask(source?: Blob | Frame | null, options: AskOptions = {}): Promise<Answer> {
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
    listener: (this: FastVlm, event: FastVlmEventMap[K]) => void,
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
    return view(this.#controller, state, error);
  }
}
