import { countGpuCalls } from "../../../workers/bench/gpu-calls";
import { VlmError } from "../../shared/errors";
import type {
  Roofline,
  RooflineQuestion,
} from "../../../workers/bench/messages";
import { devDependencies, version } from "../../../package.json";
import { renderFrame } from "./clip";
import type { BenchQuestion, Engine } from "./engine";
import { measureHeap } from "./heap";
import { watchLongTasks } from "./long-tasks";
import type { BenchOptions } from "./params";
import { measureRoofline } from "./roofline";
import { median } from "./statistics";
import { openFastVlm, type FastVlmEngine } from "./fast-vlm";
import { adapterFeatures, missingDevice } from "./adapter";
import { sharedDtype } from "./shared-dtype";
import type {
  BenchRecord,
  CaptionRecord,
  EngineName,
  EngineRecord,
  TwoQuestions,
} from "./record";

/** Captions per engine before measuring, to compile shaders and allocate buffers. */
const warmUps = 2;
/** Number of images with a second question. */
const imagesAskedTwice = 3;

interface Entry {
  readonly name: EngineName;
  readonly engine: Engine;
  readonly fastVlm?: FastVlmEngine;
  readonly captions: CaptionRecord[];
  ready: number;
}

type Report = (text: string) => void;

/** Runs all engines in this page, alternating with each frame: A B, B A. */
export async function runBench(
  options: BenchOptions,
  report: Report,
): Promise<BenchRecord> {
  const missingError = await missingDevice(options.device);
  if (missingError) throw missingError;
  const dtype = sharedDtype(options, await adapterFeatures());
  const read = countGpuCalls();
  const entries: Entry[] = [];
  const tasks = watchLongTasks();
  try {
    for (const name of options.lineup) {
      if (name === "transformers.js") continue;
      entries.push(await addFastVlm(name, { ...options, dtype }, report));
    }
    const [fastVlm] = entries.flatMap((entry) => entry.fastVlm ?? []);
    if (fastVlm === undefined) throw new Error("The line-up lacks fast-vlm.");
    const size = options.size || fastVlm.info.size;
    const versions: Record<string, string> = {
      "fast-vlm": version,
      // The worker chooses the same build.
      "onnxruntime-web": `${devDependencies["onnxruntime-web"]} ${"Suspending" in WebAssembly ? "jspi" : "asyncify"}`,
    };
    if (options.lineup.includes("transformers.js")) {
      report("transformers.js: loading");
      const start = performance.now();
      const { openTransformersJs } = await import("./transformers-js");
      const { source: model } = options;
      const { device, dtypes } = fastVlm.info;
      const { features } = fastVlm;
      const given = { model, device, dtypes, features, size };
      const engine = await openTransformersJs(given, read);
      Object.assign(versions, engine.versions);
      const ready = performance.now() - start;
      const name = "transformers.js";
      entries.unshift({ name, engine, captions: [], ready });
    }

    const question = {
      text: options.prompt,
      size,
      maxTokens: options.maxTokens,
    };
    await warmUp(entries, options.frames, question, report);
    for (let frame = 0; frame < options.frames; frame++) {
      // Each frame starts with the next engine, so that none always follows the same one.
      const first = frame % entries.length;
      for (const entry of [
        ...entries.slice(first),
        ...entries.slice(0, first),
      ]) {
        report(`Frame ${frame + 1} of ${options.frames}: ${entry.name}`);
        const start = performance.now();
        const bitmap = renderFrame(frame, size);
        const caption = await entry.engine.caption(bitmap, question);
        const end = performance.now();
        await longTasksReported();
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
    const engines = await engineRecords(entries, questions);
    const { info, features } = fastVlm;
    const { dtypes } = info;
    const promptTokens = fastVlm.promptTokens();
    const { device } = info;
    const asked = { device, model: options.source, dtypes, size, promptTokens };
    const sameTokens = sameTokensOf(engines);
    // The roofline is measured without them.
    await dispose(entries);
    const roofline = await rooflineOf(asked, report, missing);
    return {
      date: new Date().toISOString(),
      versions,
      browser: navigator.userAgent,
      device,
      adapter: info.adapter,
      features,
      model: options.model,
      dtypes,
      size,
      frames: options.frames,
      question: options.prompt,
      promptTokens,
      ...(sameTokens !== undefined && { sameTokens }),
      engines,
      ...(roofline && { roofline }),
      ...(missing.length > 0 && { missing }),
    };
  } finally {
    tasks.stop();
    await dispose(entries);
  }
}

async function dispose(entries: Entry[]): Promise<void> {
  for (const { engine } of entries.splice(0)) await engine.dispose();
}

/** Whether all engines gave the same tokens, if there are several. */
function sameTokensOf(engines: readonly EngineRecord[]): boolean | undefined {
  const [, ...others] = engines;
  if (others.length === 0) return undefined;
  return others.every(({ sameTokens }) => sameTokens);
}

async function addFastVlm(
  name: EngineName,
  options: BenchOptions,
  report: Report,
): Promise<Entry> {
  const { source: model, device, dtype } = options;
  const start = performance.now();
  const backend = name === "fast-vlm:ort" ? "ort" : "auto";
  const draft = name === "fast-vlm";
  const fastVlm = await openFastVlm(
    { model, device, dtype, backend },
    draft,
    (phase) => report(`${name}: ${phase}`),
  );
  const size = options.size || fastVlm.info.size;
  const { prompt: text, maxTokens, frames } = options;
  const frame = renderFrame(frames, size);
  await fastVlm.caption(frame, { text, size, maxTokens });
  const ready = performance.now() - start;
  report(`${name}: preparing`);
  await fastVlm.settled;
  return { name, engine: fastVlm, fastVlm, captions: [], ready };
}

/** Uses frames after the end of the clip. */
async function warmUp(
  entries: readonly Entry[],
  from: number,
  question: BenchQuestion,
  report: Report,
): Promise<void> {
  for (const entry of entries) {
    for (let at = 0; at < warmUps; at++) {
      report(`${entry.name}: warming up`);
      const start = performance.now();
      // Different scenes, so that the first frame has no draft.
      const frame = renderFrame(from + 10 * (at + 1), question.size);
      await entry.engine.caption(frame, question);
      const isFirst = at === 0 && entry.fastVlm === undefined;
      if (isFirst) entry.ready += performance.now() - start;
    }
  }
}

/** Uses scenes that the engines have not seen. */
async function askTwice(
  entries: readonly Entry[],
  from: number,
  question: BenchQuestion,
  report: Report,
  missing: string[],
): Promise<Map<Entry, TwoQuestions>> {
  const times = new Map<Entry, TwoQuestions>();
  for (const entry of entries) {
    if (entry.fastVlm === undefined) continue;
    report(`${entry.name}: second question`);
    const { fastVlm } = entry;
    const asked: TwoQuestions[] = [];
    try {
      for (let image = 0; image <= imagesAskedTwice; image++) {
        const render = () =>
          renderFrame(from + 100 * (image + 1), question.size);
        asked.push(await fastVlm.askTwice(render, question));
      }
    } catch (error) {
      missing.push(`${entry.name}, second question: ${messageOf(error)}`);
      continue;
    }
    // The first time includes compiling shaders for this prompt length.
    asked.shift();
    times.set(entry, {
      first: median(asked.map(({ first }) => first)),
      second: median(asked.map(({ second }) => second)),
    });
  }
  return times;
}

async function engineRecords(
  entries: readonly Entry[],
  questions: ReadonlyMap<Entry, TwoQuestions>,
): Promise<EngineRecord[]> {
  const heap = await measureHeap();
  const [reference] = entries;
  const fastVlmCount = entries.filter(
    ({ fastVlm }) => fastVlm !== undefined,
  ).length;
  const records: EngineRecord[] = [];
  for (const entry of entries) {
    const { name, engine, fastVlm, captions, ready } = entry;
    const asked = questions.get(entry);
    // The heap of several workers cannot be attributed.
    const heapBytes = fastVlm
      ? fastVlmCount === 1 && heap?.workers
      : heap?.page;
    records.push({
      name,
      ...(fastVlm && { backend: fastVlm.info.backend }),
      ...(fastVlm?.info.backendReason !== undefined && {
        backendReason: fastVlm.info.backendReason,
      }),
      captions,
      ...(entry !== reference && {
        sameTokens: captions.every(
          ({ tokenIds }, at) =>
            tokenIds.join() === reference?.captions[at]?.tokenIds.join(),
        ),
      }),
      gpuBytes: await engine.memory(),
      ...(typeof heapBytes === "number" && { heapBytes }),
      ...(asked && { questions: asked }),
      ready: ready / 1000,
    });
  }
  return records;
}

async function rooflineOf(
  question: RooflineQuestion,
  report: Report,
  missing: string[],
): Promise<Roofline | undefined> {
  report("Measuring the peak performance of the device");
  try {
    return await measureRoofline(question);
  } catch (error) {
    missing.push(`roofline: ${messageOf(error)}`);
    return undefined;
  }
}

const messageOf = (error: unknown): string => VlmError.from(error).message;

/** Long tasks are reported some time after they ended. */
const longTasksReported = (): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, 50);
  });
