import { byId } from "../home/dom";
import { missingDevice } from "./adapter";
import { VlmError } from "../../shared/errors";
import { label, toCsv, toJson, toTable } from "./exports";
import { readBenchOptions } from "./params";
import { toSvg } from "./plot";
import { lineup, type BenchRecord } from "./record";
import { runBench } from "./run";
import { formatNumber, ratios, summarize } from "./summary";

const form = byId("form", HTMLFormElement);
const start = byId("start", HTMLButtonElement);
const state = byId("state", HTMLElement);
const failure = byId("failure", HTMLElement);

const defaults = {
  model: "nano",
  size: "0",
  frames: "8",
  dtype: "auto",
  device: "webgpu",
  prompt: "Describe the image.",
};

/** Fills the form from the URL. `run` writes the form to the URL, so that a record can
 * be reproduced from a link. */
function fillForm(search: string): void {
  const params = new URLSearchParams(search);
  for (const [name, value] of Object.entries(defaults)) {
    const field = form.elements.namedItem(name);
    const given = params.get(name) ?? value;
    if (field instanceof HTMLInputElement) field.value = given;
    else if (field instanceof HTMLSelectElement) choose(field, given);
  }
  const chosen = params.get("lineup") ?? "transformers.js,fast-vlm";
  byId("lineup", HTMLFieldSetElement).append(
    ...lineup.map((name) => {
      const box = document.createElement("input");
      Object.assign(box, { type: "checkbox", name: "lineup", value: name });
      box.checked = chosen.split(",").includes(name);
      const text = document.createElement("span");
      text.textContent = name;
      const tick = document.createElement("label");
      tick.className = "tick";
      tick.append(box, text);
      return tick;
    }),
  );
}

/** Adds values that the list lacks, such as dtypes by graph or invalid values. */
function choose(list: HTMLSelectElement, value: string): void {
  const known = [...list.options].some((option) => option.value === value);
  if (!known) list.add(new Option(value, value));
  list.value = value;
}

function readForm(): string {
  const params = new URLSearchParams(location.search);
  const data = new FormData(form);
  for (const name of Object.keys(defaults)) {
    const value = data.get(name);
    params.set(name, typeof value === "string" ? value : "");
  }
  params.set("lineup", data.getAll("lineup").map(String).join(","));
  return `?${params.toString()}`;
}

async function run(): Promise<void> {
  start.disabled = true;
  failure.hidden = true;
  byId("outcome", HTMLElement).hidden = true;
  try {
    const search = readForm();
    history.replaceState(null, "", search);
    const record = await runBench(readBenchOptions(search), (text) => {
      if (state.textContent !== text) state.textContent = text;
    });
    show(record);
    state.textContent = "Done";
  } catch (thrown) {
    const { message, advice } = VlmError.from(thrown);
    state.textContent = "";
    failure.textContent = `${message} ${advice}`;
    failure.hidden = false;
  } finally {
    start.disabled = false;
  }
}

function show(record: BenchRecord): void {
  byId("comparison", HTMLElement).textContent = [
    comparison(record),
    ...(record.missing ?? []),
  ].join(" ");
  const drawn = toSvg(record, false);
  const svg = new DOMParser().parseFromString(drawn, "image/svg+xml");
  byId("plot", HTMLElement).replaceChildren(svg.documentElement);
  showTable(record);
  const name = `${record.adapter.replace(/\W+/g, "-")}-bench`;
  setDownload("json", `${name}.json`, "application/json", toJson(record));
  setDownload("csv", `${name}.csv`, "text/csv", toCsv(record));
  setDownload("svg", `${name}.svg`, "image/svg+xml", toSvg(record, true));
  byId("outcome", HTMLElement).hidden = false;
  byId("outcome", HTMLElement).dataset["text"] = toTable(record);
}

function comparison({ sameTokens }: BenchRecord): string {
  if (sameTokens === undefined) return "Only one engine: no tokens to compare.";
  return sameTokens
    ? "All engines produced the same tokens."
    : "The engines produced different tokens.";
}

function showTable(record: BenchRecord): void {
  const table = byId("table", HTMLTableElement);
  const head = document.createElement("thead");
  const body = document.createElement("tbody");
  fill(head, ["", ...record.engines.map(({ name }) => name)], "col");
  for (const { name, unit, values } of [
    ...ratios(record),
    ...summarize(record),
  ]) {
    fill(body, [label(name, unit), ...values.map(formatNumber)], "row");
  }
  table.replaceChildren(head, body);
}

/** In the body the first cell of a row is a header, in the head all are. */
function fill(
  section: HTMLTableSectionElement,
  cells: readonly string[],
  scope: "col" | "row",
): void {
  const row = section.insertRow();
  cells.forEach((text, at) => {
    const header = at === 0 ? text !== "" : scope === "col";
    const cell = document.createElement(header ? "th" : "td");
    if (cell.tagName === "TH") cell.setAttribute("scope", scope);
    cell.textContent = text;
    row.append(cell);
  });
}

function setDownload(
  id: string,
  name: string,
  type: string,
  content: string,
): void {
  const link = byId(id, HTMLAnchorElement);
  URL.revokeObjectURL(link.href);
  link.href = URL.createObjectURL(new Blob([content], { type }));
  link.download = name;
}

/** Disables WebGPU where there is none; a device that the URL names stays chosen, and
 * starting says why it cannot be used. */
async function disableMissingDevice(): Promise<void> {
  if (!(await missingDevice("webgpu"))) return;
  const list = form.elements.namedItem("device") as HTMLSelectElement;
  const webgpu = [...list.options].find(({ value }) => value === "webgpu");
  if (!webgpu) return;
  webgpu.disabled = true;
  webgpu.text += " (no adapter)";
  const isNamed = new URLSearchParams(location.search).has("device");
  if (webgpu.selected && !isNamed) list.value = "wasm";
}

fillForm(location.search);
void disableMissingDevice();
form.addEventListener("submit", (event) => {
  event.preventDefault();
  void run();
});
