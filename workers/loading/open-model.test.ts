import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { BackendChoice } from "../../src/shared/protocol";
import { eachGraph } from "../model-files/manifest";
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

/** All backends answer "abc" about the test image. */
class FakeBackends implements Backends {
  /** What is kept between loads. */
  result: VerificationResult | undefined;
  answer = "abc";
  /** Why our own backend cannot be planned. */
  unplanned: Rejection | undefined;
  /** How opening our own backend fails. */
  failure: Rejection | undefined;
  /** Kernels that an earlier load chose and that are now wrong. */
  wrongKernels = false;
  /** Of the last attempt: whether an earlier load has run all tests. */
  isVerified: boolean | undefined;
  /** How often each was opened. */
  readonly opened = { reference: 0, own: 0 };
  /** Whether our own backend has a device of its own. */
  hasNewDevice = false;

  readonly openOrt: Backends["openOrt"] = (_job, _plan, reason) =>
    Promise.resolve(opened("ort", reason));

  readonly openFirst: Backends["openFirst"] = (_job, { info, gpu }) =>
    Promise.resolve({
      kind: "opened",
      model: { info, gpu } as unknown as Opened["model"],
    });

  readonly answerTestImage = () => {
    this.opened.reference += 1;
    return Promise.resolve(tokensOf("abc"));
  };

  askOrt: Backends["askOrt"] = async () => ({
    kind: "answered",
    tokens: await this.answerTestImage(),
  });

  readonly planOwn: Backends["planOwn"] = () =>
    Promise.resolve(
      this.unplanned ?? {
        kind: "candidate",
        name: "webgpu",
        open: (tokens, isVerified) => {
          this.isVerified = isVerified;
          return Promise.resolve(this.#open(tokens));
        },
        takeNewDevice: () => {
          this.hasNewDevice = true;
          return Promise.resolve();
        },
        forgetKernelChoices: () => {
          const forgotten = this.wrongKernels;
          this.wrongKernels = false;
          return Promise.resolve(forgotten);
        },
      },
    );

  #open(tokens: readonly number[]): Opened | Rejection {
    this.opened.own += 1;
    if (this.failure) return this.failure;
    const answer = this.wrongKernels ? "xxx" : this.answer;
    return tokens.join() === tokensOf(answer).join()
      ? opened("webgpu")
      : rejected("The answers differ.", true);
  }
}

let backends: FakeBackends;
const gpu = {};

beforeEach(() => {
  backends = new FakeBackends();
  vi.stubGlobal("navigator", { deviceMemory: 8 });
});

afterEach(() => {
  vi.unstubAllGlobals();
});

function open(backend: BackendChoice = "auto", answersEarly = false) {
  const job = { options: { backend } } as unknown as LoadJob;
  const variant = [{ dtype: "fp32", bytes: 1 }];
  const plan = {
    ...{ gpu, hardware: { device: "webgpu" } },
    info: { backend: "ort", dtypes, size: 256 },
    config: {
      ...{ size: 256, contextLength: 512, visionWidth: 32, hidden: 8 },
      ...{ vocabulary: 8, layers: 1, kvHeads: 1, headDim: 8 },
    },
    graphs: { vision_encoder: { graph: { inputs: [] } } },
    variants: eachGraph(() => variant),
    needs: { total: 1e6 },
    verification: {
      result: backends.result,
      set: (result: VerificationResult) => {
        backends.result = result;
        return Promise.resolve();
      },
    },
  } as unknown as LoadPlan;
  return openModel(job, plan, answersEarly, backends);
}

const dtypes = eachGraph(() => "fp32");

/** Backend of the model that opens, and why not the other. */
async function outcome(backend?: BackendChoice) {
  const result = await open(backend);
  if (result.kind === "overflow") throw new Error(result.graph);
  const { info } = result.model;
  return [info.backend, info.backendReason];
}

