import type { StorageType } from "../../../kernels/storage-type";
import type { Variant } from "../../../kernels/variant";
import type { Command } from "../../../ort/capture";
import { popScopes, pushScopes, watched } from "../../../ort/error-scopes";
import type { Operation } from "./operation";
import { recordOf, workOf, type Choice } from "./choice-record";
import { Trial } from "./trial";

/** Sums of thousands in another order; halves are summed as such by the
 * runtime, and not by us. Of the largest number in the result. */
const TOLERANCE: Readonly<Record<StorageType, number>> = {
  float32: 1e-4,
  float16: 3e-2,
};

/** What is known of a device. */
interface Experience {
  readonly choices: Map<string, Promise<Choice>>;
  /** Families of kernels that were far behind, and need no other trial. */
  readonly beaten: Set<string>;
}

const experiences = new WeakMap<GPUDevice, Experience>();

/** Where one thing is this much slower, it will not be quicker elsewhere. */
const FAR = 4;

/**
 * Tries `operation` on this adapter against the runtime's `commands`, on noise
 * in their own buffers, whose contents come back: it must give the same and be
 * quicker. Once for each kind of work on a device, and not where that is on
 * record.
 */
export function choose(
  device: GPUDevice,
  operation: Operation,
  commands: readonly Command[],
): Promise<Choice> {
  let experience = experiences.get(device);
  if (experience === undefined) {
    experience = { choices: new Map(), beaten: new Set() };
    experiences.set(device, experience);
  }
  const { choices, beaten } = experience;
  // Other shaders may mean something else by the same numbers.
  const shaders = commands.map(({ shader }) => shader.code);
  const key = [operation.kind, ...shaders].join("\n");
  let choice = choices.get(key);
  if (choice === undefined) {
    choice = chosen(device, operation, commands, beaten);
    choices.set(key, choice);
    // A trial that failed says nothing of the next.
    choice.catch(() => choices.delete(key));
  }
  return choice;
}

async function chosen(
  device: GPUDevice,
  operation: Operation,
  commands: readonly Command[],
  beaten: Set<string>,
): Promise<Choice> {
  const record = recordOf(device);
  if (record === undefined) return tryOn(device, operation, commands, beaten);
  const work = await workOf(operation, commands, device.limits);
  const known = record.find(work);
  if (known !== undefined) return known;
  const choice = await tryOn(device, operation, commands, beaten);
  record.add(work, choice);
  return choice;
}

async function tryOn(
  device: GPUDevice,
  operation: Operation,
  commands: readonly Command[],
  beaten: Set<string>,
): Promise<Choice> {
  const none = { by: "theirs", theirs: NaN, ours: NaN, kernel: "" } as const;
  const variants = operation
    .variants(device.limits)
    .filter(({ family }) => !beaten.has(family));
  if (variants.length === 0) return { ...none, fault: "no kernel fits" };
  const { varied, given = [], outputs } = operation;
  const touched = [...varied, ...given.map(({ range }) => range), ...outputs];
  if (!touched.every(({ buffer }) => isCopyable(buffer))) {
    return { ...none, fault: "its buffers cannot be copied" };
  }
  const { made: trial, fault } = watched(device, () => {
    return new Trial(device, operation, commands);
  });
  const unsaved = await fault;
  if (unsaved !== undefined) {
    trial.drop();
    return { ...none, fault: unsaved.message };
  }
  pushScopes(device);
  let choice: Choice | undefined;
  try {
    trial.begin();
    choice = await race(trial, operation, variants, beaten);
  } catch (error) {
    if (await isLost(device)) throw error;
    choice = { ...none, fault: String(error) };
  } finally {
    trial.end();
    const told = await popScopes(device);
    if (told !== undefined) choice = { ...none, fault: told.message };
  }
  return choice;
}

/**
 * The quickest, if it is right. At first one of each family runs: compiling
 * those that have no chance takes longer than all trials.
 */
async function race(
  trial: Trial,
  { type }: Operation,
  variants: readonly Variant[],
  beaten: Set<string>,
): Promise<Choice> {
  const scouts = variants.filter(({ family }, i) => {
    return variants.findIndex((other) => other.family === family) === i;
  });
  const [theirs, first] = await trial.timesBoth(scouts);
  const least = Math.min(...first);
  scouts.forEach(({ family }, i) => {
    if ((first[i] ?? 0) > FAR * least) beaten.add(family);
  });
  const rest = variants.filter((variant) => {
    return !scouts.includes(variant) && !beaten.has(variant.family);
  });
  const racers = [...scouts.filter((_, i) => first[i] === least), ...rest];
  const times = racers.length === 1 ? [least] : await trial.times(racers);
  const ours = Math.min(...times);
  const variant = racers[times.indexOf(ours)];
  if (variant === undefined) throw new Error("The trial gave no times.");
  const found = { theirs, ours, kernel: variant.kernel.label };
  if (ours >= theirs) return { by: "theirs", ...found };
  const off = await trial.difference(variant);
  if (off <= TOLERANCE[type]) return { by: "ours", ...found };
  return { by: "theirs", ...found, fault: `${off} off the runtime's` };
}

/** A loss may be told a little later than what it makes fail. */
function isLost(device: GPUDevice): Promise<boolean> {
  return Promise.race([
    device.lost.then(() => true),
    new Promise<boolean>((resolve) => {
      setTimeout(() => {
        resolve(false);
      }, 100);
    }),
  ]);
}

function isCopyable({ usage }: GPUBuffer): boolean {
  const needed = GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
  return (usage & needed) === needed;
}
