interface ImportMetaEnv {
  /** Names a build whose files have no hashes in their names: the package's. */
  readonly BUILD?: string;
}

/** WebAssembly modules as base64: tools/cli/assembly-script.mjs. */
declare module "*?asc=simd" {
  const code: string;
  export default code;
}
declare module "*?asc=relaxed" {
  const code: string;
  export default code;
}
declare module "*?asc=local" {
  const code: string;
  export default code;
}
