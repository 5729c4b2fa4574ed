import { expect, test } from "vitest";
import { blockedByPolicy } from "./errors";

test("the advice about a policy names the hosts that the hub redirects to", () => {
  const hub = blockedByPolicy("https://huggingface.co", undefined);
  expect(hub.advice).toContain(
    "Add https://huggingface.co https://*.huggingface.co https://*.hf.co to connect-src",
  );
  const mirror = blockedByPolicy("https://hub.test", undefined);
  expect(mirror.advice).toContain(
    "Add https://hub.test, and the hosts that it redirects to, to connect-src",
  );
});
