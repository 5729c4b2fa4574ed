export { listCameras, type Facing } from "./camera.ts";
export type {
  CaptionDetail,
  CaptionTimings,
  ErrorDetail,
  FastVlmEventMap,
  FrameDetail,
  ProgressDetail,
  StateDetail,
  TokenDetail,
} from "./element/events.ts";
export { FastVlm } from "./element/fast-vlm.ts";
export type { AskOptions, Source } from "./element/options.ts";
export type { State } from "./element/state.ts";
export { errorCodes, VlmError, type ErrorCode } from "./shared/errors.ts";
export type {
  Answer,
  DeviceChoice,
  Dtype,
  ModelInfo,
  Sampling,
  Timings,
  VlmWorker,
} from "./shared/protocol.ts";
