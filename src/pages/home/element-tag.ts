import { FastVlmElement } from "../../index";
import { isBundledModel } from "./address";
import type { Looking } from "./page";

/** Folder of the package's files, beside the page that uses them. */
export const packageFolder = "fast-vlm";

/** What another page looks at; files and samples are named like these. */
type Subject = "camera" | "screen" | "image" | "video";

/** Properties that belong to this page, not to what was chosen on it. */
const excluded: readonly string[] = [
  ...["modelBase", "wasmPaths", "loading", "mutedText", "name", "disabled"],
  // Written from what is open here. The id of a camera is known to this site only.
  ...["source", "for", "live", "camera", "facing"],
];

/** Options of the session that opens the model; the others belong to a request. */
const modelOptions: readonly string[] = ["model", "dtype", "device", "backend"];

type Option = readonly [name: string, attribute: string, value: unknown];

/** The options that differ from the defaults. */
function chosenOptions(vlm: FastVlmElement): Option[] {
  const defaults = new FastVlmElement();
  return [...FastVlmElement.elementProperties].flatMap(
    ([key, { attribute }]): Option[] => {
      const name = String(key);
      const value: unknown = Reflect.get(vlm, key);
      const isOption = attribute !== false && !excluded.includes(name);
      if (!isOption || value === Reflect.get(defaults, key)) return [];
      const written =
        typeof attribute === "string" ? attribute : name.toLowerCase();
      return [[name, written, value]];
    },
  );
}

function subjectOf(looking: Looking | undefined): Subject {
  switch (looking?.kind) {
    case "screen":
      return "screen";
    case "sample":
      return looking.sample === "clip" ? "video" : "image";
    case "file":
      return looking.file.type.startsWith("video/") ? "video" : "image";
    case "camera":
    case undefined:
      return "camera";
  }
}

/** HTML that shows the element with what is chosen here. */
export function elementHtml(
  vlm: FastVlmElement,
  looking: Looking | undefined,
): string {
  const subject = subjectOf(looking);
  const attributes = chosenOptions(vlm).map(([, name, value]) =>
    value === true ? name : `${name}="${escapeHtml(String(value))}"`,
  );
  if (isBundledModel(vlm.model)) {
    attributes.splice(1, 0, `model-base="${packageFolder}"`);
  }
  const lines = [
    `<script type="module" src="${packageFolder}/fast-vlm.js"></script>`,
  ];
  if (subject === "image") {
    lines.push('<img id="photo" src="photo.jpg" alt="" />');
    attributes.push('for="photo"');
  } else if (subject === "video") {
    lines.push('<video id="clip" src="clip.mp4" controls></video>');
    attributes.push('for="clip"', "live");
  } else {
    attributes.push(`source="${subject}"`);
    if (subject === "camera" && vlm.facing) {
      attributes.push(`facing="${vlm.facing}"`);
    }
    attributes.push("live");
  }
  lines.push(tag(attributes));
  return lines.join("\n");
}

/** On one line if it is short. */
function tag(attributes: readonly string[]): string {
  const line = `<fast-vlm ${attributes.join(" ")}></fast-vlm>`;
  if (line.length <= 80) return line;
  return `<fast-vlm\n  ${attributes.join("\n  ")}\n></fast-vlm>`;
}

/** The JavaScript equivalent, without the element. */
export function sessionScript(
  vlm: FastVlmElement,
  looking: Looking | undefined,
): string {
  const subject = subjectOf(looking);
  const options = chosenOptions(vlm).map(
    ([name, , value]) => [name, value] as const,
  );
  const creation = literal([
    ...(isBundledModel(vlm.model)
      ? [["modelBase", packageFolder] as const]
      : []),
    ...options.filter(([name]) => name === "hub"),
  ]);
  const model = literal(
    options.filter(([name]) => modelOptions.includes(name)),
  );
  // Live captions draft by default.
  const request = literal(
    options.flatMap(([name, value]) => {
      if (modelOptions.includes(name) || name === "hub") return [];
      return [[name, name === "draft" ? false : value] as const];
    }),
  );
  const next = request && `, ${request}`;
  return [
    'import { createFastVlm } from "fast-vlm";',
    "",
    `const vlm = createFastVlm(${creation});`,
    `const session = await vlm.create(${model});`,
    ...(subject === "image"
      ? [
          'const photo = document.querySelector("img");',
          `const { text } = await session.describe(photo${next}).done();`,
          "console.log(text);",
        ]
      : [
          `const ${liveName[subject]} = ${liveSource[subject]};`,
          `for await (const { text } of session.watch(${liveName[subject]}${next})) {`,
          "  console.log(text);",
          "}",
        ]),
  ].join("\n");
}

const liveName = { camera: "camera", screen: "screen", video: "clip" } as const;

const liveSource = {
  camera: "await navigator.mediaDevices.getUserMedia({ video: true })",
  screen: "await navigator.mediaDevices.getDisplayMedia()",
  video: 'document.querySelector("video")',
} as const;

/** `{ a: 1, b: "2" }`; nothing for no entries. */
function literal(entries: readonly (readonly [string, unknown])[]): string {
  if (entries.length === 0) return "";
  const parts = entries.map(
    ([name, value]) => `${name}: ${JSON.stringify(value)}`,
  );
  return `{ ${parts.join(", ")} }`;
}

function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll('"', "&quot;");
}
