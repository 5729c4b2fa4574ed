import { expose, transferHandlers } from "comlink";
import { aborted } from "../shared/abort";
import { VlmError } from "../shared/errors";
import type { ModelReport, StoredModel } from "../shared/models";
import type {
  Answer,
  EventMessage,
  Frame,
  GenerateOptions,
  LoadOptions,
  ModelInfo,
  PromptInput,
  TokenCount,
  VlmWorker,
  WorkerEvent,
} from "../shared/protocol";
import { transferErrors } from "../shared/error-transfer";
import { fakeDtypes, fakeReport, sourceName } from "./fake-report";

transferErrors(transferHandlers);

/** What the fake worker does. */
export interface Script {
  /** Tokens of each answer, repeated in order. */
  readonly captions: readonly (readonly string[])[];
  /** No image differs from the one before. */
  readonly unchanged: boolean;
  /** Delay in ms between tokens, and between steps of loading. */
  readonly pace: number;
  readonly info: Partial<ModelInfo>;
  readonly report: Partial<ModelReport>;
  readonly stored: readonly StoredModel[];
  /** Thrown instead of loading. */
  readonly loadError?: VlmError;
  /** Thrown instead of a report. */
  readonly inspectError?: VlmError;
  /** Thrown instead of the answer to the nth request. */
  readonly runErrors?: Readonly<Record<number, VlmError>>;
}

const usual: Script = {
  captions: [
    ["A", " red", " circle", " on", " a", " white", " background", "."],
  ],
  unchanged: false,
  pace: 1,
  info: {},
  report: {},
  stored: [],
};

const total = 20_000_000;

/** A worker with scripted answers and no model. */
export class FakeVlm implements VlmWorker {
  readonly calls: string[] = [];
  readonly asked: GenerateOptions[] = [];
  /** Of the ImageBitmaps among the frames. */
  readonly widths: number[] = [];
  /** May be replaced between calls. */
  script: Script;
  #stored: readonly StoredModel[];
  /** Set by `fakeWorker`. */
  onEvent: (message: EventMessage) => void = () => undefined;
  /** The requests in progress, and which of them are aborted. */
  readonly #requests = new Map<number, { aborted: boolean }>();
  readonly #watchers = new Set<string>();
  #loadAborted = false;
  #runs = 0;

  constructor(script: Partial<Script> = {}) {
    this.script = { ...usual, ...script };
    this.#stored = this.script.stored;
  }

  configure(): void {
    // Nothing to configure.
  }

  async load(options: LoadOptions): Promise<ModelInfo> {
    const { loadError, info } = this.script;
    const { model, device, dtype } = options;
    const said = typeof dtype === "string" ? dtype : JSON.stringify(dtype);
    this.calls.push(`load ${sourceName(model)} ${said}`);
    this.#loadAborted = false;
    const progress = {
      type: "progress",
      ...{ loaded: total, total, rate: 0, elsewhere: false },
    } as const;
    for (let loaded = 0; loaded <= total; loaded += total / 10) {
      const left = (total - loaded) / 4e6;
      const now = { loaded, rate: 4e6, left };
      this.send({ ...progress, ...now, phase: "loading" });
      await this.#wait();
      if (this.#loadAborted) {
        throw new VlmError("aborted", "Loading was stopped.", "Load again.");
      }
    }
    if (loadError) throw loadError;
    for (const phase of ["preparing", "warming"] as const) {
      this.send({ ...progress, phase });
      await this.#wait();
    }
    return {
      name: "fake",
      device: device === "webgpu" ? device : "wasm",
      adapter: "CPU, 1 thread",
      dtypes: fakeDtypes,
      backend: "ort",
      size: 256,
      multiTurn: true,
      questions: ["Describe the image."],
      sizes: [256],
      contextLength: 512,
      bytes: total,
      memory: { gpu: 0, wasm: 2 * total },
      ...info,
    };
  }

  async inspect(requestId: number, options: LoadOptions): Promise<ModelReport> {
    this.calls.push(`inspect ${sourceName(options.model)}`);
    const request = { aborted: false };
    this.#requests.set(requestId, request);
    await this.#wait();
    this.#requests.delete(requestId);
    if (request.aborted) throw aborted();
    if (this.script.inspectError) throw this.script.inspectError;
    return { ...fakeReport(options), ...this.script.report };
  }

