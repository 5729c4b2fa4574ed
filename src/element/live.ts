import { pause } from "../shared/abort";
import { VlmError } from "../shared/errors";
import { pageVisible } from "../capture/page-visible";

/** Failures in a row after which live captions give up. */
const attempts = 3;

/**
 * Calls `caption` again and again while the page is visible, until aborted.
 * A failed frame is reported and the next one tried, a little later each time.
 */
export async function live(
  caption: () => Promise<void>,
  report: (error: VlmError) => void,
  signal: AbortSignal,
): Promise<void> {
  let failures = 0;
  while (!signal.aborted && failures < attempts) {
    try {
      await pageVisible(signal);
      if (!signal.aborted) await caption();
      failures = 0;
    } catch (thrown) {
      const error = VlmError.from(thrown);
      if (error.code === "aborted") continue;
      failures += 1;
      report(error);
      if (failures < attempts) await pause(500 * failures, signal);
    }
  }
}
