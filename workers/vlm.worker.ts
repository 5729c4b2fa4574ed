import { expose, transferHandlers } from "comlink";
import type { VlmWorker } from "../src/shared/protocol";
import { carryErrors } from "../src/shared/wire";
import { Api } from "./api";

carryErrors(transferHandlers);
expose(new Api() satisfies VlmWorker);
