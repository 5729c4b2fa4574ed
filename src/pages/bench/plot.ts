import css from "./plot.css?raw";
import {
  stages,
  type BenchRecord,
  type CaptionRecord,
  type EngineRecord,
  type Stage,
} from "./record";
import { formatNumber, stageNames } from "./summary";
import { median } from "./statistics";

const width = 720;
const left = 16;
const rowHeight = 64;
const top = 56;
const barWidth = width - 2 * left;

/**
 * Draws one bar per engine: the median of each stage to the first token and of the
 * rest of the caption, with a ring for the first token of each frame. `style`
 * includes the style sheet, for a file.
 */
export function toSvg(record: BenchRecord, style: boolean): string {
  const { engines, roofline } = record;
  const height = top + rowHeight * engines.length + 28;
  const times = engines.flatMap(({ captions }) =>
    captions.map(({ firstToken, total }) => Math.max(firstToken, total)),
  );
  const scale = barWidth / Math.max(1, ...times);
  const { encoder, prefill = 0 } = roofline?.floor ?? {};
  const floor = encoder === undefined ? undefined : encoder + prefill;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" class="bench-plot" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escape(summaryOf(record))}">`,
    style ? `<style>${css}</style>` : "",
    `<rect class="paper" width="${width}" height="${height}"/>`,
    legend(),
    ...engines.map((engine, at) => bar(engine, top + rowHeight * at, scale)),
    floor === undefined ? "" : floorLine(left + floor * scale, height),
    text(
      left,
      height - 8,
      `${record.model}, ${record.size} px, ${record.adapter}, ${record.frames} frames, ${record.date.slice(0, 10)}`,
    ),
    "</svg>",
  ].join("\n");
}

function legend(): string {
  const keys = [
    ...stages.map((stage) => [stage, stageNames[stage]] as const),
    ["rest", "other tokens"] as const,
  ];
  let next = left;
  return keys
    .map(([key, name]) => {
      const x = next;
      // Letters of this size are about 6.5 wide.
      next += 38 + 6.5 * name.length;
      return `<rect class="${key}" x="${x}" y="16" width="10" height="10" rx="2"/>${text(x + 14, 25, name)}`;
    })
    .join("");
}

function bar(
  { name, captions }: EngineRecord,
  y: number,
  scale: number,
): string {
  const first = median(captions.map(({ firstToken }) => firstToken));
  const total = median(captions.map(({ total }) => total));
  const parts: { key: string; time: number }[] = stages.map((stage) => ({
    key: stage,
    time: timeOf(captions, stage),
  }));
  parts.push({ key: "rest", time: Math.max(0, total - first) });
  let x = left;
  const rects = parts.map(({ key, time }) => {
    const wide = Math.max(0, time) * scale;
    const rect = `<rect class="${key}" x="${x.toFixed(1)}" y="${y + 18}" width="${wide.toFixed(1)}" height="22"/>`;
    x += wide;
    return rect;
  });
  const rings = captions.map(
    ({ firstToken }) =>
      `<circle class="frame" cx="${(left + firstToken * scale).toFixed(1)}" cy="${y + 29}" r="3"/>`,
  );
  const caption = `first token ${formatNumber(first)} ms, caption ${formatNumber(total)} ms`;
  return [
    `<text class="name" x="${left}" y="${y + 12}">${escape(name)}</text>`,
    `<text x="${width - left}" y="${y + 12}" text-anchor="end">${caption}</text>`,
    ...rects,
    ...rings,
  ].join("");
}

/** Median, or 0 if the stage was not timed. */
function timeOf(captions: readonly CaptionRecord[], stage: Stage): number {
  const times = captions.flatMap(({ stages }) => stages[stage] ?? []);
  return times.length === 0 ? 0 : median(times);
}

function floorLine(x: number, height: number): string {
  const at = x.toFixed(1);
  return `<line class="floor" x1="${at}" x2="${at}" y1="${top}" y2="${height - 28}"/>${text(x + 4, height - 24, "roofline")}`;
}

const text = (x: number, y: number, content: string): string =>
  `<text x="${x.toFixed(1)}" y="${y}">${escape(content)}</text>`;

function summaryOf({ engines }: BenchRecord): string {
  return engines
    .map(({ name, captions }) => {
      const first = median(captions.map(({ firstToken }) => firstToken));
      return `${name}: first token after ${formatNumber(first)} ms`;
    })
    .join("; ");
}

const escapes: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
};

const escape = (given: string): string =>
  given.replace(/[&<>"]/g, (sign) => escapes[sign] ?? sign);
