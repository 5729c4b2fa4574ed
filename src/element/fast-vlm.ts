import type { PropertyValues, TemplateResult } from "lit";
import { acceptLicense } from "../models/license";
import { registry } from "../models/registry";
import {
  environmentRules,
  modelRules,
  type ModelOptions,
} from "../session/options";
import type { VlmError } from "../shared/errors";
import type { ModelReport, StoredModel } from "../shared/models";
import type { ModelInfo } from "../shared/protocol";
import { FastVlmAttributes } from "./attributes";
import { Controller, type AskOptions } from "./controller";
import {
  emit,
  type CaptionDetail,
  type ConversationEntry,
  type ProgressDetail,
} from "./events";
import { onTextsChange } from "./languages";
import type { State } from "./state";
import { view } from "./view";

/** The attributes that name another model, or another way to load it. */
const loadOptions = { ...environmentRules, ...modelRules };
const modelAttributes = [
  "loading",
  ...(Object.keys(loadOptions) as (keyof typeof loadOptions)[]),
] as const;

/**
 * Captions a camera, a screen, a video or an image, and answers questions about
 * it.
 *
 * By default, the model is downloaded by the first `start()`, `ask()` or
 * `load()`. Elements with the same model share one worker and one set of weights.
 * In a form, the element's value is the last caption. Caption, value and conversation
 * are cleared when the user leaves the page, and the browser does not restore them.
 * Colours follow the page's `color-scheme`.
 *
 * Methods reject with a `VlmError`, which has a code and says what failed and
 * what to do next. The event `error` also reports the failures of `load()`,
 * `ask()`, `start()` and `freeze()`, except `aborted`.
 *
 * @tag fast-vlm
 * @summary A vision-language model in a tag: camera in, caption out.
 *
 * @attr {string} lang - Language of the UI, also set on the caption; add other languages with `addTexts`.
 *
 * @fires {CustomEvent<ProgressDetail>} modelprogress - progress of a load; `retryIn` is set while a load or `inspect()` waits for a server that limits requests
 * @fires {CustomEvent<ModelInfo>} ready - a model is loaded
 * @fires {CustomEvent<ModelInfo>} backendchange - the model has changed its backend after `ready`, or keeps the one that it has
 * @fires {CustomEvent<FrameDetail>} frame - a frame was passed to the model
 * @fires {CustomEvent<TokenDetail>} token - a token was added to the caption
 * @fires {CustomEvent<CaptionDetail>} caption - a caption is complete, with its timings
 * @fires {CustomEvent<ConversationDetail>} conversationchange - an entry of `conversation` was added, changed (also by each token) or removed
 * @fires {CustomEvent<StateDetail>} statechange - `state` changed
 * @fires {CustomEvent<null>} ended - the stream ended, or the user stopped sharing the screen
 * @fires {CustomEvent<ErrorDetail>} error - what failed, and what to do next
 *
 * @slot poster - shown in the stage while there is no image
 * @slot overlay - shown on top of the image
 * @slot controls - replaces the buttons
 * @slot error - replaces the error text
 *
 * @csspart stage - contains the image and the overlay
 * @csspart video - a live source
 * @csspart still - a frozen frame or an image
 * @csspart poster - contains the slot of that name
 * @csspart overlay - contains the slot of that name
 * @csspart status - the state as an icon and a word
 * @csspart progress - progress of a load
 * @csspart caption - contains the text, the hint or the error
 * @csspart text - the caption
 * @csspart hint - shown before the first caption
 * @csspart error - what failed, and what to do next
 * @csspart controls - contains the buttons
 * @csspart button - each button
 * @csspart start - the start button
 * @csspart stop - the stop button
 * @csspart freeze - the freeze button
 * @csspart resume - the resume button
 * @csspart cancel - the button that cancels a load
 *
 * @cssprop [--fast-vlm-accent=light-dark(#0b6b5d, #5fd3bf)] - caret, focus ring and start button
 * @cssprop [--fast-vlm-on-accent=light-dark(#fff, #06201b)] - text on the accent colour
 * @cssprop [--fast-vlm-error=light-dark(#a5281c, #ff9d94)] - error text
 * @cssprop [--fast-vlm-muted=light-dark(#5b666b, #9aa7ad)] - hint
 * @cssprop [--fast-vlm-stage=#14181b] - background of the stage
 * @cssprop [--fast-vlm-on-stage=#e9eef0] - text on the stage
 * @cssprop [--fast-vlm-aspect=4 / 3] - aspect ratio of the stage
 * @cssprop --fast-vlm-source-aspect - aspect ratio of the last image, such as `1280 / 720`; the element sets it on the part `stage`
 * @cssprop [--fast-vlm-max-height=70svh] - maximum height of the stage, so that the caption stays visible
 * @cssprop [--fast-vlm-radius=12px] - corner radius of the stage
 * @cssprop [--fast-vlm-lines=3] - lines that are reserved for the caption, once there is one
 * @cssprop [--fast-vlm-caption-size=clamp(1.25rem, 1rem + 1vw, 1.625rem)] - font size of the caption
 *
 * @cssstate idle - no model is loaded
 * @cssstate loading - a model is being loaded
 * @cssstate warming - a model is being warmed up
 * @cssstate ready - the model is loaded and idle
 * @cssstate seeing - the model is encoding a frame
 * @cssstate speaking - the model is generating the caption
 * @cssstate paused - a frame is frozen, or the page is hidden
 * @cssstate failed - the last operation failed; see the event `error`
 */
