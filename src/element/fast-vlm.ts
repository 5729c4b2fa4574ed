import type { PropertyValues, TemplateResult } from "lit";
import { acceptLicense } from "../models/license";
import { registry } from "../models/registry";
import type { VlmError } from "../shared/errors";
import type { ModelReport, StoredModel } from "../shared/models";
import type { Answer, ModelInfo } from "../shared/protocol";
import { Controller } from "./controller";
import { emit, type ProgressDetail } from "./events";
import { FormAssociatedElement } from "./form-associated";
import type { AskOptions, InspectOptions } from "./options";
import { looking } from "./lazy";
import { stateOf, type State } from "./state";
import { view } from "./view";
import { onVisible } from "./on-visible";
import { onMessagesAdded } from "./languages";

/** Which model, and from where. */
const ofModel = [
  ...["loading", "model", "hub", "modelBase", "wasmPaths", "folder"],
  ...["dtype", "device", "path", "worker", "fetch"],
] as const;

/**
 * Looks at a camera, a screen, a video or a picture and says what it sees.
 *
 * Nothing is downloaded until it is started, asked or told to load. Elements of
 * one model share one worker and one set of weights. In a form its value is the
 * last caption. Light or dark is as the `color-scheme` of the page says.
 *
 * What a method promises rejects with a `VlmError`: its code, what it was about
 * and what to do. What `load`, `ask`, `start` and `freeze` fail with, the event
 * `error` tells, too, unless somebody stopped them (`aborted`).
 *
 * @tag fast-vlm
 * @summary A vision-language model in a tag: camera in, caption out.
 *
 * @attr {string} lang - of the captions and its own words; others: `addWords`
 *
 * @fires {CustomEvent<ProgressDetail>} modelprogress - how far loading has come
 * @fires {CustomEvent<ModelInfo>} ready - the model is there
 * @fires {CustomEvent<FrameDetail>} frame - a frame was handed to the model
 * @fires {CustomEvent<TokenDetail>} token - a token was added to the caption
 * @fires {CustomEvent<CaptionDetail>} caption - one is complete, with its timings
 * @fires {CustomEvent<StateDetail>} statechange - `state` became another
 * @fires {CustomEvent<null>} ended - others ended the stream, or the sharing
 * @fires {CustomEvent<ErrorDetail>} error - what failed, and what to do
 *
 * @slot poster - stands where the picture will be
 * @slot overlay - lies over the picture
 * @slot controls - instead of the buttons
 * @slot error - instead of the words about what failed
 *
 * @csspart stage - holds the picture and what lies over it
 * @csspart video - a live source
 * @csspart still - a frozen frame, or a picture
 * @csspart poster - holds the slot of that name
 * @csspart overlay - holds the slot of that name
 * @csspart status - the state in a word
 * @csspart progress - how far loading has come
 * @csspart caption - holds the text, the hint or the error
 * @csspart text - the caption
 * @csspart hint - what stands there before the first caption
 * @csspart error - what failed, and what to do
 * @csspart controls - holds the buttons
 * @csspart button - each button
 * @csspart start - the button that starts
 * @csspart stop - the button that stops
 * @csspart freeze - the button that holds the picture
 * @csspart resume - the button that lets it go on
 * @csspart cancel - the button that ends loading
 *
 * @cssprop [--fast-vlm-accent=light-dark(#0b6b5d, #5fd3bf)] - caret, focus, start
 * @cssprop [--fast-vlm-on-accent=light-dark(#fff, #06201b)] - text on it
 * @cssprop [--fast-vlm-error=light-dark(#a5281c, #ff9d94)] - what failed
 * @cssprop [--fast-vlm-muted=light-dark(#5b666b, #9aa7ad)] - hint, old caption
 * @cssprop [--fast-vlm-stage=#14181b] - behind the picture
 * @cssprop [--fast-vlm-on-stage=#e9eef0] - text on it
 * @cssprop [--fast-vlm-aspect=4 / 3] - of the stage
 * @cssprop [--fast-vlm-max-height=70svh] - of the stage, so that the caption is in sight
 * @cssprop [--fast-vlm-radius=12px] - of the stage's corners
 * @cssprop [--fast-vlm-lines=3] - lines of caption to keep room for
 * @cssprop [--fast-vlm-caption-size=clamp(1.25rem, 1rem + 1vw, 1.625rem)] - of its text
 *
 * @cssstate idle - no model is loaded
 * @cssstate loading - the model arrives
 * @cssstate warming - the model is made ready
 * @cssstate ready - the model is there, and nothing goes on
 * @cssstate seeing - it looks at a frame
 * @cssstate speaking - the caption comes, token by token
 * @cssstate paused - a frame is held, or the page is hidden
 * @cssstate failed - see the event `error`
 */
