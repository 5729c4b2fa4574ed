import { VlmError } from "../shared/errors";
import type { LocalFile, ModelSource } from "../shared/models";

/** Files of a folder: of `<input webkitdirectory>`, or with their paths. */
export type FolderFiles = Iterable<File | LocalFile>;

/** Told apart by identity: the same files are the same model. */
const known = new WeakMap<FolderFiles, ModelSource>();

/** The model in a folder of this machine, wherever in it the model lies. */
export function localFolder(files: FolderFiles): ModelSource {
  const found = known.get(files) ?? findModel(files);
  known.set(files, found);
  return found;
}

function findModel(files: FolderFiles): ModelSource {
  const all = [...files].map((file) => ({
    path:
      file instanceof File ? file.webkitRelativePath || file.name : file.path,
    file: file instanceof File ? file : file.file,
  }));
  if (all.length === 0) {
    throw new VlmError(
      "model-file-missing",
      "The folder is empty.",
      "Choose the folder that holds the model's config.json.",
    );
  }
  const roots = all
    .map(({ path }) => path)
    .filter((path) => /(^|\/)config\.json$/.test(path))
    .map((path) => path.slice(0, -"config.json".length));
  const depth = (path: string): number => path.split("/").length;
  const least = Math.min(...roots.map(depth));
  const [root, ...others] = roots.filter((path) => depth(path) === least);
  const name = nameOf(root ?? all[0]?.path ?? "");
  if (root === undefined) {
    throw new VlmError(
      "model-file-missing",
      `There is no config.json in the folder ${name}.`,
      "Choose the folder of a model: config.json, the tokenizer, and onnx/.",
    );
  }
  if (others.length > 0) {
    throw new VlmError(
      "bad-option",
      `The folder holds several models: ${[root, ...others].join(", ")}.`,
      "Choose the folder of one of them.",
    );
  }
  const model = all
    .filter(({ path }) => path.startsWith(root))
    .map(({ path, file }) => ({ path: path.slice(root.length), file }));
  return { kind: "folder", name, files: model };
}

/** The last folder of a path; files that were given bare have none. */
function nameOf(path: string): string {
  return path.split("/").slice(0, -1).at(-1) ?? "folder";
}
