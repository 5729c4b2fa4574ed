// @ts-check
/** Provides the model of a bench. */
import { join } from "node:path";
import {
  ensureSyntheticModel,
  graphsOf,
  syntheticNames,
} from "../tools/cli/synthetic/synthetic.mjs";
import { cache } from "../tools/cli/prepare.mjs";

/**
 * Serves a synthetic model from a local hub, like a published one.
 * @param {string} model
 * @returns {Promise<{ model: string, hub?: string, close: () => Promise<void> }>}
 */
export async function openModel(model) {
  if (!syntheticNames.includes(model)) {
    return { model, close: () => Promise.resolve() };
  }
  const folder = join(cache, "synthetic", model);
  ensureSyntheticModel(model, folder, graphsOf(model), (line) =>
    console.error(line),
  );
  const { startHub } = await import("../tools/cli/hub/server.mjs");
  const hub = await startHub({ models: { [`synthetic/${model}`]: folder } });
  return {
    model: `synthetic/${model}`,
    hub: hub.url,
    close: async () => {
      await hub.close();
    },
  };
}
