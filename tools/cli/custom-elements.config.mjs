// @ts-check
/** Of the analyzer of custom elements: `npm run package`. */
export default {
  globs: ["src/element/fast-vlm.ts", "src/element/define.ts"],
  litelement: true,
  // What stands in package.json is ours to write.
  packagejson: false,
};
