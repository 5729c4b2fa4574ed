/**
 * The kernels: functions over linear memory, without state and without
 * allocation. Arguments are byte addresses and sizes; the last two, `begin` and
 * `end`, are the part of the outermost dimension to compute.
 */
export * from "./scale-add";
export * from "./product-float";
export * from "./depthwise";
export * from "./feature-map";
export * from "./map-attention";
export * from "./argmax";
export * from "./cached-attention";
export * from "./gate";
export * from "./product-q4";
export * from "./rms-norm";
export * from "./rotary";
export * from "./product-int8";
