import { expect, test } from "vitest";
import { Preview } from "./preview";

const nothing = () => undefined;
const listener = { onLive: nothing, onInterrupted: nothing, onEnded: nothing };

const square = (side: number) => createImageBitmap(new ImageData(side, side));

test("a still has the name it was shown under, whatever is shown meanwhile", async () => {
  const stage = new Preview(document.body, listener);
  const { signal } = new AbortController();
  stage.show(await square(4));
  const next = await square(8);
  const taking = stage.frame(signal, "");
  stage.show(next);
  const [first, second] = [await taking, await stage.frame(signal, "")];
  const widths = [first, second].map(({ frame }) => {
    return frame instanceof ImageBitmap ? frame.width : undefined;
  });
  expect(widths).toEqual([4, 8]);
  expect(first.name).toBeTypeOf("string");
  expect(second.name).not.toBe(first.name);
  stage.stop();
});
