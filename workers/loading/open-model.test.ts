import { beforeEach, expect, test, vi } from "vitest";
import type { BackendChoice } from "../../src/shared/protocol";
import type { LoadJob, LoadPlan } from "./load-plan";
import type { Opened } from "./open-backend";
import { openModel, type Backends } from "./open-model";
import type { Rejection } from "./rejection";
import type { VerificationResult } from "./verification-cache";

const tokensOf = (text: string) => [...text].map((c) => c.charCodeAt(0));

const verified = { tokens: tokensOf("abc"), verified: true };

/** A model that only has `info`. */
const opened = (backend: string, backendReason?: string) =>
  ({
    kind: "opened",
    model: { info: { backend, backendReason } },
  }) as unknown as Opened;
const rejected = (reason: string, permanent: boolean): Rejection => ({
  kind: "rejected",
  reason,
  permanent,
});

/** Both backends answer "abc" about the test image. */
class FakeBackends implements Backends {
  readonly results = new Map<string, VerificationResult>();
  readonly cache = {
    get: (key: string) => Promise.resolve(this.results.get(key)),
    set: (key: string, result: VerificationResult) => {
      this.results.set(key, result);
      return Promise.resolve();
    },
  };
  /** Undefined: nothing can be cached. */
  cacheKey: string | undefined = "key";
  answer = "abc";
  /** Why the WebGPU backend cannot be planned. */
  unplanned: Rejection | undefined;
  /** How opening the WebGPU backend fails. */
  failure: Rejection | undefined;
  /** Kernels that an earlier load chose and that are now wrong. */
  wrongKernels = false;
  /** Of the last attempt: whether an earlier load has run all tests. */
  isVerified: boolean | undefined;
  /** How often each was opened. */
  readonly opened = { reference: 0, webgpu: 0 };

  readonly openOrt: Backends["openOrt"] = (_job, _plan, reason) =>
    Promise.resolve(opened("ort", reason));

  askOrt: Backends["askOrt"] = () => {
    this.opened.reference += 1;
    return Promise.resolve({ kind: "answered", tokens: tokensOf("abc") });
  };

  key: Backends["key"] = () => Promise.resolve(this.cacheKey);

  readonly planWebGpu: Backends["planWebGpu"] = () =>
    Promise.resolve(
      this.unplanned ?? {
        kind: "candidate",
        open: (tokens, isVerified) => {
          this.isVerified = isVerified;
          return Promise.resolve(this.#open(tokens));
        },
        forgetKernelChoices: () => {
          const forgotten = this.wrongKernels;
          this.wrongKernels = false;
          return Promise.resolve(forgotten);
        },
      },
    );

  #open(tokens: readonly number[]): Opened | Rejection {
    this.opened.webgpu += 1;
    if (this.failure) return this.failure;
    const answer = this.wrongKernels ? "xxx" : this.answer;
    return tokens.join() === tokensOf(answer).join()
      ? opened("webgpu")
      : rejected("The answers differ.", true);
  }
}

let backends: FakeBackends;
const gpu = { close: vi.fn() };

beforeEach(() => {
  backends = new FakeBackends();
});

function open(backend: BackendChoice = "auto") {
  const job = { options: { backend } } as unknown as LoadJob;
  const config = { size: 256 };
  const graphs = { vision_encoder: { graph: { inputs: [] } } };
  const plan = { gpu, hardware: {}, config, graphs } as unknown as LoadPlan;
  return openModel(job, plan, backends);
}

/** Backend of the model that opens, and why not the other. */
async function outcome(backend?: BackendChoice) {
  const result = await open(backend);
  if (result.kind === "overflow") throw new Error(result.graph);
  const { info } = result.model;
  return [info.backend, info.backendReason];
}

test("opens the ORT backend on request", async () => {
  expect(await outcome("ort")).toEqual(["ort", undefined]);
  expect(backends.opened).toEqual({ reference: 0, webgpu: 0 });
});

test("opens the ORT backend if the WebGPU backend cannot run the model", async () => {
  backends.unplanned = rejected("The attention is odd.", true);
  expect(await outcome()).toEqual(["ort", "The attention is odd."]);
  expect(backends.opened).toEqual({ reference: 0, webgpu: 0 });
});

test("compares with the reference once and caches its tokens", async () => {
  expect(await outcome()).toEqual(["webgpu", undefined]);
  expect(backends.results.get("key")).toEqual(verified);
  expect(backends.isVerified).toBe(false);
  expect(await outcome()).toEqual(["webgpu", undefined]);
  expect(backends.isVerified).toBe(true);
  expect(backends.opened).toEqual({ reference: 1, webgpu: 2 });
});

test("rejects another answer and caches the rejection", async () => {
  backends.answer = "abd";
  expect(await outcome()).toEqual(["ort", "The answers differ."]);
  backends.answer = "abc";
  expect(await outcome()).toEqual(["ort", "The answers differ."]);
  expect(backends.opened).toEqual({ reference: 1, webgpu: 1 });
});

test("compares again when the cached tokens do not match", async () => {
  backends.results.set("key", { tokens: tokensOf("xyz") });
  expect(await outcome()).toEqual(["webgpu", undefined]);
  expect(backends.results.get("key")).toEqual(verified);
});

test("measures kernel choices of an earlier load again before rejecting", async () => {
  backends.wrongKernels = true;
  expect(await outcome()).toEqual(["webgpu", undefined]);
  expect(backends.results.get("key")).toEqual(verified);
});

test("keeps the cached tokens and compares nothing after a temporary failure", async () => {
  const cached = { tokens: tokensOf("abc") };
  backends.results.set("key", cached);
  backends.failure = rejected("The GPU was lost.", false);
  expect(await outcome()).toEqual(["ort", "The GPU was lost."]);
  expect(backends.opened.reference).toBe(0);
  expect(backends.results.get("key")).toBe(cached);
});

test("tries the WebGPU backend again in the load after a temporary failure", async () => {
  backends.failure = rejected("The GPU was lost.", false);
  expect(await outcome()).toEqual(["ort", "The GPU was lost."]);
  backends.failure = undefined;
  expect(await outcome()).toEqual(["webgpu", undefined]);
  expect(backends.opened.reference).toBe(1);
});

test("does not try it again after a permanent failure", async () => {
  backends.failure = rejected("The graph cannot be recorded.", true);
  expect(await outcome()).toEqual(["ort", "The graph cannot be recorded."]);
  backends.failure = undefined;
  expect(await outcome()).toEqual(["ort", "The graph cannot be recorded."]);
});

test("caches nothing without a key", async () => {
  backends.cacheKey = undefined;
  await open();
  await open();
  expect(backends.opened.reference).toBe(2);
  expect(backends.results.size).toBe(0);
});

test("closes the device if the load is aborted before a backend opens", async () => {
  const error = new Error("aborted");
  backends.key = () => Promise.reject(error);
  await expect(open()).rejects.toBe(error);
  expect(gpu.close).toHaveBeenCalledTimes(1);
});

test("returns the graph that overflows and opens no other backend", async () => {
  const overflow = { kind: "overflow", graph: "vision_encoder" } as const;
  backends.askOrt = () => Promise.resolve(overflow);
  expect(await open()).toEqual(overflow);
  expect(backends.opened.webgpu).toBe(0);
});
