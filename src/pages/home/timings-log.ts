import type { CaptionDetail, ModelInfo } from "../../index";

/** Parts of the time to first token, in order. */
export const ttftParts = [
  "wait",
  "preprocess",
  "encode",
  "prefill",
  "firstDecode",
  "paint",
] as const;

/** Columns of the export; durations in ms. */
const columns = [
  "time",
  "kind",
  "ttft",
  ...ttftParts,
  "total",
  "tokensPerSecond",
  "age",
  "dropped",
  "tokens",
  "promptTokens",
  "imageTokens",
  "size",
  "reused",
  "unchanged",
  "gated",
  "finish",
] as const;

type Column = (typeof columns)[number];

/** The timings of one answer: nothing of its image, question or text. */
export type TimingsRow = Readonly<
  Record<Column, number | string | boolean | undefined>
>;

const maxRows = 1000;

/** The timings of the last 1000 captions and answers. */
export class TimingsLog {
  readonly rows: TimingsRow[] = [];

  add({ timings, tokenIds, time, ...detail }: CaptionDetail): void {
    const { ttft, wait, paint, preprocess, encode, prefill, ...rest } = timings;
    this.rows.push({
      ...{ time: new Date(time).toISOString(), kind: detail.kind },
      ...{ ttft, wait, preprocess, encode, prefill },
      ...{ firstDecode: rest.firstDecode, paint, total: rest.total },
      tokensPerSecond: rest.tokensPerSecond,
      ...{ age: detail.age, dropped: detail.dropped, tokens: tokenIds.length },
      ...{ promptTokens: detail.promptTokens, size: detail.size },
      ...{ imageTokens: detail.imageTokens, reused: detail.reused },
      ...{ unchanged: detail.unchanged, gated: detail.gated },
      finish: detail.finish,
    });
    if (this.rows.length > maxRows) this.rows.shift();
  }

  /** The known times to first token of the last `count` rows. */
  lastTtfts(count: number): number[] {
    return this.rows
      .flatMap(({ ttft }) => (typeof ttft === "number" ? [ttft] : []))
      .slice(-count);
  }
}

export function timingsJson(
  rows: readonly TimingsRow[],
  model: ModelInfo | undefined,
): string {
  const browser = navigator.userAgent;
  return `${JSON.stringify({ browser, model, timings: rows }, null, 2)}\n`;
}

/** RFC 4180; no value contains a comma, a quote or a line break. */
export function timingsCsv(rows: readonly TimingsRow[]): string {
  const lines = rows.map((row) =>
    columns.map((column) => String(row[column] ?? "")).join(","),
  );
  return [columns.join(","), ...lines, ""].join("\r\n");
}
