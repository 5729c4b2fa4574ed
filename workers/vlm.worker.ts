import { expose, transferHandlers } from "comlink";
import { transferErrors } from "../src/shared/error-transfer";
import { Api } from "./api";

transferErrors(transferHandlers);
const api = new Api();
api.onEvent = (message) => postMessage(message);
expose(api);
