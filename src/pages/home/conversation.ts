import { setUpComposer } from "./composer";
import type { Page } from "./page";
import { Questioner } from "./questioner";
import { setUpTranscript } from "./transcript";

/** Questions about the image in the stage, and their answers. */
export function setUpConversation(page: Page): void {
  const questioner = new Questioner(page.vlm, () => page.update());
  const composer = setUpComposer(page, questioner);
  setUpTranscript(page, questioner, composer);
}
