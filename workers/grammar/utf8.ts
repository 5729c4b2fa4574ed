/** State of a UTF-8 decoder; 0 is the boundary between characters. */
export type Utf8State = number;

export const INVALID_UTF8 = -1;

/** Transitions of each state: ranges of the next byte, and the state after it. */
const STEPS: readonly (readonly (readonly [
  first: number,
  last: number,
  next: Utf8State,
])[])[] = [
  [
    [0x00, 0x7f, 0],
    [0xc2, 0xdf, 1],
    [0xe0, 0xe0, 4],
    [0xe1, 0xec, 2],
    [0xed, 0xed, 5],
    [0xee, 0xef, 2],
    [0xf0, 0xf0, 6],
    [0xf1, 0xf3, 3],
    [0xf4, 0xf4, 7],
  ],
  [[0x80, 0xbf, 0]],
  [[0x80, 0xbf, 1]],
  [[0x80, 0xbf, 2]],
  [[0xa0, 0xbf, 1]],
  [[0x80, 0x9f, 1]],
  [[0x90, 0xbf, 2]],
  [[0x80, 0x8f, 2]],
];

/** The state after a byte; `INVALID_UTF8` if the byte is not allowed. */
export function nextUtf8State(state: Utf8State, byte: number): Utf8State {
  if (byte < 0x80) return state === 0 ? 0 : INVALID_UTF8;
  const step = STEPS[state]?.find(
    ([first, last]) => byte >= first && byte <= last,
  );
  return step?.[2] ?? INVALID_UTF8;
}
