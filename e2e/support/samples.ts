import { readDocument, samplesOf } from "../../tools/cli/docs/documents.mjs";

/** The first sample of a document in a language that contains a text. */
export type SamplePlace = readonly [
  document: string,
  language: string,
  text: string,
];

export function sampleAt([document, language, text]: SamplePlace): string {
  const found = samplesOf(readDocument(document).text).find(
    (sample) => sample.language === language && sample.code.includes(text),
  );
  if (found) return found.code;
  throw new Error(`${document} has no ${language} sample with ${text}.`);
}

/** The lines that a sample prints, by the quoted comments after its console.log(…). */
export function expectedLines(code: string): string[] {
  return [...code.matchAll(/console\.log\(.*\);\s*\/\/ "(.*)"$/gm)].map(
    ([, line = ""]) => line,
  );
}

/** The arguments of `npx fast-vlm` in the README that copy to this folder. */
export function copyArguments(folder: string): string[] {
  const code = sampleAt(["README.md", "sh", `copy ${folder}`]);
  const [, args = ""] = /^npx fast-vlm (.*?) *(?:#|$)/m.exec(code) ?? [];
  return args.split(" ");
}