  stored(): Promise<StoredModel[]> {
    return Promise.resolve([...this.#stored]);
  }

  remove(key: string): Promise<void> {
    this.calls.push(`remove ${key}`);
    this.#stored = this.#stored.filter((model) => model.key !== key);
    return Promise.resolve();
  }

  async generate(
    requestId: number,
    frames: readonly Frame[],
    options: GenerateOptions,
  ): Promise<Answer> {
    const { captions, runErrors, unchanged } = this.script;
    const { messages, watcher } = options;
    this.asked.push(options);
    this.calls.push(`generate ${messages.at(-1)?.text}`);
    const start = performance.now();
    const since = (): number => performance.now() - start;
    for (const frame of frames) {
      if ("width" in frame) this.widths.push(frame.width);
      frame.close();
    }
    this.#runs += 1;
    const error = runErrors?.[this.#runs];
    if (error) throw error;
    const request = { aborted: false };
    this.#requests.set(requestId, request);

    await this.#wait();
    const encode = since();
    const seen = { imageTokens: 16, reused: 0, unchanged: unchanged ? 1 : 0 };
    this.send({ type: "image", ...seen }, requestId);
    const isKnown = watcher !== undefined && this.#watchers.has(watcher);
    request.aborted ||= unchanged && isKnown;
    if (watcher !== undefined) this.#watchers.add(watcher);
    const said = captions[(this.#runs - 1) % captions.length] ?? [];
    const tokens = said.slice(0, options.maxTokens);
    const parts = { preprocess: 0, encode, prefill: 0, firstDecode: 0 };
    let firstToken = 0;
    let count = 0;
    for (const text of tokens) {
      await this.#wait();
      if (request.aborted) break;
      firstToken ||= since();
      const timings = {
        ...parts,
        firstDecode: firstToken - encode,
        firstToken,
      };
      const first = count === 0 ? { timings } : {};
      this.send({ type: "token", id: count, text, ...first }, requestId);
      count += 1;
    }
    this.#requests.delete(requestId);
    const total = since();
    return {
      text: tokens.slice(0, count).join(""),
      tokenIds: tokens.slice(0, count).map((_, id) => id),
      finish: request.aborted
        ? "abort"
        : count < said.length
          ? "length"
          : "stop",
      ...seen,
      promptTokens: 9,
      timings: {
        ...parts,
        firstDecode: firstToken - encode,
        firstToken,
        total,
        tokensPerSecond: (1000 * (count - 1)) / (total - firstToken),
      },
    };
  }

  /** A token for each word, and four for each turn. */
  count({ messages, size }: PromptInput): Promise<TokenCount> {
    this.calls.push("count");
    const words = (text: string): number => text.split(/\s+/).length;
    const tokens = messages.reduce(
      (sum, { text, imageCount }) =>
        sum + 4 + words(text) + imageCount * (size / 64) ** 2,
      0,
    );
    return Promise.resolve({ tokens, limit: 512 });
  }

  abort(requestId: number): void {
    this.calls.push("abort");
    const request = this.#requests.get(requestId);
    if (request) request.aborted = true;
  }

  abortLoad(): void {
    this.calls.push("abortLoad");
    this.#loadAborted = true;
  }

  dispose(): Promise<void> {
    this.calls.push("dispose");
    return Promise.resolve();
  }

  send(event: WorkerEvent, requestId?: number): void {
    this.onEvent({ event, ...(requestId !== undefined && { requestId }) });
  }

  #wait(): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, this.script.pace));
  }
}

/** A worker whose calls go to `fake`, which serves one worker at a time. */
export function fakeWorker(fake: FakeVlm): Worker {
  const { port1, port2 } = new MessageChannel();
  fake.onEvent = (message) => port2.postMessage(message);
  expose(fake, port2);
  const terminate = (): void => {
    port1.close();
    port2.close();
  };
  return Object.assign(port1, { terminate }) as unknown as Worker;
}

/** Fires the event of an error outside of a call. */
export function killWorker(worker: Worker): void {
  worker.dispatchEvent(new ErrorEvent("error", { message: "out of luck" }));
}
