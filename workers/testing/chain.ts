import { node, onnxFile } from "./onnx-file";

/** The matrix of a layer: each output is the input two places further, times 1.01,
 * plus a part of the one five places further. */
function matrix(width: number): Float32Array<ArrayBuffer> {
  const values = new Float32Array(width * width);
  for (let row = 0; row < width; row++) {
    values[row * width + ((row + 2) % width)] = 1.01;
    values[row * width + ((row + 5) % width)] = row / width;
  }
  return values;
}

/** `layers` matrix products in a row, all weights inside one protobuf. */
export function chain(layers: number, width: number): Blob {
  const data = new Blob([matrix(width)]);
  const indices = Array.from({ length: layers }, (_, layer) => layer);
  const value = (name: string) =>
    ({ name, type: "float32", shape: [1, 1, width] }) as const;
  return onnxFile({
    nodes: indices.map((i) => node("MatMul", [`x${i}`, `w${i}`], `x${i + 1}`)),
    inputs: [value("x0")],
    outputs: [value(`x${layers}`)],
    weights: indices.map((i) => {
      return { name: `w${i}`, type: "float32", dims: [width, width], data };
    }),
  });
}

/** The output of `chain` for an input of ones. */
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
