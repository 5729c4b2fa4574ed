export { listCameras, type Facing } from "./camera";
export type {
  CaptionDetail,
  CaptionTimings,
  ErrorDetail,
  FastVlmEventMap,
  FrameDetail,
  ProgressDetail,
  StateDetail,
  TokenDetail,
} from "./element/events";
export { FastVlm } from "./element/fast-vlm";
export type { AskOptions, Source } from "./element/options";
export type { State } from "./element/state";
export { errorCodes, VlmError, type ErrorCode } from "./shared/errors";
export type {
  Answer,
  DeviceChoice,
  Dtype,
  ModelInfo,
  Sampling,
  Timings,
  VlmWorker,
} from "./shared/protocol";
