/**
 * The whole library in one file, for pages without a bundler: it registers the
 * tag, and may come from another origin than the page.
 */
import "./element/define";
import { startWorkersBy } from "./runtime/start-worker";
import { workerFromAnywhere } from "./runtime/worker-from-anywhere";

startWorkersBy(workerFromAnywhere);

export * from "./index";
export { LanguageModel, QuotaExceededError } from "./prompt-api/index";
