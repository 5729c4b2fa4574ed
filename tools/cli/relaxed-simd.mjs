// @ts-check
/** Run before each file of unit tests: Node 20 has relaxed SIMD behind a flag, and its
 * baseline compiler multiplies bytes wrongly there. */
import { setFlagsFromString } from "node:v8";

setFlagsFromString("--experimental-wasm-relaxed-simd");
setFlagsFromString("--no-liftoff");
