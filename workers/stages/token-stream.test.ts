import { expect, test } from "vitest";
import { TokenStream } from "./token-stream";

/** A token for each byte. */
const tokenizer = {
  decode: (ids: readonly number[]) =>
    new TextDecoder().decode(Uint8Array.from(ids)),
};

function streamOf(ids: Iterable<number>) {
  const stream = new TokenStream(tokenizer);
  const events = [...stream.push([...ids], undefined)];
  stream.end();
  return { text: stream.text, pieces: events.map(({ text }) => text) };
}

test.each(["é", "€", "你好", "🦊", "a🦊b€"])(
  "%s: an answer that is cut inside a character has no broken one",
  (text) => {
    const bytes = new TextEncoder().encode(text);
    for (let length = 0; length <= bytes.length; length++) {
      const whole = [...text].filter((_, i, all) => {
        const upTo = all.slice(0, i + 1).join("");
        return new TextEncoder().encode(upTo).length <= length;
      });
      const { text: got, pieces } = streamOf(bytes.subarray(0, length));
      expect(got).toBe(whole.join(""));
      expect(pieces.join("")).toBe(got);
    }
  },
);

test("keeps a broken character that other text follows", () => {
  expect(streamOf([0xe4, 0x61]).text).toBe("\uFFFDa");
});
