import { beforeEach, expect, test, vi } from "vitest";
import { FakeCamera } from "../testing/fake-camera";
import { Mounted } from "../testing/mounted";
import "./define";

let mounted: Mounted;

beforeEach(() => void new FakeCamera());

/** All texts of the live region, in order. */
async function heard(): Promise<string[]> {
  await mounted.vlm.updateComplete;
  const region = mounted.vlm.shadowRoot?.querySelector("[role=status]");
  if (!region) throw new Error("There is no live region.");
  const said: string[] = [];
  new MutationObserver(() => {
    if (region.textContent) said.push(region.textContent);
  }).observe(region, { childList: true, characterData: true, subtree: true });
  return said;
}

test("announces that the model is loading, then that it is ready", async () => {
  mounted = new Mounted({ pace: 20 });
  const said = await heard();
  await mounted.vlm.load();
  expect(said).toEqual(["Loading model…"]);
  await vi.waitFor(() => expect(said).toHaveLength(2));
  expect(said[1]).toBe("Model ready.");
});

test("a stopped caption is neither announced nor emitted", async () => {
  mounted = new Mounted({ pace: 50 });
  const { vlm } = mounted;
  await vlm.load();
  vlm.source = "camera";
  vlm.live = true;
  await vlm.start();
  const said = await heard();
  await vi.waitFor(() => expect(vlm.text).toMatch(/^A red/));
  vlm.stop();
  await vi.waitFor(() => expect(mounted.fake.calls).toContain("abort"));
  await vlm.updateComplete;
  expect(mounted.detailsOf("caption")).toEqual([]);
  expect(vlm.text).toMatch(/^A red/);
  expect(said).toEqual([]);
});

test("cancelling a load by keyboard keeps the focus in the element", async () => {
  mounted = new Mounted({ pace: 50 });
  const { vlm } = mounted;
  const loading = vlm.load();
  await vi.waitFor(() => expect(mounted.part("cancel")).not.toBeNull());
  mounted.part("cancel")?.focus();
  mounted.part("cancel")?.click();
  await expect(loading).rejects.toMatchObject({ code: "aborted" });
  await vlm.updateComplete;
  expect(mounted.part("cancel")).toBeNull();
  expect(vlm.shadowRoot?.activeElement).toBe(mounted.part("caption"));
});
