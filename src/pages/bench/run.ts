import { countGpuCalls } from "../../../workers/bench/gpu-calls";
import { VlmError } from "../../shared/errors";
import type { Device } from "../../shared/models";
import type {
  Roofline,
  RooflineQuestion,
} from "../../../workers/bench/messages";
import { devDependencies, version } from "../../../package.json";
import { drawFrame } from "./clip";
import type { Contender, Question } from "./engine";
import { measureHeap } from "./heap";
import { watchLongTasks } from "./long-tasks";
import type { BenchOptions } from "./options";
import { measureRoofline } from "./roofline";
import { median } from "./statistics";
import { openOwn, type Own } from "./fast-vlm";
import { adapterFeatures, sharedDtype } from "./shared-dtype";
import type {
  BenchRecord,
  CaptionRecord,
  ContenderName,
  ContenderRecord,
  TwoQuestions,
} from "./record";

/** Captions that each has beforehand: shaders compile, buffers are made. */
const warmUps = 2;
/** Pictures with a second question. */
const askedTwice = 3;

interface Entry {
  readonly name: ContenderName;
  readonly contender: Contender;
  readonly own?: Own;
  readonly captions: CaptionRecord[];
  ready: number;
}

export type Report = (text: string) => void;

/** Rival and fast-vlm in one page, frame by frame in turn: A B A B. */
export async function runBench(
  options: BenchOptions,
  report: Report,
): Promise<BenchRecord> {
  const dtype = sharedDtype(options, await adapterFeatures());
  const read = countGpuCalls();
  const entries: Entry[] = [];
  const tasks = watchLongTasks();
  try {
    for (const name of options.lineup) {
      if (name === "transformers.js") continue;
      entries.push(await enterOwn(name, { ...options, dtype }, report));
    }
    const [own] = entries.flatMap((entry) => entry.own ?? []);
    if (own === undefined) throw new Error("fast-vlm does not take part.");
    const side = options.size || own.info.size;
    const versions: Record<string, string> = {
      "fast-vlm": version,
      // As the worker chooses it.
      "onnxruntime-web": `${devDependencies["onnxruntime-web"]} ${"Suspending" in WebAssembly ? "jspi" : "asyncify"}`,
    };
    if (options.lineup.includes("transformers.js")) {
      report("transformers.js: loading");
      const start = performance.now();
      const { openRival } = await import("./transformers-js");
      const { source: model } = options;
      const { device, dtypes } = own.info;
      const { features } = own;
      const given = { model, device, dtypes, features, side };
      const rival = await openRival(given, read);
      Object.assign(versions, rival.versions);
      const ready = performance.now() - start;
      const name = "transformers.js";
      entries.unshift({ name, contender: rival, captions: [], ready });
    }

    const question = {
      text: options.question,
      side,
      maxTokens: options.maxTokens,
    };
    await warmUp(entries, options.frames, question, report);
    for (let frame = 0; frame < options.frames; frame++) {
      for (const entry of entries) {
        report(`Frame ${frame + 1} of ${options.frames}: ${entry.name}`);
        const start = performance.now();
        const picture = drawFrame(frame, side);
        const caption = await entry.contender.caption(picture, question);
        const end = performance.now();
        await tasksTold();
        const longTasks = tasks.between(start, end);
        entry.captions.push({ frame, ...caption, longTasks });
      }
    }
    const missing: string[] = [];
    const { frames } = options;
    const questions = await askTwice(
      entries,
      frames,
      question,
      report,
      missing,
    );
    report("Measuring memory");
    const contenders = await settle(entries, questions);
    const { info, features } = own;
    const { dtypes } = info;
    const promptTokens = own.promptTokens();
    const asked = { model: options.source, dtypes, size: side, promptTokens };
    const sameTokens = compared(contenders);
    // They would have their part of the memory.
    await dispose(entries);
    const roofline = await rooflineOf(info.device, asked, report, missing);
    return {
      date: new Date().toISOString(),
      versions,
      browser: navigator.userAgent,
      device: info.device,
      adapter: info.adapter,
      features,
      model: options.model,
      dtypes,
      size: side,
      frames: options.frames,
      question: options.question,
      promptTokens,
      ...(sameTokens !== undefined && { sameTokens }),
      contenders,
      ...(roofline && { roofline }),
      ...(missing.length > 0 && { missing }),
    };
  } finally {
    tasks.stop();
    await dispose(entries);
  }
}

