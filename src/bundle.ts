/**
 * The whole library in one file, for pages without a bundler: it registers the
 * tag, and may come from another origin than the page.
 */
import "./element/define";
import { startWorkersBy } from "./runtime/start-worker";
import { startCrossOriginWorker } from "./runtime/cross-origin-worker";

startWorkersBy(startCrossOriginWorker);

export * from "./index";
export { LanguageModel, QuotaExceededError } from "./prompt-api/index";
