// @ts-check
/** Configuration of the custom elements analyzer, for `npm run package`. */
export default {
  globs: ["attributes", "fast-vlm", "define"].map(
    (name) => `src/element/${name}.ts`,
  ),
  // Do not edit package.json.
  packagejson: false,
};
