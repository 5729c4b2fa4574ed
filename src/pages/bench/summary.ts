import type { GpuCalls } from "../../../workers/bench/gpu-calls";
import {
  stages,
  type BenchRecord,
  type CaptionRecord,
  type EngineRecord,
} from "./record";
import { median, quantile, sum } from "./statistics";

/** A row of the table: name, unit, and one value per engine. */
interface Row {
  readonly name: string;
  readonly unit: string;
  readonly values: readonly (number | undefined)[];
}

type PerCaptions<T> = (captions: readonly CaptionRecord[]) => T;

/** The rows of the table. */
export function summarize(record: BenchRecord): Row[] {
  const { engines } = record;
  const row = (
    name: string,
    unit: string,
    of: (engine: EngineRecord) => number | undefined,
  ): Row => ({ name, unit, values: engines.map(of) });
  const each = (
    name: string,
    unit: string,
    of: PerCaptions<number | undefined>,
  ): Row => row(name, unit, ({ captions }) => of(captions));
  const spread = (
    name: string,
    unit: string,
    of: (caption: CaptionRecord) => number | undefined,
    // The percentile of bad values: for a rate, a low one.
    tail = 95,
  ): Row[] => {
    const values: PerCaptions<number[]> = (captions) =>
      captions.flatMap((caption) => of(caption) ?? []);
    const known = (value: number): number | undefined =>
      Number.isNaN(value) ? undefined : value;
    return [
      each(`${name}, median`, unit, (captions) =>
        known(median(values(captions))),
      ),
      each(`${name}, p${tail}`, unit, (captions) =>
        known(quantile(values(captions), tail / 100)),
      ),
    ];
  };
  const perToken = (name: string, unit: string, call: keyof GpuCalls): Row =>
    each(`${name} per token`, unit, (captions) => {
      const calls = sum(captions.map((caption) => caption.calls[call]));
      return calls / sum(captions.map(({ tokenIds }) => tokenIds.length));
    });

  return [
    ...stages.flatMap((stage) =>
      spread(stageNames[stage], "ms", (caption) => caption.stages[stage]),
    ),
    ...spread("time to first token", "ms", ({ firstToken }) => firstToken),
    ...spread(
      "tokens per second",
      "1/s",
      ({ tokensPerSecond }) => tokensPerSecond,
      5,
    ),
    ...spread("age of the caption", "ms", ({ total }) => total),
    each("captions accepted from drafts", "", (captions) => {
      return captions.filter(isFullyDrafted).length;
    }),
    each("captions per minute", "1/min", (captions) => {
      return (
        (captions.length * 60_000) / sum(captions.map(({ total }) => total))
      );
    }),
    each("long tasks (over 50 ms) per caption", "", (captions) => {
      return (
        sum(captions.map(({ longTasks }) => longTasks.count)) / captions.length
      );
    }),
    each("long task time per caption", "ms", (captions) => {
      return (
        sum(captions.map(({ longTasks }) => longTasks.time)) / captions.length
      );
    }),
    row("JavaScript heap", "MB", ({ heapBytes }) =>
      heapBytes === undefined ? undefined : heapBytes / 1e6,
    ),
    row("GPU buffers", "MB", ({ gpuBytes }) => gpuBytes.now / 1e6),
    row("GPU buffers, peak", "MB", ({ gpuBytes }) => gpuBytes.peak / 1e6),
    perToken("submits", "", "submits"),
    perToken("dispatches", "", "dispatches"),
    perToken("buffer writes", "", "writes"),
    perToken("maps", "", "maps"),
    perToken("bytes read back", "B", "bytesRead"),
    row(
      "second question, relative time",
      "%",
      ({ questions }) =>
        questions && (100 * questions.second) / questions.first,
    ),
    row("load and first caption", "s", ({ ready }) => ready),
    ...fractions(record),
  ];
}

/** Whether all tokens arrived in the first step. */
const isFullyDrafted = ({ tokenIds, tokensPerSecond }: CaptionRecord) =>
  tokenIds.length > 1 && tokensPerSecond === undefined;

export const stageNames = {
  capture: "capture",
  pixels: "pixels",
  features: "features",
  prefill: "prefill to first token",
} as const;

/** Share of the adapter's peak performance. */
function fractions({ roofline, engines }: BenchRecord): Row[] {
  const { encoder, prefill, token } = roofline?.floor ?? {};
  if (encoder === undefined || prefill === undefined) return [];
  const row = (
    name: string,
    floor: number,
    of: (caption: CaptionRecord) => number | undefined,
  ): Row => ({
    name: `${name}, of the roofline`,
    unit: "%",
    values: engines.map(({ captions }) => {
      const times = captions.flatMap((caption) => of(caption) ?? []);
      return times.length > 0 ? (100 * floor) / median(times) : undefined;
    }),
  });
  return [
    row("features", encoder, ({ stages }) => stages.features),
    row("first token", encoder + prefill, ({ firstToken }) => firstToken),
    row("token", token ?? NaN, ({ tokensPerSecond }) =>
      tokensPerSecond === undefined ? undefined : 1000 / tokensPerSecond,
    ),
  ];
}

/** Four significant digits, or a whole number. */
export function formatNumber(value: number | undefined): string {
  if (value === undefined || !Number.isFinite(value)) return "–";
  if (Math.abs(value) >= 1000) return value.toFixed(0);
  return String(Number(value.toPrecision(4)));
}

/** Speed relative to the first engine: above 1 is faster. */
export function ratios({ engines }: BenchRecord): Row[] {
  const of = (pick: (caption: CaptionRecord) => number) => {
    const times = engines.map(({ captions }) => sum(captions.map(pick)));
    return times.map((time) => (times[0] ?? NaN) / time);
  };
  return [
    {
      name: "time to first token, speed-up",
      unit: "x",
      values: of(({ firstToken }) => firstToken),
    },
    {
      name: "captions per minute, speed-up",
      unit: "x",
      values: of(({ total }) => total),
    },
  ];
}
