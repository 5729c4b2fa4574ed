import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { cdp } from "vitest/browser";
import { VlmError } from "../shared/errors";
import { FakeCamera } from "../testing/fake-camera";
import { Mounted } from "../testing/mounted";
import { imageFile } from "../testing/images";
import "./define";
import { english } from "./texts";

/** As Playwright gives it. */
interface Devtools {
  send(method: string, parameters: object): Promise<unknown>;
}

let mounted: Mounted;

beforeEach(() => void new FakeCamera());
afterEach(() => {
  document.documentElement.removeAttribute("lang");
  document.documentElement.removeAttribute("dir");
});

const buttons = (): string[] =>
  [...(mounted.part("controls")?.querySelectorAll("button") ?? [])]
    .filter((button) => !button.hidden)
    .map((button) => button.textContent?.trim() ?? "");

test("has no buttons without a source", async () => {
  mounted = new Mounted();
  await mounted.vlm.updateComplete;
  expect(mounted.part("controls")).toBeNull();
});

test("a double click on Start does not stop again", async () => {
  mounted = new Mounted();
  const { vlm } = mounted;
  vlm.source = "camera";
  await vlm.updateComplete;
  for (const detail of [1, 2]) {
    const button = mounted.part("start") ?? mounted.part("stop");
    button?.dispatchEvent(new MouseEvent("click", { detail, bubbles: true }));
    await vlm.updateComplete;
  }
  expect(vlm.open).toBe(true);
});

