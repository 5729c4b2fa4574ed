import type { GpuCalls } from "../../../workers/bench/gpu-calls";
import {
  stages,
  type BenchRecord,
  type CaptionRecord,
  type ContenderRecord,
} from "./record";
import { median, quantile, sum } from "./statistics";

/** A line of the table: a name, its unit, and a number for each contender. */
export interface Row {
  readonly name: string;
  readonly unit: string;
  readonly values: readonly (number | undefined)[];
}

type Of<T> = (captions: readonly CaptionRecord[]) => T;

/** What the table, the CSV file and the page show. */
export function summarize(record: BenchRecord): Row[] {
  const { contenders } = record;
  const row = (
    name: string,
    unit: string,
    of: (contender: ContenderRecord) => number | undefined,
  ): Row => ({ name, unit, values: contenders.map(of) });
  const each = (name: string, unit: string, of: Of<number | undefined>): Row =>
    row(name, unit, ({ captions }) => of(captions));
  const spread = (
    name: string,
    unit: string,
    of: (caption: CaptionRecord) => number | undefined,
    // The bad end: of a rate, the lower one.
    tail = 95,
  ): Row[] => {
    const values: Of<number[]> = (captions) =>
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
    each("captions drafted whole", "", (captions) => {
      return captions.filter(isDraftedWhole).length;
    }),
    each("captions per minute", "1/min", (captions) => {
      return (
        (captions.length * 60_000) / sum(captions.map(({ total }) => total))
      );
    }),
    each("page tasks over 50 ms, per caption", "", (captions) => {
      return (
        sum(captions.map(({ longTasks }) => longTasks.count)) / captions.length
      );
    }),
    each("their time, per caption", "ms", (captions) => {
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
      "second question, of the first's time",
      "%",
      ({ questions }) =>
        questions && (100 * questions.second) / questions.first,
    ),
    row("load and first caption", "s", ({ ready }) => ready),
    ...fractions(record),
  ];
}

/** Every token came with the first. */
const isDraftedWhole = ({ tokenIds, tokensPerSecond }: CaptionRecord) =>
  tokenIds.length > 1 && tokensPerSecond === undefined;

export const stageNames = {
  capture: "capture",
  pixels: "pixels",
  features: "features",
  prefill: "prefill to first token",
} as const;

/** How near each comes to what the adapter can do. */
function fractions({ roofline, contenders }: BenchRecord): Row[] {
  const { encoder, prefill, token } = roofline?.floor ?? {};
  if (encoder === undefined || prefill === undefined) return [];
  const row = (
    name: string,
    floor: number,
    of: (caption: CaptionRecord) => number | undefined,
  ): Row => ({
    name: `${name}, of the roofline`,
    unit: "%",
    values: contenders.map(({ captions }) => {
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

/** Four digits that count, or the whole number. */
export function format(value: number | undefined): string {
  if (value === undefined || !Number.isFinite(value)) return "–";
  if (Math.abs(value) >= 1000) return value.toFixed(0);
  return String(Number(value.toPrecision(4)));
}

/** How many times quicker the others are than the first: above 1 is better. */
export function ratios({ contenders }: BenchRecord): Row[] {
  const of = (pick: (caption: CaptionRecord) => number) => {
    const times = contenders.map(({ captions }) => sum(captions.map(pick)));
    return times.map((time) => (times[0] ?? NaN) / time);
  };
  return [
    {
      name: "time to first token, times quicker",
      unit: "x",
      values: of(({ firstToken }) => firstToken),
    },
    {
      name: "captions, times as many",
      unit: "x",
      values: of(({ total }) => total),
    },
  ];
}
