import { expose, transferHandlers } from "comlink";
import type { VlmWorker } from "../src/shared/protocol";
import { transferErrors } from "../src/shared/error-transfer";
import { Api } from "./api";

transferErrors(transferHandlers);
expose(new Api() satisfies VlmWorker);
