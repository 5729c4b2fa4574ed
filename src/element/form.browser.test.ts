import { afterEach, expect, test, vi } from "vitest";
import { Mounted } from "../testing/mounted";
import { imageFile } from "../testing/images";
import "./define";

let mounted: Mounted;
afterEach(() => document.body.replaceChildren());

function form(): HTMLFormElement {
  mounted = new Mounted({ captions: [["A", " cat"]], pace: 10 });
  const form = document.createElement("form");
  mounted.vlm.name = "seen";
  form.append(mounted.vlm);
  document.body.append(form);
  return form;
}

const valueOf = (form: HTMLFormElement): FormDataEntryValue | null =>
  new FormData(form).get("seen");

test("the form value is the last complete caption", async () => {
  const owner = form();
  const { vlm } = mounted;
  await vlm.updateComplete;
  expect(vlm.form).toBe(owner);
  expect(vlm.value).toBeNull();
  expect(valueOf(owner)).toBeNull();
  const source = await imageFile();
  const onToken = vi.fn(() => expect(vlm.value).toBeNull());
  await vlm.ask("What?", { source, onToken });
  expect(onToken).toHaveBeenCalledTimes(2);
  expect(vlm.value).toBe("A cat");
  expect(valueOf(owner)).toBe("A cat");
});

test("an aborted answer does not become the form value", async () => {
  const owner = form();
  const controller = new AbortController();
  const answer = mounted.vlm.ask("What?", {
    source: await imageFile(),
    signal: controller.signal,
    onToken: () => controller.abort(),
  });
  await expect(answer).rejects.toMatchObject({ code: "aborted" });
  expect(valueOf(owner)).toBeNull();
});

test("resetting the form clears the caption", async () => {
  const owner = form();
  const { vlm } = mounted;
  await vlm.ask("What?", { source: await imageFile() });
  owner.reset();
  await vlm.updateComplete;
  expect(vlm.value).toBeNull();
  expect(vlm.text).toBe("");
  expect(valueOf(owner)).toBeNull();
  expect(mounted.part("text")).toBeNull();
});

test("a page that may be shown again is left without its texts", async () => {
  const owner = form();
  const { vlm } = mounted;
  await vlm.ask("What?", { source: await imageFile() });
  const leave = (persisted: boolean): boolean =>
    dispatchEvent(new PageTransitionEvent("pagehide", { persisted }));
  leave(false);
  expect(vlm.text).toBe("A cat");
  leave(true);
  await vlm.updateComplete;
  expect(vlm.text).toBe("");
  expect(vlm.conversation).toEqual([]);
  expect(vlm.value).toBeNull();
  expect(valueOf(owner)).toBeNull();
  expect(mounted.part("text")).toBeNull();
});

test("has no form value while it or its fieldset is disabled", async () => {
  const owner = form();
  const { vlm } = mounted;
  vlm.source = "camera";
  await vlm.ask("What?", { source: await imageFile() });
  const button = (): HTMLButtonElement =>
    mounted.part("start") as HTMLButtonElement;
  vlm.disabled = true;
  await vlm.updateComplete;
  expect(valueOf(owner)).toBeNull();
  expect(vlm.matches(":disabled")).toBe(true);
  expect(button().disabled).toBe(true);
  vlm.disabled = false;
  const around = document.createElement("fieldset");
  around.disabled = true;
  owner.append(around);
  around.append(vlm);
  await vlm.updateComplete;
  expect(button().disabled).toBe(true);
  expect(valueOf(owner)).toBeNull();
  around.disabled = false;
  await vlm.updateComplete;
  expect(button().disabled).toBe(false);
});

test("its buttons do not submit the form", async () => {
  const owner = form();
  const submitted = vi.fn((event: Event) => event.preventDefault());
  owner.addEventListener("submit", submitted);
  mounted.vlm.source = "camera";
  await mounted.vlm.updateComplete;
  mounted.vlm.start = () => Promise.resolve();
  mounted.part("start")?.click();
  expect(submitted).not.toHaveBeenCalled();
});
