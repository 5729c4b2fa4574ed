/** A picture of the drawn world the carried model knows: some shapes. */
const grounds = ["white", "gray", "pink", "black"];
const colours = ["red", "green", "blue", "yellow", "orange", "purple"];
const corners = { triangle: 3, square: 4, star: 10 };

export async function drawScene(): Promise<Blob> {
  const canvas = new OffscreenCanvas(640, 480);
  const context = canvas.getContext("2d");
  if (!context) throw new Error("No canvas to draw on.");
  context.fillStyle = pick(grounds);
  context.fillRect(0, 0, canvas.width, canvas.height);

  const count = 1 + Math.floor(Math.random() * 3);
  for (let at = 0; at < count; at++) {
    const cell = canvas.width / count;
    const radius = Math.min(cell * 0.4, 60 + Math.random() * 60);
    const x = cell * (at + 0.5);
    const y = 150 + Math.random() * 180;
    context.fillStyle = pick(colours);
    context.beginPath();
    const sides = pick([0, ...Object.values(corners)]);
    if (sides === 0) context.arc(x, y, radius, 0, 2 * Math.PI);
    else polygon(context, x, y, radius, sides);
    context.fill();
  }
  return canvas.convertToBlob();
}

/** A star is a polygon whose every second corner is drawn in. */
function polygon(
  context: OffscreenCanvasRenderingContext2D,
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

function pick<T>(from: readonly T[]): T {
  const picked = from[Math.floor(Math.random() * from.length)];
  if (picked === undefined) throw new Error("Nothing to choose from.");
  return picked;
}
