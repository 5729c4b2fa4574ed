import type { WorkerHandle } from "../runtime/worker-handle";
import { toSourceList, readImages } from "../session/source-image";
import { now } from "../shared/clock";
import type { Answer, ModelInfo, TokenEvent } from "../shared/protocol";
import { captionFrame, type Taken } from "./caption";
import { emit, type FrameDetail } from "./events";
import { live } from "./live";
import type { Attributes } from "./options";
import { describeOptions, liveOptions, type Question } from "./question";
import type { Status, StatusHost } from "./status";

export interface AskingHost extends StatusHost, Attributes {
  readonly updateComplete: Promise<boolean>;
  /** A caption is complete. */
  captioned(text: string): void;
}

/** The newest caption, as far as it has come. */
export interface Said {
  text: string;
  /** It belongs to an earlier frame than the one looked at. */
  stale: boolean;
}

/** What is asked. */
interface Models {
  readonly lease: WorkerHandle;
  /** The model to ask; a live question does not wait for another to arrive. */
  ready(signal: AbortSignal, live: boolean): Promise<ModelInfo>;
}

/** Who asks, and what is heard. */
export interface Asker {
  readonly host: AskingHost;
  readonly status: Status;
  readonly models: Models;
  readonly said: Said;
  /** What is looked at, as far as the question `asked` does not know it. */
  newest(signal: AbortSignal, asked?: () => string): Promise<Taken>;
}

/** One question and its answer; `take` gives the pictures once there is a model. */
export async function ask(
  { host, status, models, said }: Asker,
  take: () => Promise<Taken>,
  question: Question,
): Promise<Answer> {
  const { signal, live = false } = question;
  const { size } = await models.ready(signal, live);
  const captured = await take();
  const onStart = (frame: FrameDetail): void => {
    said.stale = true;
    status.know({ error: undefined, activity: "seeing" });
    emit(host, "frame", frame);
  };
  const onToken = ({ id, text }: TokenEvent): Promise<unknown> => {
    said.text = said.stale ? text : said.text + text;
    said.stale = false;
    status.know({ activity: "speaking" });
    emit(host, "token", { id, text });
    question.onToken?.(text);
    return host.updateComplete;
  };
  try {
    const run = describeOptions(host, question, size);
    const listener = { signal, onStart, onToken };
    const { answer, detail } = await captionFrame(
      models.lease,
      captured,
      run,
      listener,
    );
    const { text, tokenIds, finish } = answer;
    // Stopped before it said anything: the caption before stays.
    if (finish !== "abort" || tokenIds.length > 0) said.text = text;
    said.stale = false;
    if (finish !== "abort") {
      host.captioned(text);
      if (!host.mutedText) status.announce(text);
    }
    emit(host, "caption", detail);
    return answer;
  } finally {
    // After a transfer this closes an empty shell.
    for (const frame of captured.frames) frame.close();
    status.know({ activity: undefined });
  }
}

/** Asks about pictures of the caller's, or about what is looked at. */
export async function askAbout(
  asker: Asker,
  options: Question,
): Promise<Answer> {
  const { source, signal } = options;
  if (!source) return ask(asker, () => asker.newest(signal), options);
  const sources = toSourceList(source);
  const take = async (): Promise<Taken> => {
    const pictures = await readImages(sources, signal);
    return {
      frames: pictures.map(({ bitmap }) => bitmap),
      names: pictures.map(({ name }) => name),
      ...{ time: now(), dropped: 0 },
    };
  };
  return ask(asker, take, { ...options, images: sources.length });
}

/** Captions what is looked at, again and again until aborted. */
export async function captionAll(
  asker: Asker,
  signal: AbortSignal,
): Promise<void> {
  const { host, status } = asker;
  const asked = (): string => {
    const { prompt, promptStyle, fit, anyres, size } = host;
    return JSON.stringify([prompt, promptStyle, fit, anyres, size]);
  };
  const next = async (): Promise<void> => {
    const question = { signal, live: true, ...liveOptions(host) };
    await ask(asker, () => asker.newest(signal, asked), question);
  };
  await live(next, (error) => status.report("error", error), signal);
}
