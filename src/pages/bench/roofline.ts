import type {
  Roofline,
  RooflineAnswer,
  RooflineQuestion,
} from "../../../workers/bench/messages";

/** Measures in a separate worker, when nothing else runs. */
export async function measureRoofline(
  question: RooflineQuestion,
): Promise<Roofline> {
  const worker = new Worker(
    new URL("../../../workers/bench/roofline.worker.ts", import.meta.url),
    { type: "module" },
  );
  try {
    const answer = await new Promise<RooflineAnswer>((resolve, reject) => {
      worker.onmessage = ({ data }: MessageEvent<RooflineAnswer>) =>
        resolve(data);
      worker.onerror = ({ message }) => reject(new Error(message));
      worker.postMessage(question);
    });
    if ("failed" in answer) throw new Error(answer.failed);
    return answer.roofline;
  } finally {
    worker.terminate();
  }
}
