import {
  planVision,
  type VisionPlan,
} from "../backends/webgpu/graphs/vision-plan";
import type { ModelConfig } from "../model-files/config";
import { readOnnx } from "../onnx/onnx-reader";
import { GraphBuilder, value } from "./graph-builder";

export const HIDDEN = 4;
const config = { hidden: HIDDEN, size: 128 } as ModelConfig;

/** Plans an encoder at 128 pixels. */
export async function planOf(blob: Blob): Promise<VisionPlan> {
  return planVision(await readOnnx("test.onnx", blob), new Map(), config);
}

/** Builds a small encoder: pixels → average pooling 64 x 64 → … → features. */
export class EncoderBuilder extends GraphBuilder {
  readonly pooled = this.op("AveragePool", ["in"], {
    kernel_shape: [64, 64],
    strides: [64, 64],
  });

  conv(x: string, name: string, dims: readonly number[], group = 1): string {
    const [, , size = 1] = dims;
    const bias = this.random(`${name}.b`, [dims[0] ?? 0], 1);
    const weight = this.random(`${name}.w`, dims, 1);
    const pads = new Array<number>(4).fill((size - 1) / 2);
    return this.op("Conv", [x, weight, bias], { pads, group });
  }

  vector(name: string, numbers: readonly number[]): string {
    return this.floats(name, [numbers.length, 1, 1], numbers);
  }

  /** Projects the feature map `x` to features and returns the file. */
  finish(x: string): Blob {
    const end = this.conv(x, "end", [HIDDEN, 3, 1, 1]);
    return this.finishMap(end);
  }

  /** Makes the feature map the output and returns the file. */
  finishMap(map: string): Blob {
    const shape = this.integers("flat", [3], [0, HIDDEN, -1]);
    const flat = this.op("Reshape", [map, shape]);
    this.op("Transpose", [flat], { perm: [0, 2, 1] }, "", ["out"]);
    return this.write(
      [value("in", [1, 3, "h", "w"])],
      [value("out", [1, "t", HIDDEN])],
    );
  }
}
