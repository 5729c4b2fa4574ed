import { onTestFinished } from "vitest";
import { createFastVlm, type FastVlm } from "../create-fast-vlm";
import type { Session } from "../session/session";
import type { FakeVlm, Script } from "./fake-worker";
import { FakeWorkers } from "./workers";

/** Sessions with scripted workers; they end with the test. */
export function fastVlm(script: Partial<Script> = {}): {
  readonly vlm: FastVlm;
  readonly workers: FakeWorkers;
} {
  const workers = new FakeWorkers(script);
  const vlm = createFastVlm({ worker: workers.start });
  onTestFinished(() => vlm.dispose());
  return { vlm, workers };
}

export async function openSession(script: Partial<Script> = {}): Promise<{
  readonly session: Session;
  readonly fake: FakeVlm;
  readonly workers: FakeWorkers;
}> {
  const { vlm, workers } = fastVlm(script);
  const session = await vlm.create({ model: "nano" });
  const [fake] = workers.fakes;
  if (!fake) throw new Error("No worker was started.");
  return { session, fake, workers };
}

/** A picture file of one colour. */
export async function pictureFile(
  color = "red",
  type = "image/png",
): Promise<Blob> {
  const canvas = paintedCanvas(color);
  return new Promise((resolve, reject) =>
    canvas.toBlob((file) => {
      if (file) resolve(file);
      else reject(new Error(`no ${type}`));
    }, type),
  );
}

export function paintedCanvas(color = "red", width = 8, height = 8) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  if (!context) throw new Error("no canvas");
  context.fillStyle = color;
  context.fillRect(0, 0, width, height);
  return canvas;
}
