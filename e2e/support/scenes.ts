/** A few scenes of the scene generator, drawn by arithmetic alone. */

type Rgb = readonly [number, number, number];

interface Shape {
  readonly kind: "circle" | "square" | "triangle";
  readonly color: Rgb;
  /** Centre and radius as fractions of the width and the height. */
  readonly x: number;
  readonly y: number;
  readonly radius: number;
}

export interface Scene {
  readonly ground: Rgb;
  readonly shapes: readonly Shape[];
  readonly caption: string;
}

export interface RgbImage {
  readonly width: number;
  readonly height: number;
  /** Red, green, blue, row by row. */
  readonly pixels: Uint8Array;
}

const red: Rgb = [220, 40, 40];
const green: Rgb = [40, 160, 60];
const blue: Rgb = [40, 80, 220];
const yellow: Rgb = [240, 220, 40];
const white: Rgb = [255, 255, 255];
const black: Rgb = [20, 20, 20];
const gray: Rgb = [150, 150, 150];

/** The scenes of the clip, in order. */
export const scenes: readonly Scene[] = [
  {
    ground: white,
    shapes: [{ kind: "circle", color: red, x: 0.5, y: 0.5, radius: 0.3 }],
    caption: "A red circle on a white background.",
  },
  {
    ground: black,
    shapes: [{ kind: "square", color: yellow, x: 0.45, y: 0.5, radius: 0.35 }],
    caption: "A yellow square on a black background.",
  },
  {
    ground: white,
    shapes: [{ kind: "triangle", color: green, x: 0.55, y: 0.5, radius: 0.35 }],
    caption: "A green triangle on a white background.",
  },
  {
    ground: gray,
    shapes: [
      { kind: "circle", color: red, x: 0.28, y: 0.5, radius: 0.22 },
      { kind: "square", color: blue, x: 0.72, y: 0.5, radius: 0.25 },
    ],
    caption: "A red circle left of a blue square on a gray background.",
  },
];

/** `dx`, `dy`: from the centre, in radii; y points down. */
function covers(kind: Shape["kind"], dx: number, dy: number): boolean {
  switch (kind) {
    case "circle":
      return dx * dx + dy * dy <= 1;
    case "square":
      return Math.max(Math.abs(dx), Math.abs(dy)) <= Math.SQRT1_2;
    case "triangle":
      // Its lower side lies half a radius below the centre.
      return dy <= 0.5 && Math.abs(dx) * Math.sqrt(3) <= 1 + dy;
  }
}

/** Each pixel is the mean of 3 × 3 samples: antialiased edges. */
export function draw(scene: Scene, width: number, height: number): RgbImage {
  const pixels = new Uint8Array(3 * width * height);
  const samples = [1 / 6, 1 / 2, 5 / 6];
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const sum = [0, 0, 0];
      for (const oy of samples) {
        for (const ox of samples) {
          const color = colorAt(scene, column + ox, row + oy, width, height);
          for (const channel of [0, 1, 2] as const) {
            sum[channel] = (sum[channel] ?? 0) + color[channel];
          }
        }
      }
      const at = 3 * (row * width + column);
      pixels.set(
        sum.map((value) => Math.round(value / 9)),
        at,
      );
    }
  }
  return { width, height, pixels };
}

function colorAt(
  { shapes, ground }: Scene,
  x: number,
  y: number,
  width: number,
  height: number,
): Rgb {
  const shape = shapes.find(({ kind, ...at }) => {
    const radius = at.radius * Math.min(width, height);
    return covers(
      kind,
      (x - at.x * width) / radius,
      (y - at.y * height) / radius,
    );
  });
  return shape?.color ?? ground;
}
