/** Generates scenes of coloured shapes, which the bundled model recognises. */
const grounds = ["white", "gray", "pink", "black"];
const colours = ["red", "green", "blue", "yellow", "orange", "purple"];
const corners = { triangle: 3, square: 4, star: 10 };

/** Lengths are fractions of the shorter side. */
interface Shape {
  readonly colour: string;
  /** Number of corners; 0 is a circle. */
  readonly corners: number;
  /** Centre, as fractions of width and height. */
  readonly x: number;
  readonly y: number;
  readonly radius: number;
}

export interface Scene {
  readonly ground: string;
  readonly shapes: readonly Shape[];
}

type Context = CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D;

/** `random` returns numbers in [0, 1), like `Math.random`. */
export function makeScene(random: () => number): Scene {
  const pick = <T>(from: readonly T[]): T => {
    const picked = from[Math.floor(random() * from.length)];
    if (picked === undefined) throw new Error("Nothing to choose from.");
    return picked;
  };
  const ground = pick(grounds);
  const count = 1 + Math.floor(random() * 3);
  const shapes = Array.from({ length: count }, (_, at) => ({
    colour: pick(colours),
    corners: pick([0, ...Object.values(corners)]),
    x: (at + 0.5) / count,
    y: 0.3 + random() * 0.4,
    radius: Math.min(0.4 / count, 0.13 + random() * 0.12),
  }));
  return { ground, shapes };
}

/** `dx`, `dy`: offset of the shapes, as fractions of width and height. */
export function paintScene(
  context: Context,
  { ground, shapes }: Scene,
  dx = 0,
  dy = 0,
): void {
  const { width, height } = context.canvas;
  context.fillStyle = ground;
  context.fillRect(0, 0, width, height);
  for (const { colour, corners: sides, ...at } of shapes) {
    const x = (at.x + dx) * width;
    const y = (at.y + dy) * height;
    const radius = at.radius * Math.min(width, height);
    context.fillStyle = colour;
    context.beginPath();
    if (sides === 0) context.arc(x, y, radius, 0, 2 * Math.PI);
    else polygon(context, x, y, radius, sides);
    context.fill();
  }
}

/** A star is a polygon with every second corner closer to the centre. */
function polygon(
  context: Context,
  x: number,
  y: number,
  radius: number,
  sides: number,
): void {
  const turn = sides === corners.square ? Math.PI / 4 : 0;
  for (let corner = 0; corner < sides; corner++) {
    const inner = sides === corners.star && corner % 2 === 1;
    const reach = inner ? radius * 0.4 : radius;
    const angle = turn + (corner * 2 * Math.PI) / sides - Math.PI / 2;
    context.lineTo(x + reach * Math.cos(angle), y + reach * Math.sin(angle));
  }
}
