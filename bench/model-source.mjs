// @ts-check
/** Where the model of a bench comes from. */
import { join } from "node:path";
import {
  ensureSyntheticModel,
  graphsOf,
  syntheticNames,
} from "../tools/cli/synthetic.mjs";
import { cache } from "../tools/cli/prepare.mjs";

/**
 * A made model comes from a hub, as it would without being made.
 * @param {string} model
 * @returns {Promise<{ model: string, hub?: string, close: () => Promise<void> }>}
 */
export async function openModel(model) {
  if (!syntheticNames.includes(model)) {
    return { model, close: () => Promise.resolve() };
  }
  const folder = join(cache, "made", model);
  ensureSyntheticModel(model, folder, graphsOf(model), (line) =>
    console.error(line),
  );
  const { startHub } = await import("../tools/cli/hub-server.mjs");
  const hub = await startHub({ models: { [`made/${model}`]: folder } });
  return {
    model: `made/${model}`,
    hub: hub.url,
    close: async () => {
      await hub.close();
    },
  };
}
