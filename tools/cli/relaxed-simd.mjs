// @ts-check
/** Run before each file of unit tests: Node 20 has relaxed SIMD behind a flag. */
import { setFlagsFromString } from "node:v8";

setFlagsFromString("--experimental-wasm-relaxed-simd");
