import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [react()],
  // `vite dev` would move the library and leave its worker where it was.
  optimizeDeps: { exclude: ["fast-vlm"] },
});
