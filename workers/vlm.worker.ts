import { expose, transferHandlers } from "comlink";
import { transferErrors } from "../src/shared/error-transfer";
import { Api } from "./api";
import { isThread, runThread } from "./backends/wasm/thread-pool";

// The file is also that of the threads that the worker starts.
if (isThread()) {
  runThread();
} else {
  transferErrors(transferHandlers);
  const api = new Api();
  api.onEvent = (message) => postMessage(message);
  expose(api);
}
