import type * as FastVlm from "../../src/index.ts";

/**
 * Runs in a page of examples/plain: returns the answers about live and still
 * sources, of the element and of a session; with `live`, also live captions. It can
 * use only the page's globals.
 */
export async function askAboutSources(
  live: boolean,
): Promise<Record<string, string>> {
  const answers: Record<string, string> = {};
  const vlm = document.querySelector("fast-vlm");
  if (!vlm) throw new Error("no <fast-vlm>");
  const nextCaption = (): Promise<string> =>
    new Promise((resolve) => {
      vlm.addEventListener("caption", ({ detail }) => resolve(detail.text), {
        once: true,
      });
    });
  vlm.live = live;
  const ofCamera = nextCaption();
  await vlm.start();
  if (live) answers["live camera"] = await ofCamera;
  answers["camera"] = (await vlm.ask()).text;
  await vlm.freeze();
  answers["frozen camera"] = (await vlm.ask()).text;
  vlm.stop();

  const stream = await navigator.mediaDevices.getUserMedia({ video: true });
  const video = document.createElement("video");
  video.id = "shown";
  video.muted = true;
  video.srcObject = stream;
  document.body.append(video);
  await video.play();
  vlm.for = video.id;
  answers["video of the page"] = (await vlm.ask()).text;
  const ofVideo = nextCaption();
  await vlm.start();
  if (live) answers["live video of the page"] = await ofVideo;
  vlm.stop();

  const url = "./fast-vlm/fast-vlm.js";
  const { createFastVlm } = (await import(url)) as typeof FastVlm;
  const fastVlm = createFastVlm({ modelBase: "fast-vlm" });
  const session = await fastVlm.create({ model: "nano" });
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 256;
  canvas.getContext("2d")?.drawImage(video, 0, 0, 256, 256);
  const image = document.createElement("img");
  image.src = canvas.toDataURL();
  for (const [name, source] of Object.entries({
    ...{ video, stream, canvas, image },
  })) {
    answers[name] = (await session.describe(source).done()).text;
    if (!live) continue;
    for await (const { text } of session.watch(source)) {
      answers[`live ${name}`] = text;
      break;
    }
  }
  await fastVlm.dispose();
  for (const track of stream.getTracks()) track.stop();
  return answers;
}
