export { listCameras, type Facing } from "./look/camera";
export { createFastVlm, type FastVlm } from "./create-fast-vlm";
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
export { FastVlmElement } from "./element/fast-vlm";
export type {
  AskOptions,
  InspectOptions,
  SourceName,
  Turn,
} from "./element/options";
export type { State } from "./element/state";
export { addWords } from "./element/languages";
export type { Failure, Words } from "./element/words";
export { bytesText } from "./bytes";
export { amountText, phaseText } from "./element/progress-text";
export { acceptLicense, needsConsent } from "./models/license";
export type { FolderFiles } from "./models/folder";
export { registry, type RegistryEntry } from "./models/registry";
export type { LiveSource } from "./session/live";
export type { DownloadMonitor, DownloadProgressEvent } from "./session/monitor";
export type {
  Availability,
  AvailabilityOptions,
  CreateOptions,
  FastVlmOptions,
} from "./session/open";
export type {
  AnswerOptions,
  ConversationTurn,
  CountOptions,
  DescribeOptions,
  WatchOptions,
} from "./session/options";
export type { Source } from "./session/picture";
export type { Session } from "./session/session";
export type {
  AnswerTimings,
  Done,
  ImageStep,
  Step,
  Steps,
  TokenStep,
} from "./session/steps";
export type { Caption } from "./session/watch";
export { errorCodes, VlmError, type ErrorCode } from "./shared/errors";
export type {
  Device,
  DeviceChoice,
  Dtype,
  Graph,
  GraphDtypes,
  License,
  LocalFile,
  MemoryEstimate,
  MemoryUse,
  ModelFile,
  ModelReport,
  ModelSource,
  StoredModel,
} from "./shared/models";
export type {
  Answer,
  Fit,
  ModelInfo,
  PathChoice,
  PromptStyle,
  RunPath,
  Sampling,
  Timings,
  TokenCount,
  VlmWorker,
} from "./shared/protocol";
