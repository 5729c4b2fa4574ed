import { expect, test } from "vitest";
import type { OrtSession } from "../../ort/session";
import type { Tensors, Tensor, TensorRows } from "../../ort/tensor";
import type { Embedder } from "../embedding";
import { OrtLanguage } from "./language";

/** Rows that name themselves. */
interface Fake {
  readonly type: string;
  readonly dims: readonly number[];
  readonly rows: readonly string[];
  disposed: boolean;
}

function fake(rows: readonly string[]): Tensor {
  const tensor: Fake & { dispose(): void } = {
    type: "float32",
    dims: [1, rows.length, 8],
    rows,
    disposed: false,
    dispose() {
      this.disposed = true;
    },
  };
  return tensor as unknown as Tensor;
}

const rowsOf = (tensor: Tensor) => (tensor as unknown as Fake).rows;

/** A language model whose decoder calls `run` with the rows of its input. */
function open(run: (rows: readonly string[]) => Promise<Tensor>) {
  const created: Tensor[] = [];
  const create = (rows: readonly string[]): Tensor => {
    const tensor = fake(rows);
    created.push(tensor);
    return tensor;
  };
  const embedder = {
    embed: (ids) => Promise.resolve(create(ids.map((id) => `text ${id}`))),
  } as Embedder;
  const decoder = {
    inputs: [{ name: "inputs_embeds", type: "float32", shape: [] }],
    run: async (feeds: { inputs_embeds: Tensor }) => {
      const logits = await run(rowsOf(feeds.inputs_embeds));
      return { get: () => logits };
    },
  } as unknown as OrtSession;
  const tensors = {
    concatRows: (parts: readonly TensorRows[], width: number) => {
      expect(width).toBe(8);
      return create(
        parts.flatMap(({ tensor, from, to }) => {
          expect(to).toBeGreaterThan(from);
          return rowsOf(tensor).slice(from, to);
        }),
      );
    },
    lastRow: () => Promise.resolve(Float32Array.of(7)),
  } as unknown as Tensors;
  const heads = { kvHeads: 1, headDim: 8 };
  const language = new OrtLanguage(embedder, decoder, tensors, heads);
  const allDisposed = () =>
    created.every((tensor) => (tensor as unknown as Fake).disposed);
  return { language, allDisposed };
}

const prompt = { texts: [[1, 2], [], [3]], ids: [] };
const images = [
  [fake(["a overview"]), fake(["a tile", "a tile"])],
  [fake(["b"])],
];

test("puts every tile of every image in its place", async () => {
  const seen: string[] = [];
  const { language, allDisposed } = open((rows) => {
    seen.push(...rows);
    return Promise.resolve(fake([]));
  });
  const cache = language.newCache();
  expect([...(await language.prefill(prompt, images, cache))]).toEqual([7]);
  expect(seen).toEqual([
    ...["text 1", "text 2"],
    ...["a overview", "a tile", "a tile"],
    "b",
    "text 3",
  ]);
  expect(cache.length).toBe(seen.length);
  expect(allDisposed()).toBe(true);
});

test("runs text alone for a prompt without images", async () => {
  const { language } = open((rows) => {
    expect(rows).toEqual(["text 5"]);
    return Promise.resolve(fake([]));
  });
  const text = { texts: [[5]], ids: [5] };
  await language.prefill(text, [], language.newCache());
});

test("disposes of all tensors when the decoder fails", async () => {
  const { language, allDisposed } = open(() => Promise.reject(new Error("no")));
  await expect(
    language.prefill(prompt, images, language.newCache()),
  ).rejects.toThrow("no");
  expect(allDisposed()).toBe(true);
});

test("provides the inputs that older and newer exports add", async () => {
  const fed: Record<string, unknown>[] = [];
  const decoder = {
    inputs: [
      { name: "inputs_embeds", type: "float32", shape: undefined },
      { name: "num_logits_to_keep", type: "int64", shape: [] },
      { name: "use_cache_branch", type: "bool", shape: [1] },
    ],
    run: ({
      num_logits_to_keep,
      use_cache_branch,
    }: Record<string, unknown>) => {
      fed.push({ num_logits_to_keep, use_cache_branch });
      return Promise.resolve({ get: () => fake([]) });
    },
  } as unknown as OrtSession;
  const memory = {
    int64: (values: readonly number[], dims: readonly number[]) => {
      return { values, dims };
    },
    bool: (value: boolean, dims: readonly number[]) => ({ value, dims }),
    lastRow: () => Promise.resolve(Float32Array.of(7)),
  } as unknown as Tensors;
  const heads = { kvHeads: 1, headDim: 8 };
  const language = new OrtLanguage({} as Embedder, decoder, memory, heads);
  const cache = language.newCache();
  await language.forward(fake(["a", "b"]), cache);
  await language.forward(fake(["c"]), cache);
  const num_logits_to_keep = { values: [1], dims: [] };
  expect(fed).toEqual([
    { num_logits_to_keep, use_cache_branch: { value: false, dims: [1] } },
    { num_logits_to_keep, use_cache_branch: { value: true, dims: [1] } },
  ]);
});
