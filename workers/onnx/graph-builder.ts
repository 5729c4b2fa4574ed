import {
  writeModel,
  type AttributeValue,
  type ConstantSpec,
  type NodeSpec,
} from "./onnx-writer";
import type { ValueInfo } from "./onnx-protos";

type Attributes = Readonly<Record<string, AttributeValue>>;
type Inputs = readonly (string | undefined)[];

/** Anything the graph refers to by name, such as a weight input. */
interface Named {
  readonly name: string;
}

/** Builds an ONNX graph operator by operator, naming each result. */
export class OnnxGraphBuilder {
  readonly #nodes: NodeSpec[] = [];
  readonly #constants = new Map<string, ConstantSpec>();
  #named = 0;

  /** Adds a standard operator; returns the name of its result. */
  op(op: string, inputs: Inputs, attributes: Attributes = {}): string {
    return this.add(op, "", inputs, attributes, [this.freshName()]);
  }

  /** Adds an ONNX Runtime contrib operator (com.microsoft). */
  contribOp(op: string, inputs: Inputs, attributes: Attributes = {}): string {
    return this.add(op, "com.microsoft", inputs, attributes, [
      this.freshName(),
    ]);
  }

  /** Adds an operator with named outputs; undefined inputs are optional ones that
   * are omitted. */
  add(
    op: string,
    domain: string,
    inputs: Inputs,
    attributes: Attributes,
    outputs: readonly [string, ...string[]],
  ): string {
    const names = inputs.map((name) => name ?? "");
    while (names.at(-1) === "") names.pop();
    this.#nodes.push({ op, domain, inputs: names, outputs, attributes });
    return outputs[0];
  }

  /** An unused value name. */
  freshName(): string {
    this.#named += 1;
    return `value ${this.#named}`;
  }

  /** x W + b for x [..., K] and W [K, N]. */
  matMul(x: string, weight: Named, bias: Named | undefined): string {
    const y = this.op("MatMul", [x, weight.name]);
    return bias === undefined ? y : this.op("Add", [y, bias.name]);
  }

  /** x W^T + b for W [N, K] and b [1, 1, N]. Gemm takes matrices only, so x is
   * reshaped to `flat` [rows, K]; adding b restores [1, rows, N], where a Reshape
   * at the end of the graph would be a copy. */
  gemm(x: string, weight: Named, bias: Named, flat: number[]): string {
    const inputs = [this.reshape(x, flat), weight.name];
    const y = this.op("Gemm", inputs, { transB: 1 });
    return this.op("Add", [y, bias.name]);
  }

  reshape(x: string, sizes: readonly number[]): string {
    const name = `shape ${sizes.join()}`;
    const bytes = new Uint8Array(BigInt64Array.from(sizes, BigInt).buffer);
    const dims = [sizes.length];
    this.#constants.set(name, { name, type: "int64", dims, bytes });
    return this.op("Reshape", [x, name]);
  }

  /** Renames the result of the last operator to `output`. */
  nameLastOutput(output: string): void {
    const last = this.#nodes.pop();
    if (last === undefined) throw new Error(`No operator computes ${output}`);
    this.#nodes.push({ ...last, outputs: [output] });
  }

  write(
    inputs: readonly ValueInfo[],
    outputs: readonly ValueInfo[],
  ): Uint8Array<ArrayBuffer> {
    const constants = [...this.#constants.values()];
    return writeModel(this.#nodes, inputs, outputs, constants);
  }
}
