let heap: WebAssembly.Memory | undefined;

/**
 * Catches the memory that the runtime is about to make: it keeps it to itself.
 * The constructor is put back as soon as that has happened.
 */
export function watchHeap(): void {
  const { Memory } = WebAssembly;
  WebAssembly.Memory = new Proxy(Memory, {
    construct(target, [descriptor]: [WebAssembly.MemoryDescriptor]) {
      const memory = new target(descriptor);
      // One that cannot grow is only asked for its buffer's type.
      if (descriptor.maximum !== 0) {
        heap = memory;
        WebAssembly.Memory = Memory;
      }
      return memory;
    },
  });
}

/** Bytes of the runtime's heap, which never shrinks; 0 before there is one. */
export function heapBytes(): number {
  return heap?.buffer.byteLength ?? 0;
}
