// @ts-check
/** Of the analyzer of custom elements: `npm run package`. */
export default {
  globs: ["attributes", "field", "fast-vlm", "define"].map(
    (name) => `src/element/${name}.ts`,
  ),
  // What stands in package.json is ours to write.
  packagejson: false,
};
