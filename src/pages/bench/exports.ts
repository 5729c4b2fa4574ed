import { stages, type BenchRecord } from "./record";
import { formatNumber, ratios, stageNames, summarize } from "./summary";

/** The table as plain text. */
export function toTable(record: BenchRecord): string {
  const rows = [...summarize(record), ...ratios(record)];
  const names = record.engines.map(({ name }) => name);
  const width = Math.max(
    ...rows.map(({ name, unit }) => label(name, unit).length),
  );
  const line = (first: string, cells: readonly string[]): string =>
    first.padEnd(width) + cells.map((cell) => cell.padStart(18)).join("");
  return [
    line("", names),
    ...rows.map(({ name, unit, values }) =>
      line(label(name, unit), values.map(formatNumber)),
    ),
  ].join("\n");
}

export const label = (name: string, unit: string): string =>
  unit === "" ? name : `${name} (${unit})`;

/** The raw measurements, with one line per caption. */
export function toCsv({ engines }: BenchRecord): string {
  const head = [
    ...["engine", "backend", "frame"],
    ...stages.map((stage) => `${stageNames[stage]} (ms)`),
    ...["first token (ms)", "total (ms)", "tokens per second", "tokens"],
    ...["long tasks", "long tasks (ms)"],
    ...["submits", "dispatches", "buffer writes", "maps", "bytes read back"],
    "token ids",
  ];
  const lines = engines.flatMap(({ name, backend = "", captions }) =>
    captions.map(({ calls, longTasks, ...caption }) => [
      ...[name, backend, caption.frame],
      ...stages.map((stage) => caption.stages[stage]?.toFixed(3) ?? ""),
      ...[caption.firstToken.toFixed(3), caption.total.toFixed(3)],
      caption.tokensPerSecond?.toFixed(3) ?? "",
      caption.tokenIds.length,
      ...[longTasks.count, longTasks.time.toFixed(1)],
      ...[calls.submits, calls.dispatches, calls.writes, calls.maps],
      calls.bytesRead,
      caption.tokenIds.join(" "),
    ]),
  );
  return [head, ...lines].map((cells) => `${cells.join(",")}\r\n`).join("");
}

export const toJson = (record: BenchRecord): string =>
  `${JSON.stringify(record, null, 2)}\n`;
