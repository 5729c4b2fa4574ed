import type { Machine } from "./machine";

/** The longest that is looked for. */
const LONGEST = 512;

const bytesOf = (signs: string): number[] => [
  ...new TextEncoder().encode(signs),
];
/** Inside a text it ends first; outside, what is open does. */
const IN_TEXT = order('"');
const OUTSIDE = order('}]",:0123456789tfn-[{');

function order(first: string): readonly number[] {
  const letters = Array.from({ length: 0x7f - 0x21 }, (_, i) => 0x21 + i);
  const beyond = Array.from({ length: 0x80 }, (_, i) => 0x80 + i);
  const all = [...bytesOf(first), ...letters, 0x20, ...beyond];
  return [...new Set(all)];
}

/** Bytes by which an answer in JSON comes to an end soon; none may be found where
 * it has to guess what it must name. */
export function jsonWayOut<Spot>(
  machine: Pick<Machine<Spot>, "step" | "accepting">,
  from: Spot,
  isText: (spot: Spot) => boolean,
): number[] | undefined {
  const way: number[] = [];
  let spot = from;
  while (!machine.accepting(spot)) {
    let next: Spot | undefined;
    for (const byte of isText(spot) ? IN_TEXT : OUTSIDE) {
      next = machine.step(spot, byte);
      if (next === undefined) continue;
      way.push(byte);
      break;
    }
    if (next === undefined || way.length > LONGEST) return undefined;
    spot = next;
  }
  return way;
}

/** The shortest, where there are few spots, told apart by `key`. */
export function shortestWayOut<Spot>(
  machine: Pick<Machine<Spot>, "step" | "accepting">,
  from: Spot,
  key: (spot: Spot) => number,
): number[] | undefined {
  const seen = new Set([key(from)]);
  let edge: { spot: Spot; way: number[] }[] = [{ spot: from, way: [] }];
  while (edge.length > 0) {
    const further: typeof edge = [];
    for (const { spot, way } of edge) {
      if (machine.accepting(spot)) return way;
      for (let byte = 0; byte < 256; byte++) {
        const next = machine.step(spot, byte);
        if (next === undefined || seen.has(key(next))) continue;
        seen.add(key(next));
        further.push({ spot: next, way: [...way, byte] });
      }
    }
    edge = further;
  }
  return undefined;
}
