export { listCameras, type Facing } from "./capture/camera";
export {
  createFastVlm,
  type Availability,
  type CreateOptions,
  type FastVlm,
} from "./session/create-fast-vlm";
export type {
  AnswerKind,
  CaptionDetail,
  CaptionTimings,
  ConversationDetail,
  ConversationEntry,
  ErrorDetail,
  FastVlmEventMap,
  FrameDetail,
  ProgressDetail,
  StateDetail,
  TokenDetail,
} from "./element/events";
export { FastVlmElement } from "./element/fast-vlm";
export type { AskOptions } from "./element/controller";
export type { SourceName } from "./element/attributes";
export type { State } from "./element/state";
export { addTexts } from "./element/languages";
export type { ErrorText, Texts } from "./element/texts";
export { acceptLicense, needsConsent } from "./models/license";
export type { FolderFiles } from "./models/folder";
export { registry, type RegistryEntry } from "./models/registry";
export type { LiveSource } from "./capture/live-source";
export type {
  DownloadMonitor,
  DownloadProgressEvent,
} from "./session/download-monitor";
export type {
  AnswerOptions,
  ChatMessage,
  CountOptions,
  DescribeOptions,
  FastVlmOptions,
  FollowUpOptions,
  ModelOptions,
  WatchOptions,
} from "./session/options";
export type { Source } from "./session/source-image";
export type { Session } from "./session/session";
export type {
  AnswerTimings,
  AnswerDone,
  AnswerEvent,
  AnswerStream,
} from "./session/answer-stream";
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
  GpuMemory,
  MemoryUse,
  ModelCapabilities,
  ModelFile,
  ModelReport,
  ModelSource,
  StoredModel,
} from "./shared/models";
export type {
  Answer,
  Fit,
  ModelInfo,
  BackendChoice,
  PromptStyle,
  BackendName,
  Sampling,
  Timings,
  TokenCount,
  VlmWorker,
} from "./shared/protocol";
