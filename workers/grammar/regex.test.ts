import { expect, test } from "vitest";
import type { Constraint } from "../../src/shared/protocol";
import { accepts, end, grammar, tokenizer } from "../testing/nano-grammar";
import { randomAnswer } from "../testing/random-answer";

const whole = ({ source, flags }: RegExp): RegExp =>
  new RegExp(`^(?:${source})$`, flags);
const constrain = ({ source, flags }: RegExp, prefix = "", limit = 300) => {
  const constraint: Constraint = { type: "regex", source, flags };
  return grammar.constrain(constraint, prefix, limit);
};

test.each<[RegExp, string[], string[]]>([
  [/hello/, ["hello"], ["say hello", "hell", ""]],
  [/^a|b$/, ["a", "b"], ["ab", "aa"]],
  [/(^a|b)c/, ["ac", "bc"], ["c"]],
  [/\d{4}-\d\d(-\d\d)?/, ["2024-05", "2024-05-06"], ["24-05", "2024-05-"]],
  [/(?<word>red|green)+?/i, ["Red", "rEDgreen"], ["reed"]],
  [/[^"]*/, ["", "two words", "ä"], ['a"']],
  [/.{2}/, ["ab", "éß", "中文"], ["a", "abc", "a\n"]],
  [/a.b/s, ["a\nb"], ["ab"]],
  [/a.b/, ["aéb"], ["a\nb", "a\u2028b"]],
  [/\u0041\x42\n?/, ["AB", "AB\n"], ["ab"]],
  [/[äöü]+\s/, ["öä ", "ü\u00a0"], ["o "]],
  [/(?:)/, [""], ["a"]],
  [/[\w.]+@[\w.]+/, ["a.b@c"], ["@c", "a b@c"]],
  [/x*/, ["", "xxx"], ["xy"]],
  [/x{0}y/, ["y"], ["xy"]],
  [/.{1,80}/, ["é", "😀", "中文"], ["", "\n"]],
  [/\S{2,7} \D\W?/, ["é😀 x!"], ["a b"]],
  [/[^,]+/, ["é😀"], ["a,b", ""]],
  [/[^"]{3}/, ["äöü", "한국어"], ['ab"', "ab"]],
  [/^[\u4e00-\u9fff]{2,4}$/, ["中文"], ["ab", "中"]],
  [/[가-힣]+/, ["한국"], ["中"]],
  [/[\u{1f300}-\u{1faff}]+/u, ["😀", "😀🦊"], ["a"]],
  [/👍/, ["👍"], ["👎"]],
  [/👍+/u, ["👍", "👍👍"], ["👎"]],
  [/ÉTÉ ΣΑΣ/i, ["été σας", "Été σαΣ"], ["ete σας"]],
  [/straße/i, ["STRAßE"], ["strasse"]],
  [/ſ/iu, ["ſ", "s", "S"], ["c"]],
  [/s/i, ["s", "S"], ["ſ"]],
  [/[^s]/iu, ["c"], ["ſ", "S"]],
  [/\p{Lu}\p{Ll}*/u, ["Élan", "Ж"], ["élan"]],
  [/\P{L}+/u, ["12 ,"], ["a"]],
  [/[[a-z]--[aeiou]]+/v, ["xyz"], ["xay"]],
  [/(?=.*\d)(?=.*[a-z]).{4,8}/, ["abc1", "1é2b"], ["abcd", "1"]],
  [/(?!no).*/, ["yes", "n"], ["no", "nope"]],
  [/\b(red|green)\b.*/, ["red", "red circle"], ["redd", "blue"]],
  [/a\Bb/, ["ab"], ["a b"]],
  [
    /^Greetings and salutations.{0,9}$/,
    ["Greetings and salutations, all"],
    ["Greetings and salutation"],
  ],
  [
    /\bthe quick brown fox\b jumps over the lazy dog\b/,
    ["the quick brown fox jumps over the lazy dog"],
    ["the quick brown fox jumps over the lazy dogs"],
  ],
  [/(a{30}){30}/, ["a".repeat(900)], ["a".repeat(899)]],
])("%s accepts the texts that match, and no others", (pattern, yes, no) => {
  for (const text of yes) {
    expect(accepts(constrain(pattern, "", 2000), text), text).toBe(true);
    expect(whole(pattern).test(text), text).toBe(true);
  }
  for (const text of no) {
    expect(accepts(constrain(pattern, "", 2000), text), text).toBe(false);
    expect(whole(pattern).test(text), text).toBe(false);
  }
});

// Without flag u, an emoji is two characters of a JavaScript string.
test.each<[RegExp, string[], string[]]>([
  [/.{2}/, ["😀"], ["😀😀"]],
  [/..a/, ["😀a", "xya"], ["xa"]],
  [/[\s\S]{3}/, ["😀a", "abc"], ["😀😀"]],
  [/[\ude00\ude0e\ud83d]+/, ["😀😎"], ["😁"]],
  [/\ud83d[\ude00-\ude4f]/, ["😀"], ["🦊"]],
  [/👍+/, ["👍"], ["👍👍"]],
])("%s counts code units as RegExp does", (pattern, yes, no) => {
  for (const text of yes) {
    expect(accepts(constrain(pattern), text), text).toBe(true);
    expect(whole(pattern).test(text), text).toBe(true);
  }
  for (const text of no) {
    expect(accepts(constrain(pattern), text), text).toBe(false);
    expect(whole(pattern).test(text), text).toBe(false);
  }
});

test.each([
  /[A-Z][a-z]{2,5} (is|was) [^"\n]*/,
  /(\d+|[a-f]+|é){1,4}/,
  /.+/,
  /.{1,80}/,
  /\S{2,7} \D\W?/,
  /[^a-z]{3}/i,
  /[^,]{1,80}/u,
  /\p{L}{2,20}/u,
  /.{0,80}a.{0,80}/,
  /.*a.{20}/,
])("random sampling matches %s", (pattern) => {
  for (let seed = 1; seed <= 6; seed++) {
    const constraint = constrain(pattern);
    const { text, ended } = randomAnswer(
      constraint,
      { tokenizer, end },
      seed,
      300,
    );
    expect(ended).toBe(true);
    expect(text).toMatch(whole(pattern));
  }
});

test.each<[RegExp, RegExp]>([
  [/(a)\1/, /a backreference \(\\1\)/],
  [/(?<!a)b/, /a lookbehind assertion/],
  [/((?!-->).)*/, /an assertion inside a repetition/],
  [/a^b/, /no text satisfies it/],
  [/a(?=b)/, /no text satisfies it/],
  [new RegExp("[]"), /no text satisfies it/],
  [/\ud800/, /no text satisfies it/],
  [/(a{900}){900}/, /needs at least \d+ tokens, and 300 are available/],
])("rejects %s with bad-option: %s", (pattern, message) => {
  expect(() => constrain(pattern)).toThrow(
    expect.objectContaining({
      code: "bad-option",
      message: expect.stringMatching(message) as string,
    }),
  );
});

test("rejects an invalid pattern with bad-option", () => {
  const broken = { type: "regex", source: "(", flags: "" } as const;
  expect(() => grammar.constrain(broken, "", 300)).toThrow(
    expect.objectContaining({ code: "bad-option" }),
  );
});

test("continues a prefix, and rejects with bad-option when it cannot match", () => {
  const pattern = /^Greetings and salutations.*/;
  const constraint = constrain(pattern, "Greetings");
  expect(accepts(constraint, " and salutations")).toBe(true);
  expect(() => constrain(pattern, "invalid")).toThrow(
    expect.objectContaining({ code: "bad-option" }),
  );
});
