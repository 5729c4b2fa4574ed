import type { ConversationEntry } from "../../index";
import { secondsText } from "./number-text";
import type { PanelTexts } from "./panel-texts";

interface ExportedTranscript {
  /** Oldest first. */
  readonly entries: readonly ConversationEntry[];
  readonly model: string;
  readonly withThumbnails: boolean;
}

/** Times are ISO 8601 in UTC, durations in ms. */
export async function transcriptJson({
  entries,
  model,
  withThumbnails,
}: ExportedTranscript): Promise<string> {
  const conversation = await Promise.all(
    entries.map(async (entry) => {
      const { question, answer, state, finish, timings, error } = entry;
      const { thumbnail } = entry;
      return {
        ...{ question, answer, state, finish },
        time: new Date(entry.time).toISOString(),
        ttft: timings?.ttft,
        error,
        thumbnail:
          withThumbnails && thumbnail ? await dataUrl(thumbnail) : undefined,
      };
    }),
  );
  return `${JSON.stringify({ model, conversation }, null, 2)}\n`;
}

/** Times are local. */
export async function transcriptMarkdown(
  { entries, model, withThumbnails }: ExportedTranscript,
  { lang, conversation: texts }: PanelTexts,
): Promise<string> {
  const blocks = [`# ${escapeMarkdown(texts.about(model))}`];
  for (const entry of entries) {
    const { question, time, timings } = entry;
    blocks.push(`## ${escapeMarkdown(question)}`);
    if (withThumbnails && entry.thumbnail) {
      blocks.push(`![${texts.thumbnail}](${await dataUrl(entry.thumbnail)})`);
    }
    if (entry.answer) blocks.push(escapeMarkdown(answerText(entry)));
    if (entry.error) blocks.push(escapeMarkdown(entry.error.message));
    const date = new Date(time).toLocaleString(lang);
    const ttft = timings?.ttft;
    blocks.push(
      ttft === undefined
        ? `_${date}_`
        : `_${date} · ${texts.firstWord(secondsText(ttft, lang))}_`,
    );
  }
  return `${blocks.join("\n\n")}\n`;
}

/** The answer so far, with “…” if it ends half-way. */
export function answerText({
  answer,
  state,
  finish,
}: ConversationEntry): string {
  const isCut = state !== "answering" && finish !== "stop";
  return isCut ? `${answer.trimEnd()}…` : answer;
}

/** Shown as it is, not as formatting. */
function escapeMarkdown(text: string): string {
  return text.replace(/[\\`*_[\]<>#|]/g, "\\$&");
}

function dataUrl(blob: Blob): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => resolve(reader.result as string));
    reader.addEventListener("error", () => reject(reader.error as Error));
    reader.readAsDataURL(blob);
  });
}
