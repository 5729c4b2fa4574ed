import { FakeVlm, fakeWorker, type Script } from "./fake-worker";

/** A way to start scripted workers, and those it has started. */
export class FakeWorkers {
  readonly fakes: FakeVlm[] = [];
  readonly workers: Worker[] = [];
  /** How many have been terminated. */
  ended = 0;
  /** Of the workers to come. */
  script: Partial<Script>;

  constructor(script: Partial<Script> = {}) {
    this.script = script;
  }

  readonly start = (): Worker => {
    const fake = new FakeVlm(this.script);
    const worker = fakeWorker(fake);
    const terminate = worker.terminate.bind(worker);
    worker.terminate = () => {
      this.ended += 1;
      terminate();
    };
    this.fakes.push(fake);
    this.workers.push(worker);
    return worker;
  };

  /** What all of them were called with, e.g. `load …`. */
  calls(kind: string): string[] {
    const calls = this.fakes.flatMap((fake) => fake.calls);
    return calls.filter((call) => call.startsWith(kind));
  }
}
