import {
  contentField,
  contentHead,
  numberField,
  textField,
} from "../weights/protobuf-writer";

const FLOAT = 1;

/** The matrix of a layer: each output is the next input but one, times 1.01. */
function matrix(width: number): Float32Array<ArrayBuffer> {
  const values = new Float32Array(width * width);
  for (let row = 0; row < width; row++) {
    values[row * width + ((row + 2) % width)] = 1.01;
    values[row * width + ((row + 5) % width)] = row / width;
  }
  return values;
}

function value(name: string, width: number): number[] {
  const dims = [1, 1, width].flatMap((size) =>
    contentField(1, numberField(1, size)),
  );
  const tensor = [...numberField(1, FLOAT), ...contentField(2, dims)];
  const type = contentField(2, contentField(1, tensor));
  return [...textField(1, name), ...type];
}

/** `layers` matrix products in a row, all weights inside one protobuf. */
export function chain(layers: number, width: number): Blob {
  const weights = new Blob([matrix(width)]);
  const parts: BlobPart[] = [];
  const add = (field: readonly number[]): void => {
    parts.push(Uint8Array.from(field));
  };
  for (let layer = 0; layer < layers; layer++) {
    add(
      contentField(1, [
        ...textField(1, `x${layer}`),
        ...textField(1, `w${layer}`),
        ...textField(2, `x${layer + 1}`),
        ...textField(4, "MatMul"),
      ]),
    );
    const head = [
      ...numberField(1, width),
      ...numberField(1, width),
      ...numberField(2, FLOAT),
      ...textField(8, `w${layer}`),
      ...contentHead(9, weights.size),
    ];
    add([...contentHead(5, head.length + weights.size), ...head]);
    parts.push(weights);
  }
  add(textField(2, "chain"));
  add(contentField(11, value("x0", width)));
  add(contentField(12, value(`x${layers}`, width)));
  const graph = new Blob(parts);
  return new Blob([
    Uint8Array.from([
      ...numberField(1, 10),
      ...contentField(8, numberField(2, 21)),
      ...contentHead(7, graph.size),
    ]),
    graph,
  ]);
}

/** What it makes of ones. */
export function chainOfOnes(layers: number, width: number): number[] {
  let x = new Array<number>(width).fill(1);
  for (let layer = 0; layer < layers; layer++) {
    const y = new Array<number>(width).fill(0);
    for (const [row, each] of x.entries()) {
      const [near, far] = [(row + 2) % width, (row + 5) % width];
      y[near] = (y[near] ?? 0) + each * 1.01;
      y[far] = (y[far] ?? 0) + (each * row) / width;
    }
    x = y;
  }
  return x;
}
