import { badOption, VlmError } from "../shared/errors";
import { describeValue, isObject } from "../shared/options";
import type { LocalFile, ModelSource } from "../shared/models";

/** Files of `<input webkitdirectory>`, or files with their paths. */
export type FolderFiles = Iterable<File | LocalFile>;

/** The same list object is the same model. */
const sources = new WeakMap<FolderFiles, ModelSource>();

/**
 * Finds the model in a local folder: the topmost folder with a config.json.
 * @throws `model-file-missing` if there is none, `bad-option` if there are several
 */
export function localFolder(files: FolderFiles): ModelSource {
  const found = sources.get(files) ?? findModel(files);
  sources.set(files, found);
  return found;
}

function findModel(files: FolderFiles): ModelSource {
  const all = [...files].map(toLocalFile);
  const [first] = all;
  if (first === undefined) {
    throw new VlmError(
      "model-file-missing",
      "The folder is empty.",
      "Choose the folder that contains the model's config.json.",
    );
  }
  const roots = all
    .map(({ path }) => path)
    .filter((path) => /(^|\/)config\.json$/.test(path))
    .map((path) => path.slice(0, -"config.json".length));
  const depth = (path: string): number => path.split("/").length;
  const least = Math.min(...roots.map(depth));
  const [root, ...others] = roots.filter((path) => depth(path) === least);
  const name = nameOf(root ?? first.path);
  if (root === undefined) {
    throw new VlmError(
      "model-file-missing",
      `There is no config.json in the folder ${name}.`,
      "Choose a model folder, which contains config.json, the tokenizer files and onnx/.",
    );
  }
  if (others.length > 0) {
    throw badOption(
      `The folder contains several models: ${[root, ...others].join(", ")}.`,
      "Choose the folder of one of them.",
    );
  }
  const model = all
    .filter(({ path }) => path.startsWith(root))
    .map(({ path, file }) => ({ path: path.slice(root.length), file }));
  return { kind: "folder", name, files: model };
}

function toLocalFile(file: File | LocalFile): LocalFile {
  if (file instanceof File) {
    return { path: file.webkitRelativePath || file.name, file };
  }
  if (isObject(file) && typeof file.path === "string") return file;
  throw badOption(
    `The folder contains ${describeValue(file)}, which is not a file.`,
    "Pass a FileList, or files with their paths: { path, file }.",
  );
}

/** The last folder of a path; `folder` for a path without one. */
function nameOf(path: string): string {
  return path.split("/").slice(0, -1).at(-1) ?? "folder";
}