test("buttons start, freeze, resume and stop, and keep the focus", async () => {
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

test("the badge is steady while live captions follow one another", async () => {
  mounted = new Mounted({ pace: 2 });
  const { vlm } = mounted;
  vlm.source = "camera";
  vlm.live = true;
  await vlm.start();
  await mounted.captions(1);
  await vlm.updateComplete;
  const badge = mounted.part("status");
  const words = new Set<string | undefined>();
  const read = (): void => void words.add(badge?.textContent?.trim());
  const observer = new MutationObserver(read);
  if (badge) {
    observer.observe(badge, { subtree: true, childList: true });
    observer.observe(badge, { characterData: true, subtree: true });
  }
  read();
  await mounted.captions(mounted.detailsOf("caption").length + 3);
  expect([...words]).toEqual(["Live"]);
  observer.disconnect();
  await vlm.freeze();
  await vi.waitFor(() => expect(badge?.textContent?.trim()).toBe("Paused"));
});

test("the last caption keeps its contrast while the next frame is encoded", async () => {
  mounted = new Mounted({ pace: 20 });
  const { vlm } = mounted;
  vlm.source = "camera";
  vlm.live = true;
  await vlm.start();
  await mounted.captions(1);
  await vlm.updateComplete;
  const colour = (): string => {
    const text = mounted.part("text");
    return text ? getComputedStyle(text).color : "";
  };
  const before = colour();
  const { length } = mounted.detailsOf("frame");
  await vi.waitFor(() => {
    expect(mounted.detailsOf("frame").length).toBeGreaterThan(length);
  });
  await vlm.updateComplete;
  expect(colour()).toBe(before);
  vlm.stop();
});

test("no lines are reserved before the first caption", async () => {
  mounted = new Mounted();
  const { vlm } = mounted;
  await vlm.updateComplete;
  const height = (): number =>
    mounted.part("caption")?.getBoundingClientRect().height ?? 0;
  expect(height()).toBe(mounted.part("hint")?.getBoundingClientRect().height);
  const before = height();
  await vlm.ask("What?", { source: await imageFile() });
  await vlm.updateComplete;
  expect(height()).toBeGreaterThan(2 * before);
});

test("a caption that is cut off is marked", async () => {
  mounted = new Mounted({ pace: 20 });
  const { vlm } = mounted;
  const text = (): string | null | undefined =>
    mounted.part("text")?.textContent;
  const source = await imageFile();
  const cut = await vlm.ask("What?", { source, maxTokens: 2 });
  await vlm.updateComplete;
  expect(cut).toMatchObject({ finish: "length", text: "A red" });
  expect(vlm.cutOff).toBe(true);
  expect(text()).toBe("A red…");
  expect(mounted.part("text")?.title).toBe(english.cutOff);
  await vlm.ask("What?", { source });
  await vlm.updateComplete;
  expect(vlm.cutOff).toBe(false);
  expect(text()).toBe(vlm.text);
  vlm.source = "camera";
  vlm.live = true;
  await vlm.start();
  await vi.waitFor(() => expect(vlm.text).toBe("A red circle"));
  await vlm.freeze();
  await vi.waitFor(() => expect(vlm.cutOff).toBe(true));
  await vlm.updateComplete;
  expect(text()).toMatch(/^A red circle.*…$/);
  expect(vlm.value).not.toBe(vlm.text);
});

test("slotted content replaces the default content", async () => {
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

test("muted captions are neither shown nor announced, but emit events", async () => {
  mounted = new Mounted();
  const { vlm } = mounted;
  vlm.mutedText = true;
  await vlm.ask("What?", { source: await imageFile() });
  await vlm.updateComplete;
  expect(mounted.detailsOf("caption")).toHaveLength(1);
  expect(mounted.part("caption")?.checkVisibility()).toBe(false);
  const status = vlm.shadowRoot?.querySelector("[role=status]");
  await new Promise((resolve) => setTimeout(resolve, 3500));
  expect(status?.textContent).toBe("Model ready.");
  // Errors are still shown.
  const note = new File(["hello"], "note.png");
  await vlm.ask("What?", { source: note }).catch(() => undefined);
  await vlm.updateComplete;
  expect(mounted.part("error")?.checkVisibility()).toBe(true);
});

test("uses the language of its attribute lang, or of the page", async () => {
  mounted = new Mounted();
  const { vlm } = mounted;
  const status = (): string =>
    mounted.part("status")?.textContent?.trim() ?? "";
  vlm.lang = "de-CH";
  await vi.waitFor(() => expect(status()).toBe("Inaktiv"));
  expect(mounted.part("caption")?.getAttribute("aria-label")).toBe(
    "Beschreibung",
  );
  await vlm.ask("Was?", { source: await imageFile() });
  await vlm.updateComplete;
  expect(mounted.part("text")?.lang).toBe("de-CH");
  vlm.removeAttribute("lang");
  await vlm.updateComplete;
  expect(status()).toBe("Ready");
});

test("follows the language of its ancestors, also after a change or a move", async () => {
  mounted = new Mounted();
  const { vlm } = mounted;
  const says = (text: string): Promise<void> =>
    vi.waitFor(() => expect(mounted.part("status")?.textContent).toMatch(text));
  document.documentElement.lang = "de";
  await says("Inaktiv");
  const host = document.createElement("div");
  host.lang = "en";
  host.attachShadow({ mode: "open" }).append(vlm);
  document.body.append(host);
  await says("Idle");
  host.lang = "de";
  await says("Inaktiv");
  host.removeAttribute("lang");
  document.documentElement.lang = "en";
  await says("Idle");
  host.remove();
});

test("English texts on a right-to-left page are laid out left to right", async () => {
  document.documentElement.dir = "rtl";
  mounted = new Mounted({ pace: 30 });
  const { vlm } = mounted;
  vlm.for = "it";
  const loading = vlm.load();
  await vi.waitFor(() => expect(mounted.part("progress")).not.toBeNull());
  const edges = (of: Range | Element | null | undefined): DOMRect => {
    if (!of) throw new Error("nothing there");
    return of.getBoundingClientRect();
  };
  const letter = (at: number): DOMRect => {
    const nodes = mounted.part("hint")?.childNodes ?? [];
    const text = [...nodes].find((node) => node instanceof Text);
    const range = new Range();
    if (text) range.setStart(text, at);
    if (text) range.setEnd(text, at + 1);
    return edges(range);
  };
  const end = english.hint.length - 1;
  expect(letter(end).left).toBeGreaterThan(letter(0).right);
  // The layout follows the page.
  const status = edges(mounted.part("status"));
  expect(status.right).toBeCloseTo(edges(mounted.part("stage")).right, 0);
  await loading;
});

test("the progress bar has a border in forced colours", async () => {
  const colours = (value: string): Promise<unknown> =>
    (cdp() as unknown as Devtools).send("Emulation.setEmulatedMedia", {
      features: [{ name: "forced-colors", value }],
    });
  mounted = new Mounted({ pace: 30 });
  const loading = mounted.vlm.load();
  await vi.waitFor(() => expect(mounted.part("progress")).not.toBeNull());
  await colours("active");
  const bar = mounted.part("progress")?.querySelector("progress");
  expect(bar && getComputedStyle(bar).borderTopStyle).toBe("solid");
  await colours("none");
  await loading;
});

test("shows an error in the element's language, or in English without a translation", async () => {
  const loadError = new VlmError("offline", "No network.", "Connect.");
  mounted = new Mounted({ loadError });
  const { vlm } = mounted;
  vlm.lang = "de";
  await expect(vlm.load()).rejects.toMatchObject({ code: "offline" });
  const error = (): HTMLElement | null | undefined => mounted.part("error");
  await vi.waitFor(() => expect(error()?.lang).toBe("de"));
  expect(error()?.textContent).toMatch(/nicht erreichbar/);
  expect(vlm.error?.message).toBe("No network.");
  vlm.model = "";
  await expect(vlm.load()).rejects.toMatchObject({ code: "bad-option" });
  await vlm.updateComplete;
  expect(error()?.lang).toBe("en");
  expect(error()?.textContent).toContain(vlm.error?.message);
});

test("announces the same answer to another question again", async () => {
  mounted = new Mounted();
  const { vlm } = mounted;
  const source = await imageFile();
  await vlm.load();
  const status = vlm.shadowRoot?.querySelector("[role=status]");
  const said: (string | null)[] = [];
  const observer = new MutationObserver(() => {
    if (status?.textContent) said.push(status.textContent);
  });
  if (status) observer.observe(status, { childList: true });
  const { text } = await vlm.ask("What?", { source });
  await vi.waitFor(() => expect(said).toEqual([text]));
  await vlm.ask("What else?", { source });
  await vi.waitFor(() => expect(said).toEqual([text, text]));
  vlm.dispose();
  await vlm.updateComplete;
  expect(status?.textContent).toBe("");
});

test("marks UI texts as English if the language has no translation", async () => {
  mounted = new Mounted();
  const { vlm } = mounted;
  vlm.lang = "sw";
  await vlm.ask("Nini?", { source: await imageFile() });
  await vlm.updateComplete;
  expect(mounted.part("stage")?.lang).toBe("en");
  expect(mounted.part("text")?.lang).toBe("sw");
});
