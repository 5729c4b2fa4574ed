import { beforeEach, expect, test, vi } from "vitest";
import { FakeCamera } from "../testing/fake-camera";
import { Mounted } from "../testing/mounted";
import { imageFile } from "../testing/images";
import { FakeWorkers } from "../testing/workers";
import "./define";

/** Valid and invalid values of each attribute. */
const values: Readonly<Record<string, readonly string[]>> = {
  model: ["/models/other", "", "no such"],
  hub: ["http://hub.test", "::"],
  "model-base": ["/elsewhere/", "::"],
  "wasm-paths": ["/wasm/"],
  prompt: ["What?", ""],
  "prompt-style": ["demo", "rude"],
  source: ["none", "video", "telescope", ""],
  for: ["nothing", ""],
  facing: ["user", "sideways"],
  camera: ["some-id"],
  fit: ["crop", "glove"],
  anyres: [""],
  size: ["512", "100", "big"],
  dtype: ["q4", "fp64"],
  device: ["webgpu", "abacus"],
  backend: ["ort", "scenic"],
  live: [""],
  draft: ["off", "beer"],
  gate: ["0.5", "wide"],
  loading: ["eager", "visible", "never"],
  "max-tokens": ["5", "0", "many"],
  "muted-text": [""],
  lang: ["de", "no such!"],
  name: ["seen"],
  disabled: [""],
};

let mounted: Mounted;

beforeEach(() => void new FakeCamera());

const later = (ms: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, ms));

/** Brings the element into a state. */
const into: Readonly<Record<string, () => Promise<unknown>>> = {
  idle: () => Promise.resolve(),
  loading: () => {
    mounted.vlm.load().catch(() => undefined);
    return later(50);
  },
  ready: () => mounted.vlm.load(),
  speaking: async () => {
    mounted.vlm.source = "camera";
    mounted.vlm.live = true;
    await mounted.vlm.start();
    await vi.waitFor(() => expect(mounted.vlm.state).toBe("speaking"));
  },
  paused: async () => {
    mounted.vlm.source = "camera";
    await mounted.vlm.start();
    await mounted.vlm.freeze();
  },
  failed: async () => {
    const source = new File(["no image"], "note.png");
    await mounted.vlm.ask("What?", { source }).catch(() => undefined);
  },
};

test.each(Object.entries(into))(
  "works after every attribute has changed while %s",
  async (state, reach) => {
    mounted = new Mounted();
    const { vlm } = mounted;
    // Another `wasm-paths` needs another worker.
    const workers = new FakeWorkers({ pace: state === "loading" ? 200 : 3 });
    vlm.worker = workers.start;
    await reach();
    expect(vlm.state).toBe(state);
    for (const [name, each] of Object.entries(values)) {
      const before = vlm.getAttribute(name);
      for (const value of each) {
        vlm.setAttribute(name, value);
        await later(8);
      }
      if (before === null) vlm.removeAttribute(name);
      else vlm.setAttribute(name, before);
      await later(3);
    }
    for (const { code } of mounted.detailsOf("error")) {
      expect(code).not.toBe("internal");
    }
    vlm.stop();
    workers.script = { pace: 1 };
    for (const fake of workers.fakes) fake.script = { ...fake.script, pace: 1 };
    vlm.model = "/models/fake";
    const answer = await vlm.ask("And now?", { source: await imageFile() });
    expect(answer.finish).toBe("stop");
    await vlm.updateComplete;
    expect(vlm.state).toBe("ready");
    expect(mounted.part("text")?.textContent).toBe(answer.text);
  },
  30_000,
);
