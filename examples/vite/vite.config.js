import { defineConfig } from "vite";

export default defineConfig({
  // `vite dev` would move the library and leave its worker where it was.
  optimizeDeps: { exclude: ["fast-vlm"] },
});