test("opens the ORT backend on request", async () => {
  expect(await outcome("ort")).toEqual(["ort", undefined]);
  expect(backends.opened).toEqual({ reference: 0, own: 0 });
});

test("opens the ORT backend if the WebGPU backend cannot run the model", async () => {
  backends.unplanned = rejected("The attention is odd.", true);
  expect(await outcome()).toEqual(["ort", "The attention is odd."]);
  expect(backends.opened).toEqual({ reference: 0, own: 0 });
});

test("compares with the reference once and caches its tokens", async () => {
  expect(await outcome()).toEqual(["webgpu", undefined]);
  expect(backends.result).toEqual(verified);
  expect(backends.isVerified).toBe(false);
  expect(await outcome()).toEqual(["webgpu", undefined]);
  expect(backends.isVerified).toBe(true);
  expect(backends.opened).toEqual({ reference: 1, own: 2 });
});

test("rejects another answer and caches the rejection", async () => {
  backends.answer = "abd";
  expect(await outcome()).toEqual(["ort", "The answers differ."]);
  backends.answer = "abc";
  expect(await outcome()).toEqual(["ort", "The answers differ."]);
  expect(backends.opened).toEqual({ reference: 1, own: 1 });
});

test("compares again when the cached tokens do not match", async () => {
  backends.result = { tokens: tokensOf("xyz") };
  expect(await outcome()).toEqual(["webgpu", undefined]);
  expect(backends.result).toEqual(verified);
});

test("measures kernel choices of an earlier load again before rejecting", async () => {
  backends.wrongKernels = true;
  expect(await outcome()).toEqual(["webgpu", undefined]);
  expect(backends.result).toEqual(verified);
});

test("keeps the cached tokens and compares nothing after a temporary failure", async () => {
  const cached = { tokens: tokensOf("abc") };
  backends.result = cached;
  backends.failure = rejected("The GPU was lost.", false);
  expect(await outcome()).toEqual(["ort", "The GPU was lost."]);
  expect(backends.opened.reference).toBe(0);
  expect(backends.result).toBe(cached);
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

test("returns the graph that overflows and opens no other backend", async () => {
  const overflow = { kind: "overflow", graph: "vision_encoder" } as const;
  backends.askOrt = () => Promise.resolve(overflow);
  expect(await open()).toEqual(overflow);
  expect(backends.opened.own).toBe(0);
});

/** Opens the first backend, and returns what prepares the next one. */
async function openEarly() {
  const result = await open("auto", true);
  if (result.kind === "overflow") throw new Error(result.graph);
  const { model, upgrade } = result;
  return { info: model.info, upgrade: () => upgrade?.((work) => work()) };
}

test("answers on another backend while our own is prepared", async () => {
  const { info, upgrade } = await openEarly();
  expect(info).toMatchObject({ backend: "ort", preparing: "webgpu" });
  expect(backends.opened).toEqual({ reference: 0, own: 0 });
  expect(await upgrade()).toEqual(opened("webgpu"));
  expect(backends.hasNewDevice, "the first backend has the plan's").toBe(true);
  expect(backends.opened).toEqual({ reference: 1, own: 1 });
  expect(backends.result).toEqual(verified);
});

test("keeps the first backend if our own gives another answer", async () => {
  backends.answer = "abd";
  const { upgrade } = await openEarly();
  expect(await upgrade()).toEqual(rejected("The answers differ.", true));
  expect(backends.result?.rejection).toBe("The answers differ.");
});

test("opens our own backend at once if an earlier load has verified it", async () => {
  backends.result = verified;
  const { info } = await openEarly();
  expect(info.backend).toBe("webgpu");
  expect(backends.opened).toEqual({ reference: 0, own: 1 });
});

test("opens no two backends if memory is short", async () => {
  vi.stubGlobal("navigator", { deviceMemory: 0.001 });
  const { info } = await openEarly();
  expect(info.backend).toBe("webgpu");
});
