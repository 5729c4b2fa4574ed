import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { VlmError } from "../shared/errors";
import { FakeCamera } from "../testing/fake-camera";
import { Mounted } from "../testing/mounted";
import "./define";

let camera: FakeCamera;
let mounted: Mounted;

beforeEach(() => (camera = new FakeCamera()));
afterEach(() => {
  mounted.vlm.remove();
  camera.restore();
  document.documentElement.removeAttribute("lang");
});

async function picture(): Promise<Blob> {
  const canvas = new OffscreenCanvas(8, 8);
  canvas.getContext("2d")?.fillRect(0, 0, 8, 8);
  return canvas.convertToBlob();
}

const buttons = (): string[] =>
  [...(mounted.part("controls")?.querySelectorAll("button") ?? [])]
    .filter((button) => !button.hidden)
    .map((button) => button.textContent?.trim() ?? "");

test("with nothing to start there is no button", async () => {
  mounted = new Mounted();
  await mounted.vlm.updateComplete;
  expect(mounted.part("controls")).toBeNull();
});

test("its buttons start, freeze, resume and stop, and keep the focus", async () => {
  mounted = new Mounted({ pace: 2 });
  const { vlm } = mounted;
  vlm.source = "camera";
  vlm.live = true;
  await vlm.updateComplete;
  expect(buttons()).toEqual(["Start"]);
  const start = mounted.part("start");
  start?.focus();
  start?.click();
  await vi.waitFor(() => expect(mounted.detailsOf("caption")).not.toEqual([]));
  expect(buttons()).toEqual(["Stop", "Freeze"]);
  expect(vlm.shadowRoot?.activeElement).toBe(mounted.part("stop"));
  mounted.part("freeze")?.click();
  await vi.waitFor(() => expect(vlm.frozen).toBe(true));
  await vlm.updateComplete;
  expect(buttons()).toEqual(["Stop", "Resume"]);
  mounted.part("resume")?.click();
  expect(vlm.frozen).toBe(false);
  mounted.part("stop")?.click();
  await vlm.updateComplete;
  expect(vlm.open).toBe(false);
  expect(buttons()).toEqual(["Start"]);
});

test("what an author puts into the slots stands there instead", async () => {
  const loadError = new VlmError("offline", "No network.", "Connect.");
  mounted = new Mounted({ loadError });
  const { vlm } = mounted;
  vlm.source = "camera";
  for (const slot of ["poster", "overlay", "controls", "error"]) {
    const mine = document.createElement("p");
    Object.assign(mine, { slot, textContent: `my ${slot}` });
    vlm.append(mine);
  }
  await expect(vlm.load()).rejects.toMatchObject({ code: "offline" });
  await vlm.updateComplete;
  const assigned = [...(vlm.shadowRoot?.querySelectorAll("slot") ?? [])].map(
    (slot) => slot.assignedElements()[0]?.textContent,
  );
  expect(assigned).toEqual([
    ...["my poster", "my overlay", "my error", "my controls"],
  ]);
  expect(mounted.part("start")?.checkVisibility()).toBe(false);
});

test("muted, captions are neither shown nor announced, but told", async () => {
  mounted = new Mounted();
  const { vlm } = mounted;
  vlm.mutedText = true;
  await vlm.ask("What?", { source: await picture() });
  await vlm.updateComplete;
  expect(mounted.detailsOf("caption")).toHaveLength(1);
  expect(mounted.part("caption")?.checkVisibility()).toBe(false);
  const status = vlm.shadowRoot?.querySelector("[role=status]");
  await new Promise((resolve) => setTimeout(resolve, 3500));
  expect(status?.textContent).toBe("The model is ready.");
  // What fails is shown all the same.
  const note = new File(["hello"], "note.png");
  await vlm.ask("What?", { source: note }).catch(() => undefined);
  await vlm.updateComplete;
  expect(mounted.part("error")?.checkVisibility()).toBe(true);
});

test("speaks the language of its lang, or of the page's", async () => {
  mounted = new Mounted();
  const { vlm } = mounted;
  const status = (): string =>
    mounted.part("status")?.textContent?.trim() ?? "";
  vlm.lang = "de-CH";
  await vi.waitFor(() => expect(status()).toBe("Aus"));
  expect(mounted.part("caption")?.getAttribute("aria-label")).toBe(
    "Beschreibung",
  );
  await vlm.ask("Was?", { source: await picture() });
  await vlm.updateComplete;
  expect(mounted.part("text")?.lang).toBe("de-CH");
  vlm.removeAttribute("lang");
  await vlm.updateComplete;
  expect(status()).toBe("Ready");
  document.documentElement.lang = "de";
  vlm.requestUpdate();
  await vlm.updateComplete;
  expect(status()).toBe("Bereit");
});

test("in a language it does not know, its own words are marked as English", async () => {
  mounted = new Mounted();
  const { vlm } = mounted;
  vlm.lang = "sw";
  await vlm.ask("Nini?", { source: await picture() });
  await vlm.updateComplete;
  expect(mounted.part("stage")?.lang).toBe("en");
  expect(mounted.part("text")?.lang).toBe("sw");
});
