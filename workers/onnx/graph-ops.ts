import {
  writeModel,
  type Attribute,
  type Constant,
  type Node,
  type Value,
} from "./onnx-writer";
import type { Weight } from "../backends/webgpu/graphs/weight";

type Attributes = Readonly<Record<string, Attribute>>;
type Inputs = readonly (string | undefined)[];

/** A graph in the making; each operator's result gets a name of its own. */
export class GraphOps {
  readonly #nodes: Node[] = [];
  readonly #constants = new Map<string, Constant>();
  #named = 0;

  /** Adds a standard operator. */
  standard(op: string, inputs: Inputs, attributes: Attributes = {}): string {
    return this.add(op, "", inputs, attributes, [this.fresh()]);
  }

  /** Adds one of ONNX Runtime's own operators. */
  own(op: string, inputs: Inputs, attributes: Attributes = {}): string {
    const outputs = [this.fresh()];
    return this.add(op, "com.microsoft", inputs, attributes, outputs);
  }

  /** Gives the first of `outputs`; an undefined input is left out. */
  add(
    op: string,
    domain: string,
    inputs: Inputs,
    attributes: Attributes,
    outputs: readonly string[],
  ): string {
    const names = inputs.map((name) => name ?? "");
    while (names.at(-1) === "") names.pop();
    this.#nodes.push({ op, domain, inputs: names, outputs, attributes });
    return outputs[0] ?? "";
  }

  /** A name that nothing has yet. */
  fresh(): string {
    this.#named += 1;
    return `value ${this.#named}`;
  }

  /** [.., K] x [K, N] + b. */
  matMul(x: string, weight: Weight, bias: Weight | undefined): string {
    const y = this.standard("MatMul", [x, weight.name]);
    return bias === undefined ? y : this.standard("Add", [y, bias.name]);
  }

  /** The same with [N, K], which the operator takes of matrices only. The sum
   * with [1, 1, N] is [1, rows, N]; a reshape would be a copy at the end. */
  gemm(x: string, weight: Weight, bias: Weight, flat: number[]): string {
    const inputs = [this.reshape(x, flat), weight.name];
    const y = this.standard("Gemm", inputs, { transB: 1 });
    return this.standard("Add", [y, bias.name]);
  }

  reshape(x: string, sizes: readonly number[]): string {
    const name = `shape ${sizes.join()}`;
    const bytes = new Uint8Array(BigInt64Array.from(sizes, BigInt).buffer);
    const dims = [sizes.length];
    this.#constants.set(name, { name, type: "int64", dims, bytes });
    return this.standard("Reshape", [x, name]);
  }

  /** Gives the result of the last operator the name of an output. */
  nameLast(output: string): void {
    const last = this.#nodes.pop();
    if (last !== undefined) this.#nodes.push({ ...last, outputs: [output] });
  }

  write(
    inputs: readonly Value[],
    outputs: readonly Value[],
  ): Uint8Array<ArrayBuffer> {
    const constants = [...this.#constants.values()];
    return writeModel(this.#nodes, inputs, outputs, constants);
  }
}
