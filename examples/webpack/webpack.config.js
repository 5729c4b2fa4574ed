import { fileURLToPath } from "node:url";

export default {
  entry: "./src/main.js",
  output: {
    path: fileURLToPath(new URL("public/built", import.meta.url)),
    filename: "main.js",
    clean: true,
  },
  // The model's runtime is large by nature, and comes when it is needed.
  performance: { hints: false },
};
