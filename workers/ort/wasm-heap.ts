let heap: WebAssembly.Memory | undefined;

/**
 * Captures the WebAssembly memory that ONNX Runtime is about to create and does
 * not expose. Restores the constructor afterwards.
 */
export function watchHeap(): void {
  const { Memory } = WebAssembly;
  WebAssembly.Memory = new Proxy(Memory, {
    construct(target, [descriptor]: [WebAssembly.MemoryDescriptor]) {
      const memory = new target(descriptor);
      // ORT also creates a memory that cannot grow, to test for shared buffers.
      if (descriptor.maximum !== 0) {
        heap = memory;
        WebAssembly.Memory = Memory;
      }
      return memory;
    },
  });
}

/** Bytes of ORT's heap, which never shrinks; 0 before it exists. */
export function heapBytes(): number {
  return heap?.buffer.byteLength ?? 0;
}
