import { Digest } from "./digest";
import type { Directory } from "./disk";
import { isCode } from "./errors";
import { PartialFile, readKept } from "./partial-file";
import { refusal } from "./response";
import { chunksOf, exchange, persevere, Trouble } from "./request";
import { Transfer, type TransferJob } from "./transfer";

/**
 * Brings a file into `files`, whole and checked. One that turns out damaged is
 * thrown away, alone; one that is cut stays for the next time.
 */
export async function storeFile(
  files: Directory,
  key: string,
  given: Omit<TransferJob, "part" | "digest">,
): Promise<void> {
  if ((await readKept(files, key)).blob !== undefined) return;
  const { fact } = given.remote;
  const digest = await Digest.create(fact);
  const part = await PartialFile.open(files, key, given.net.pause);
  const job: TransferJob = { ...given, part, digest };
  try {
    job.listener.kept(part.have.size);
    if (fact.bytes === undefined) {
      part.markVerified(await job.slots.use(() => stream(job)));
    } else {
      await new Transfer(job, fact.bytes).run();
      part.markVerified(fact.bytes);
    }
  } catch (error) {
    // What a server does not send the end of may be good so far.
    const short = error instanceof Error && error.cause instanceof Trouble;
    if (isCode(error, "model-corrupt") && !short) part.discard();
    throw error;
  } finally {
    part.close();
  }
}

/** A file whose size nobody tells: in one go, again from its start if cut. */
async function stream(job: TransferJob): Promise<number> {
  const { net, remote, part, digest, listener, signal } = job;
  const attempt = () =>
    exchange(net, remote.url, {}, signal, async (response, alive) => {
      const refused = refusal(remote, response);
      if (refused !== undefined) throw refused;
      part.discard();
      digest.reset();
      let at = 0;
      for await (const chunk of chunksOf(response, alive)) {
        listener.received(chunk.length);
        part.write(chunk, at);
        digest.update(chunk);
        at += chunk.length;
        listener.kept(at);
      }
      return at;
    });
  const { path: subject, url } = remote;
  const bytes = await persevere({ net, subject, url, signal }, attempt);
  digest.check(remote.path);
  return bytes;
}
