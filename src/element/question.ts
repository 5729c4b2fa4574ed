import { badOption, choose } from "../session/load-options";
import { runOptions } from "../session/run-options";
import type { GenerateOptions, Message } from "../shared/protocol";
import type { AskOptions, Attributes, Turn } from "./options";

const drafts = ["live", "off"] as const;

/** A question with all that goes with it. */
export interface Question extends AskOptions {
  /** Without one, the attribute's as it is when the pictures are there. */
  readonly prompt?: string | undefined;
  readonly signal: AbortSignal;
  /** Pictures that come with it; one. */
  readonly images?: number;
  readonly live?: boolean;
}

/** `side` is the model's own, for want of another. */
export function describeOptions(
  attributes: Attributes,
  options: Question,
  side: number,
): GenerateOptions {
  return {
    messages: conversation(options, options.prompt ?? attributes.prompt),
    ...runOptions({
      style: options.style ?? attributes.promptStyle,
      fit: options.fit ?? attributes.fit,
      anyres: options.anyres ?? attributes.anyres,
      size: options.size ?? (attributes.size === 0 ? side : attributes.size),
      maxTokens: options.maxTokens ?? attributes.maxTokens,
      sampling: { ...attributes.sampling, ...options.sampling },
      draft: options.draft ?? false,
      gate: options.gate ?? 0,
    }),
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
function conversation(
  { images = 1, ...rest }: Question,
  prompt: string,
): Message[] {
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
    return { role, text, imageCount: images };
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
  return [...messages, { role: "user", text: prompt, imageCount: left }];
}
