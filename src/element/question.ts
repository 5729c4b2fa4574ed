import type {
  DescribeOptions,
  Fit,
  Message,
  PromptStyle,
  Sampling,
} from "../shared/protocol";
import {
  badOption,
  choose,
  type AskOptions,
  type Attributes,
  type Turn,
} from "./options";

const greedy: Sampling = {
  temperature: 0,
  topK: 0,
  topP: 1,
  repetitionPenalty: 1,
  seed: 0,
};

const fits: readonly Fit[] = ["letterbox", "crop", "stretch"];
const drafts = ["live", "off"] as const;
const styles: readonly PromptStyle[] = ["reference", "demo"];

/** A question with all that goes with it. */
export interface Question extends AskOptions {
  readonly prompt: string;
  readonly signal: AbortSignal;
  /** Pictures that come with it. */
  readonly images: number;
  readonly live?: boolean;
}

/** `side` is the model's own, for want of another. */
export function describeOptions(
  attributes: Attributes,
  options: Question,
  side: number,
): Omit<DescribeOptions, "run"> {
  const size = options.size ?? (attributes.size || side);
  const maxTokens = options.maxTokens ?? attributes.maxTokens;
  if (!(size > 0 && size % 64 === 0)) {
    throw badOption(
      `The encoder cannot take pictures of side ${size}.`,
      "Choose a multiple of 64.",
    );
  }
  if (!(Number.isInteger(maxTokens) && maxTokens > 0)) {
    throw badOption(
      `An answer cannot have ${maxTokens} tokens at most.`,
      "Choose a whole number above 0.",
    );
  }
  return {
    messages: conversation(options),
    style: choose(
      "prompt style",
      options.style ?? attributes.promptStyle,
      styles,
    ),
    fit: choose("fit", options.fit ?? attributes.fit, fits),
    anyres: options.anyres ?? attributes.anyres,
    size,
    maxTokens,
    sampling: { ...greedy, ...attributes.sampling, ...options.sampling },
    draft: options.draft ?? false,
    gate: options.gate ?? 0,
  };
}

/** What live captions have beyond single questions. */
export function liveOptions({
  draft,
  gate,
}: Pick<Attributes, "draft" | "gate">): Pick<AskOptions, "draft" | "gate"> {
  return { draft: choose("draft", draft, drafts) === "live", gate };
}

/** The pictures that no earlier turn claims belong to the prompt. */
function conversation({ prompt, images, ...rest }: Question): Message[] {
  const turns: readonly Turn[] = rest.messages ?? [];
  let left = images;
  const messages = turns.map(({ role, text, images = 0 }, at): Message => {
    const expected = at % 2 === 0 ? "user" : "assistant";
    if (role !== expected || (role === "assistant" && images > 0)) {
      throw badOption(
        `Turn ${at + 1} of the conversation is not as it must be.`,
        "Turns alternate, the user's first; the assistant's have no pictures.",
      );
    }
    left -= images;
    return { role, text, images };
  });
  if (turns.length % 2 !== 0) {
    throw badOption(
      "The conversation lacks an answer before the prompt.",
      "Give earlier turns in pairs: a question and its answer.",
    );
  }
  if (left < 0) {
    throw badOption(
      `The turns have ${images - left} pictures, and ${images} came with them.`,
      "Hand over the pictures of all turns, oldest first.",
    );
  }
  return [...messages, { role: "user", text: prompt, images: left }];
}