async function dispose(entries: Entry[]): Promise<void> {
  for (const { contender } of entries.splice(0)) await contender.dispose();
}

/** Whether all gave the same, if there is more than one. */
function compared(contenders: readonly ContenderRecord[]): boolean | undefined {
  const [, ...others] = contenders;
  if (others.length === 0) return undefined;
  return others.every(({ sameTokens }) => sameTokens);
}

async function enterOwn(
  name: ContenderName,
  { source: model, device, dtype }: BenchOptions,
  report: Report,
): Promise<Entry> {
  const start = performance.now();
  const backend = name === "fast-vlm:plain" ? "ort" : "auto";
  const draft = name === "fast-vlm";
  const own = await openOwn({ model, device, dtype, backend }, draft, (phase) =>
    report(`${name}: ${phase}`),
  );
  const ready = performance.now() - start;
  return { name, contender: own, own, captions: [], ready };
}

/** On frames from behind the end of the clip. */
async function warmUp(
  entries: readonly Entry[],
  from: number,
  question: Question,
  report: Report,
): Promise<void> {
  for (const entry of entries) {
    for (let at = 0; at < warmUps; at++) {
      report(`${entry.name}: warming up`);
      const start = performance.now();
      // Of different scenes: nobody gets a draft of the first frame.
      const frame = drawFrame(from + 10 * (at + 1), question.side);
      await entry.contender.caption(frame, question);
      if (at === 0) entry.ready += performance.now() - start;
    }
  }
}

/** Of scenes that none of them has seen. */
async function askTwice(
  entries: readonly Entry[],
  from: number,
  question: Question,
  report: Report,
  missing: string[],
): Promise<Map<Entry, TwoQuestions>> {
  const times = new Map<Entry, TwoQuestions>();
  for (const entry of entries) {
    if (entry.own === undefined) continue;
    report(`${entry.name}: a second question`);
    const { own } = entry;
    const asked: TwoQuestions[] = [];
    try {
      for (let picture = 0; picture <= askedTwice; picture++) {
        const draw = () => drawFrame(from + 100 * (picture + 1), question.side);
        asked.push(await own.askTwice(draw, question));
      }
    } catch (error) {
      missing.push(`${entry.name}, second question: ${why(error)}`);
      continue;
    }
    // The first time, shaders for prompts of that length are compiled.
    asked.shift();
    times.set(entry, {
      first: median(asked.map(({ first }) => first)),
      second: median(asked.map(({ second }) => second)),
    });
  }
  return times;
}

async function settle(
  entries: readonly Entry[],
  questions: ReadonlyMap<Entry, TwoQuestions>,
): Promise<ContenderRecord[]> {
  const heap = await measureHeap();
  const [judge] = entries;
  const owns = entries.filter(({ own }) => own !== undefined).length;
  const settled: ContenderRecord[] = [];
  for (const entry of entries) {
    const { name, contender, own, captions, ready } = entry;
    const asked = questions.get(entry);
    // Of several workers nobody tells which holds what.
    const heapBytes = own ? owns === 1 && heap?.workers : heap?.page;
    settled.push({
      name,
      ...(own && { path: own.info.backend }),
      ...(own?.info.backendReason !== undefined && {
        pathReason: own.info.backendReason,
      }),
      captions,
      ...(entry !== judge && {
        sameTokens: captions.every(
          ({ tokenIds }, at) =>
            tokenIds.join() === judge?.captions[at]?.tokenIds.join(),
        ),
      }),
      gpuBytes: await contender.memory(),
      ...(typeof heapBytes === "number" && { heapBytes }),
      ...(asked && { questions: asked }),
      ready: ready / 1000,
    });
  }
  return settled;
}

/** Of adapters only: nobody measures a processor's here. */
async function rooflineOf(
  device: Device,
  question: RooflineQuestion,
  report: Report,
  missing: string[],
): Promise<Roofline | undefined> {
  if (device === "wasm") return undefined;
  report("Measuring what the adapter can do");
  try {
    return await measureRoofline(question);
  } catch (error) {
    missing.push(`roofline: ${why(error)}`);
    return undefined;
  }
}

const why = (error: unknown): string => VlmError.from(error).message;

/** Long tasks are told of some time after they have ended. */
const tasksTold = (): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, 50);
  });