export class FastVlmElement extends FastVlmAttributes {
  static readonly formAssociated = true;
  /** The models that have a name of their own. */
  static readonly registry = registry;
  static override get observedAttributes(): string[] {
    return [...super.observedAttributes, "lang"];
  }

  readonly #internals = this.attachInternals();
  readonly #controller = new Controller(this);
  /** From connected to disconnected. */
  #connection = new AbortController();
  #visible = false;
  #fieldsetDisabled = false;
  #value: string | null = null;

  constructor() {
    super();
    this.#internals.states.add(this.state);
  }

  /** What the element is doing; also a CSS state, `:state(seeing)`. */
  get state(): State {
    return this.#controller.status.state;
  }

  /** The model in use. It stays in use while another one loads, and if that load
   * fails. */
  get info(): ModelInfo | undefined {
    return this.#controller.info;
  }

  /** Progress of the load; `undefined` while nothing loads. */
  get progress(): ProgressDetail | undefined {
    return this.#controller.status.conditions.progress;
  }

  /** Whether a live source is open, or the element waits for it. */
  get open(): boolean {
    return this.#controller.preview.open;
  }

  /** Whether a still image is shown: a frozen frame, or `source="image"`. */
  get frozen(): boolean {
    return this.#controller.preview.still !== undefined;
  }

  /** Shows the live source, for picture-in-picture and for the settings of a
   * camera's track. The element decides what it plays. */
  get video(): HTMLVideoElement {
    return this.#controller.preview.video;
  }

  /** The last failure; the next operation clears it. */
  get error(): VlmError | undefined {
    const { error, interruption } = this.#controller.status.conditions;
    return error ?? interruption;
  }

  /** The caption so far. */
  get text(): string {
    return this.#controller.status.caption.text;
  }

  /** Whether `text` ends before the answer did: at `max-tokens`, or because it was
   * frozen, stopped or aborted. The element shows “…” after it. */
  get cutOff(): boolean {
    return this.#controller.status.caption.cutOff;
  }

  /** The last complete caption, which is the form value; null before the first. */
  get value(): string | null {
    return this.#value;
  }

  /** The questions asked with `ask()` and their answers, oldest first; the last 100.
   * Each change makes a new array, with new objects for the entries that changed. */
  get conversation(): readonly ConversationEntry[] {
    return this.#controller.transcript.entries;
  }

  get form(): HTMLFormElement | null {
    return this.#internals.form;
  }

  get labels(): NodeList {
    return this.#internals.labels;
  }

  get type(): string {
    return this.localName;
  }

  /** @internal Disabled by itself or by a fieldset. */
  get isDisabled(): boolean {
    return this.disabled || this.#fieldsetDisabled;
  }

  /** Loads the model chosen by the attributes, unless it is loaded already.
   * Aborting `options.signal` rejects with `aborted`. */
  load(options: { signal?: AbortSignal } = {}): Promise<ModelInfo> {
    return this.#controller.load(options);
  }

  /** Reports a model's files, memory, licence and compatibility without
   * downloading its weights. Omitted options default to the attributes. */
  inspect(options: ModelOptions = {}): Promise<ModelReport> {
    return this.#controller.inspect(options);
  }

  /** Lists the models stored in this browser, including incomplete downloads. */
  stored(): Promise<StoredModel[]> {
    return this.#controller.models.stored();
  }

