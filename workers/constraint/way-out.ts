import type { Machine } from "./machine";

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
