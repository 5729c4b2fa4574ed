import { VlmError } from "../../../src/shared/errors";
import { formatBytes } from "../../../src/shared/format";

const PAGE = 2 ** 16;
/** Of the address space of 4 GB. */
const MOST_PAGES = 2 ** 16;
/** Address 0 is kept free, so that no allocation is there. */
const START = PAGE;
/** Bytes; the size of a cache line, and more than a vector's. */
const ALIGNMENT = 64;
/** Bytes that are copied from a Blob at once. */
const PIECE = 2 ** 24;

interface Free {
  start: number;
  end: number;
}

/**
 * The linear memory of the kernels, with an allocator: first fit, neighbouring free
 * blocks are merged. Addresses are multiples of 64 bytes and never change; views
 * become invalid when an allocation grows the memory, so take them after it.
 */
export class WasmMemory {
  readonly memory: WebAssembly.Memory;
  /** Whether threads can use it, too. */
  readonly shared: boolean;
  /** Lengths by address. */
  readonly #used = new Map<number, number>();
  /** Sorted, with gaps between them. */
  #free: Free[] = [];
  #end = START;
  #allocated = 0;

  /** @param shared needs cross-origin isolation */
  constructor(shared: boolean) {
    this.shared = shared;
    this.memory = createMemory(shared);
  }

  /** Bytes that the memory occupies; it never shrinks. */
  get size(): number {
    return this.memory.buffer.byteLength;
  }

  /** Bytes in use. */
  get allocated(): number {
    return this.#allocated;
  }

  /** Address of `bytes` bytes, which contain anything. Throws `out-of-memory`. */
  allocate(bytes: number): number {
    const length = Math.max(1, Math.ceil(bytes / ALIGNMENT)) * ALIGNMENT;
    const address = this.#reuse(length) ?? this.#extend(length);
    this.#used.set(address, length);
    this.#allocated += length;
    return address;
  }

  free(address: number): void {
    const length = this.#used.get(address);
    if (length === undefined) throw new Error(`${address} is not allocated.`);
    this.#used.delete(address);
    this.#allocated -= length;
    const next = this.#free.findIndex(({ start }) => start > address);
    const index = next === -1 ? this.#free.length : next;
    this.#free.splice(index, 0, { start: address, end: address + length });
    this.#merge(index);
    if (index > 0) this.#merge(index - 1);
    const last = this.#free.at(-1);
    if (last?.end !== this.#end) return;
    this.#end = last.start;
    this.#free.pop();
  }

  bytes(address: number, length: number): Uint8Array {
    return new Uint8Array(this.memory.buffer, address, length);
  }

  /** @param length in elements, here and below */
  floats(address: number, length: number): Float32Array {
    return new Float32Array(this.memory.buffer, address, length);
  }

  integers(address: number, length: number): Int32Array {
    return new Int32Array(this.memory.buffer, address, length);
  }

  /** Copies a Blob to `address`, without holding a copy of the whole. */
  async copyBlob(address: number, blob: Blob): Promise<void> {
    for (let at = 0; at < blob.size; at += PIECE) {
      const piece = await blob.slice(at, at + PIECE).arrayBuffer();
      this.bytes(address + at, piece.byteLength).set(new Uint8Array(piece));
    }
  }

  /** Merges a free block with the next if nothing is between them. */
  #merge(index: number): void {
    const [block, next] = this.#free.slice(index, index + 2);
    if (block === undefined || next?.start !== block.end) return;
    block.end = next.end;
    this.#free.splice(index + 1, 1);
  }

  #reuse(length: number): number | undefined {
    const block = this.#free.find(({ start, end }) => end - start >= length);
    if (block === undefined) return;
    const { start } = block;
    block.start += length;
    if (block.start === block.end)
      this.#free = this.#free.filter((other) => other !== block);
    return start;
  }

  #extend(length: number): number {
    const start = this.#end;
    const missing = start + length - this.size;
    if (missing > 0) this.#grow(Math.ceil(missing / PAGE));
    this.#end = start + length;
    return start;
  }

  #grow(pages: number): void {
    // In steps, because each may copy everything.
    const step = Math.ceil(this.size / PAGE / 8);
    const left = MOST_PAGES - this.size / PAGE;
    for (const count of [Math.max(pages, Math.min(step, left)), pages]) {
      try {
        this.memory.grow(count);
        return;
      } catch (error) {
        // The browser has less; try without reserve.
        if (!(error instanceof RangeError)) throw error;
      }
    }
    const total = formatBytes(this.size + pages * PAGE);
    throw new VlmError(
      "out-of-memory",
      `WebAssembly cannot have ${total} of memory.`,
      "Close other tabs, or use a smaller model or dtype.",
    );
  }
}

/** Browsers reserve the addresses of shared memory at once; some refuse 4 GB. */
function createMemory(shared: boolean): WebAssembly.Memory {
  const initial = START / PAGE;
  for (let maximum = MOST_PAGES; ; maximum /= 2) {
    try {
      return new WebAssembly.Memory({ initial, maximum, shared });
    } catch (error) {
      const isLast = maximum <= MOST_PAGES / 8;
      if (isLast || !(error instanceof RangeError)) throw error;
    }
  }
}