  /** Deletes the files of the model that `stored()` lists with this `key`; a
   * loaded model keeps running. */
  removeStored(key: string): Promise<void> {
    return this.#controller.models.removeStored(key);
  }

  /** Stores the user's consent to the licence with this id in this browser. */
  acceptLicense(id: string): void {
    acceptLicense(id);
  }

  /** Cancels a load, which rejects with `aborted`; the next load resumes the
   * download. If `start()` is waiting for the first model, the source is closed,
   * too. */
  cancelLoad(): void {
    this.#controller.cancelLoad();
  }

  /**
   * Answers a prompt about `options.source`, by default the frozen or newest
   * frame; the default prompt is the attribute's. Adds an entry to `conversation`; if
   * the model was trained for it, earlier questions about the same image are sent,
   * too. Resolves with the detail of the event `caption`. Rejects with `aborted` if the element is stopped or
   * `options.signal` aborts.
   */
  ask(prompt?: string, options: AskOptions = {}): Promise<CaptionDetail> {
    return this.#controller.ask(prompt, options);
  }

  /** Forgets the conversation; the next question has no history. */
  clearConversation(): void {
    this.#controller.transcript.clear();
  }

  /**
   * Opens the source and loads the model. With `live` it captions frames until
   * stopped. Otherwise it captions a still image once; a camera, screen or video
   * is captioned only when you call `ask`. While it is in progress, another call
   * returns the same promise.
   */
  start(): Promise<void> {
    return this.#controller.start();
  }

  /** Closes the source and ends the current answer within one token. */
  stop(): void {
    this.#controller.stop();
  }

  /** Freezes the newest frame, so that `ask` uses it. */
  freeze(): Promise<void> {
    return this.#controller.freeze();
  }

  /** Continues with the source after `freeze`. */
  resume(): void {
    this.#controller.resume();
  }

  /** Stops the element and releases the model. A later `load`, `start` or `ask`
   * loads it again. */
  dispose(): void {
    this.#controller.dispose();
  }

  /** @internal */
  stateChanged(state: State, previous: State): void {
    this.#internals.states.delete(previous);
    this.#internals.states.add(state);
    emit(this, "statechange", { state, previous });
  }

  /** @internal Sets the form value. */
  captioned(text: string | null): void {
    this.#value = text;
    // Without a state, which the browser would keep with its history.
    this.#internals.setFormValue(text, null);
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#observe();
    // The first time, `willUpdate` does.
    if (this.hasUpdated) this.#preload();
  }

  /** With this callback `moveBefore` does not disconnect the element. */
  connectedMoveCallback(): void {
    this.#observe();
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

  formDisabledCallback(disabled: boolean): void {
    this.#fieldsetDisabled = disabled;
    this.requestUpdate();
  }

  formResetCallback(): void {
    this.#controller.clearCaption();
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    super.willUpdate(changed);
    if (changed.has("signal")) {
      this.#controller.signalChanged(changed.get("signal"));
    }
    if (changed.has("background")) this.#controller.preview.paint();
    this.#controller.update(changed.size > 0);
    if (modelAttributes.some((name) => changed.has(name))) {
      this.#preload();
      this.#controller.modelChanged();
    }
  }

  protected override render(): TemplateResult {
    return view(this.#controller, this);
  }

  /** Observes language and visibility at the present place in the page. */
  #observe(): void {
    this.#connection.abort();
    this.#connection = new AbortController();
    const { signal } = this.#connection;
    onTextsChange(this, () => this.requestUpdate(), signal);
    this.ownerDocument.defaultView?.addEventListener(
      "pagehide",
      ({ persisted }) => {
        // The page may be shown again to somebody who goes back.
        if (persisted) this.#forget();
      },
      { signal },
    );
    this.#visible = false;
    const observer = new IntersectionObserver((entries) => {
      if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
      observer.disconnect();
      this.#visible = true;
      if (this.loading === "visible") this.#preload();
    });
    observer.observe(this);
    signal.addEventListener("abort", () => observer.disconnect());
    this.requestUpdate();
  }

  #forget(): void {
    this.#controller.clearCaption();
    this.#controller.transcript.clear();
  }

  #preload(): void {
    if (!this.isConnected) return;
    const wanted =
      this.loading === "visible" ? this.#visible : this.loading === "eager";
    if (wanted) this.#controller.preload();
  }
}
