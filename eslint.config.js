// @ts-check
import eslint from "@eslint/js";
import { defineConfig, globalIgnores } from "eslint/config";
import tseslint from "typescript-eslint";

/** Imports that would break the layout, each with the reason. */
const betweenThreads =
  "src/ and workers/ run in different threads and meet only in src/shared.";
const ort = {
  // The address of a file is no code of it.
  regex: "^onnxruntime-(web|common)(?!.*\\?url$)",
  message: "Only workers/ort imports onnxruntime-web.",
};
const comlink = {
  group: ["comlink"],
  message: "The element knows the runtime's interface, not Comlink.",
};
const workers = {
  // The address of a worker is no code of it.
  regex: "/workers/(?!.*\\?worker&url$)",
  message: betweenThreads,
};
const benchWorkers = {
  // The bench shares message types and call counters with its workers.
  regex: "/workers/(?!bench/(messages|gpu-calls)$|.*\\?worker&url$)",
  message: betweenThreads,
};
const src = {
  regex: "(^|/)src/(?!shared/)",
  message: betweenThreads,
};

/**
 * Flat config replaces a rule's options, so each folder lists all of its own.
 * @param {string[]} files
 * @param {object[]} patterns
 * @param {string[]} [ignores]
 * @returns {import("eslint").Linter.Config}
 */
const forbid = (files, patterns, ignores = []) => ({
  files,
  ignores,
  rules: {
    "@typescript-eslint/no-restricted-imports": ["error", { patterns }],
  },
});

export default defineConfig(
  globalIgnores([
    "dist/",
    "lib/",
    "examples/",
    "e2e/fixtures/",
    ".cache/",
    "test-results/",
    "public/",
    "tools/fastvlm/",
    // AssemblyScript, which its own compiler checks.
    "workers/{backends/wasm,kernels}/assembly/",
  ]),
  eslint.configs.recommended,
  tseslint.configs.recommendedTypeChecked,
  {
    linterOptions: { reportUnusedDisableDirectives: "error" },
    languageOptions: {
      parserOptions: { projectService: true },
    },
    rules: {
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/no-import-type-side-effects": "error",
      "@typescript-eslint/no-unused-vars": [
        "error",
        { ignoreRestSiblings: true },
      ],
      "@typescript-eslint/prefer-readonly": "error",
      "@typescript-eslint/restrict-template-expressions": [
        "error",
        { allowNumber: true },
      ],
      "@typescript-eslint/switch-exhaustiveness-check": [
        "error",
        { considerDefaultExhaustiveForUnions: true },
      ],
      eqeqeq: "error",
      "no-console": "error",
      // The compiler checks names, also in the scripts.
      "no-undef": "off",
    },
  },
  forbid(["src/**"], [workers, ort], ["src/shared/**", "src/element/**"]),
  forbid(["src/pages/bench/**", "src/pages/soak/**"], [benchWorkers, ort]),
  forbid(["src/element/**"], [workers, ort, comlink]),
  forbid(
    ["src/pages/home/**"],
    [
      {
        regex:
          "^\\.\\./(?!\\.\\./(index|element/(define|languages|progress-text|texts)|shared/format)$)",
        message: "The page uses the public API only.",
      },
      workers,
      ort,
      comlink,
    ],
    ["**/*.test.ts"],
  ),
  forbid(
    ["src/shared/**"],
    [
      {
        regex: "^(?!\\./)",
        message: "src/shared imports nothing but itself.",
      },
    ],
    ["**/*.test.ts"],
  ),
  forbid(["workers/**"], [src, ort], ["workers/ort/**", "workers/kernels/**"]),
  forbid(["workers/ort/**"], [src]),
  forbid(
    ["workers/kernels/**"],
    [
      src,
      ort,
      {
        regex: "^\\.\\./(?!\\.\\./src/shared/|util/assert$)",
        message: "Kernels know nothing of models.",
      },
    ],
    ["workers/kernels/testing/**"],
  ),
  {
    files: ["tools/cli/**", "*.config.*", "bench/**", "e2e/**"],
    rules: { "no-console": "off" },
  },
);
