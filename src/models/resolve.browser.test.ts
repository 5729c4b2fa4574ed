import { describe, expect, test } from "vitest";
import { VlmError } from "../shared/errors";
import type { ModelSource } from "../shared/models";
import {
  isBundled,
  officialHub,
  resolveModel,
  withBundledAdvice,
} from "./resolve";

const at = (path: string): string => new URL(path, document.baseURI).href;

const onHub = (
  id: string,
  revision = "main",
  endpoint = officialHub,
): ModelSource => ({ kind: "hub", endpoint, id, revision });

const atUrl = (url: string): ModelSource => ({ kind: "url", url });

const published = "onnx-community/FastVLM-0.5B-ONNX";

test.each<[model: string, source: ModelSource]>([
  ["nano", atUrl(at("models/nano/"))],
  ["Nano ", atUrl(at("models/nano/"))],
  ["fastvlm-0.5b", onHub(published)],
  [published, onHub(published)],
  [`${published}@v1.0`, onHub(published, "v1.0")],
  [`${published}@refs/pr/7`, onHub(published, "refs/pr/7")],
  [`https://huggingface.co/${published}`, onHub(published)],
  [`https://huggingface.co/${published}/`, onHub(published)],
  [`https://hf.co/${published}/tree/dev`, onHub(published, "dev")],
  [
    `https://huggingface.co/${published}/tree/refs%2Fpr%2F7`,
    onHub(published, "refs/pr/7"),
  ],
  [
    `https://huggingface.co/${published}/tree/refs/pr/7`,
    onHub(published, "refs/pr/7"),
  ],
  [`https://huggingface.co/${published}/resolve/abc/`, onHub(published, "abc")],
  [
    "https://mirror.test/some/place/model",
    atUrl("https://mirror.test/some/place/model/"),
  ],
  [
    "https://mirror.test/a/b/tree/main",
    atUrl("https://mirror.test/a/b/tree/main/"),
  ],
  ["http://127.0.0.1:80/", atUrl("http://127.0.0.1/")],
  ["https://mirror.test/a/#files", atUrl("https://mirror.test/a/")],
  ["/models/other", atUrl(at("/models/other/"))],
  ["./models/other", atUrl(at("./models/other/"))],
  ["models/other/", atUrl(at("models/other/"))],
  ["a/b/c", atUrl(at("a/b/c/"))],
])("resolves %s", (model, source) => {
  expect(resolveModel(model)).toEqual(source);
});

const local = "http://127.0.0.1:8123/hub";

test.each<[model: string, source: ModelSource]>([
  ["fastvlm-0.5b", onHub(published, "main", local)],
  ["a/b@c", onHub("a/b", "c", local)],
  [`${local}/a/b/tree/c`, onHub("a/b", "c", local)],
  [`${local}/a/b`, onHub("a/b", "main", local)],
  [`${local}/a/b/c/d`, atUrl(`${local}/a/b/c/d/`)],
  ["http://127.0.0.1:8123/a/b", atUrl("http://127.0.0.1:8123/a/b/")],
  ["https://huggingface.co/a/b", onHub("a/b")],
  ["nano", atUrl(at("models/nano/"))],
])("resolves %s with another hub", (model, source) => {
  expect(resolveModel(model, `${local}/`)).toEqual(source);
});

test.each([
  ["", /model name is empty/],
  ["  ", /model name is empty/],
  ["telepathy", /Unknown model “telepathy”/],
  ["ftp://host.test/a/b", /“ftp:”/],
  ["blob:https://host.test/a", /“blob:”/],
  ["https://", /not the URL/],
  ["https://host.test/a?b=c", /has a query/],
  [
    `https://huggingface.co/${published}/tree/main/onnx`,
    /subfolder of a model/,
  ],
  [
    `https://huggingface.co/${published}/blob/main/a.onnx`,
    /subfolder of a model/,
  ],
])(
  "rejects “%s” with bad-option and lists the accepted forms",
  (model, message) => {
    expect(() => resolveModel(model)).toThrow(
      expect.objectContaining({
        code: "bad-option",
        message: expect.stringMatching(message) as string,
        advice: expect.stringMatching(/nano.*owner\/name/) as string,
      }),
    );
  },
);

test.each(["1.5b", "7b"])(
  "rejects fastvlm-%s, which is not published as ONNX",
  (size) => {
    expect(() => resolveModel(`fastvlm-${size}`)).toThrow(
      expect.objectContaining({
        code: "unsupported",
        advice: expect.stringMatching(
          new RegExp(`apple/FastVLM-${size}.*python tools/convert`, "i"),
        ) as string,
      }),
    );
  },
);

test.each(["ftp://host.test", "http://"])("rejects the hub %s", (hub) => {
  expect(() => resolveModel("nano", hub)).toThrow(/not the URL of a hub/);
});

test.each([
  ["https://static.test/a", "https://static.test/a/models/nano/"],
  ["https://static.test/a/", "https://static.test/a/models/nano/"],
  ["/assets", `${location.origin}/assets/models/nano/`],
  ["assets/", at("assets/models/nano/")],
])("resolves bundled models in the folder %s", (modelBase, url) => {
  const source = resolveModel("nano", "", modelBase);
  expect(source).toEqual(atUrl(url));
  expect(isBundled(source, modelBase)).toBe(true);
  expect(isBundled(source)).toBe(false);
});

test.each(["ftp://a.b/", "data:,x", "https://"])(
  "rejects the folder %s of bundled models",
  (modelBase) => {
    expect(() => resolveModel("nano", "", modelBase)).toThrow(
      expect.objectContaining({ code: "bad-option" }),
    );
  },
);

test("distinguishes bundled models from others", () => {
  expect(isBundled(resolveModel("nano"))).toBe(true);
  expect(isBundled(resolveModel("/models/other/"))).toBe(false);
  expect(isBundled(resolveModel("fastvlm-0.5b"))).toBe(false);
});

describe("a bundled model whose files are not on the server", () => {
  const missing = new VlmError(
    "model-file-missing",
    "https://page.test/models/nano/ has no config.json.",
    "Check the URL.",
  );
  const explained = (thrown: unknown, model: string): unknown =>
    withBundledAdvice(thrown, resolveModel(model));

  test("is reported with the advice to set model-base", () => {
    expect(explained(missing, "nano")).toMatchObject({
      code: missing.code,
      message: missing.message,
      advice: expect.stringMatching(/npx fast-vlm copy.*model-base/) as string,
    });
  });

  test("leaves other errors and other models as they are", () => {
    expect(explained(missing, "/models/other/")).toBe(missing);
    const offline = new VlmError("offline", "No network.", "Connect.");
    expect(explained(offline, "nano")).toBe(offline);
  });
});