export class FastVlmElement extends FormAssociatedElement {
  /** Models that are known by a name. */
  static readonly registry = registry;
  static override get observedAttributes(): string[] {
    return [...super.observedAttributes, "lang"];
  }

  readonly #controller = new Controller(this);
  /** From connected to disconnected. */
  #connection = new AbortController();
  #visible = false;

  constructor() {
    super();
    this.internals.states.add(this.state);
  }

  /** What goes on, in a word; also as `:state()`. */
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
    return this.#controller.said.text;
  }

  /**
   * Loads the model the attributes name, unless it is loaded. Once
   * `options.signal` aborts it rejects with `aborted`.
   */
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

  /** Deletes what is kept of the model of a `key` that `stored` gave; loaded, it
   * goes on running. */
  removeStored(key: string): Promise<void> {
    return this.#controller.models.lease.remove(key);
  }

  /** A person has agreed to the licence of this id; kept in this browser. */
  acceptLicense(id: string): void {
    acceptLicense(id);
  }

  /** Ends a load: it rejects with `aborted`, and the next one resumes. What was
   * started and still waits for its first model stops. */
  cancelLoad(): void {
    this.#controller.cancelLoad();
  }

  /**
   * Answers about `options.source`, or about the held or newest frame; without
   * a prompt, the attribute's. Aborted meanwhile, the answer has finish `abort`
   * and what was said so far; before its turn it rejects with `aborted`.
   */
  ask(prompt?: string, options: AskOptions = {}): Promise<Answer> {
    return this.#controller.ask(prompt, options);
  }

  /**
   * Opens the source, and loads the model. It is captioned until stopped if
   * `live`, a still picture once; otherwise `ask` asks about it.
   */
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
    this.internals.states.delete(previous);
    this.internals.states.add(state);
    emit(this, "statechange", { state, previous });
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#settle();
    // Later than the first time nothing else tells it.
    if (this.hasUpdated) this.#preload();
  }

  /** Moved without being taken out: everything goes on. */
  connectedMoveCallback(): void {
    this.#settle();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#connection.abort();
  }

  override attributeChangedCallback(
    name: string,
    before: string | null,
    value: string | null,
  ): void {
    super.attributeChangedCallback(name, before, value);
    if (name === "lang") this.requestUpdate();
  }

  formResetCallback(): void {
    this.formStateRestoreCallback(null);
  }

  /** What the browser kept of a page that somebody comes back to. */
  formStateRestoreCallback(caption: string | null): void {
    this.captioned(caption);
    this.#controller.said.text = caption ?? "";
    this.requestUpdate();
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    super.willUpdate(changed);
    if (changed.has("signal")) this.#controller.heed(this.signal);
    this.#controller.follow(changed.size > 0);
    // Sharing a screen takes a recent click: it cannot wait for a download.
    if (changed.has("source") && this.source === "screen") {
      looking().catch(() => undefined);
    }
    if (ofModel.some((name) => changed.has(name))) this.#preload();
  }

  protected override render(): TemplateResult {
    return view(this.#controller, this);
  }

  /** Heeds what is around it, from here on. */
  #settle(): void {
    this.#connection.abort();
    this.#connection = new AbortController();
    const { signal } = this.#connection;
    onMessagesAdded(this, () => this.requestUpdate(), signal);
    this.#visible = false;
    onVisible(this, signal, () => {
      this.#visible = true;
      if (this.loading === "visible") this.#preload();
    });
    this.requestUpdate();
  }

  /** Loads what is not to wait for a question. */
  #preload(): void {
    if (!this.isConnected) return;
    const wanted =
      this.loading === "visible" ? this.#visible : this.loading === "eager";
    if (wanted) this.#controller.preload();
  }
}
