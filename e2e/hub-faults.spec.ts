import {
  testFailing,
  testPassing,
  type FailingFault,
  type PassingFault,
} from "./support/hub-faults.ts";
import { decoder, graphs, somewhere } from "./support/hub.ts";

const passing: Record<string, PassingFault> = {
  "cut connections": {
    spoil: ({ faults }) => {
      // Unread bytes are lost when a connection breaks; at this rate few are.
      faults.add({ kind: "slow", value: 4_000_000 });
      for (const file of graphs) {
        faults.add({ kind: "cut", value: somewhere(file), file, times: 1 });
      }
    },
    extra: 3_000_000,
  },
  "missing range support": {
    spoil: ({ faults }) => faults.add({ kind: "no-ranges" }),
    extra: 0,
  },
  "redirects to another port": {
    spoil: ({ faults }) => faults.add({ kind: "redirect", value: "port" }),
    extra: 0,
  },
  "temporary server errors": {
    spoil: ({ faults }) => {
      faults.add({ kind: "status", value: 500, file: "onnx/*", times: 3 });
      faults.add({ kind: "status", value: 503, file: "api/**", times: 1 });
    },
    extra: 0,
  },
};

const failing: Record<string, FailingFault> = {
  "a corrupt byte": {
    spoil: ({ faults }) => {
      const value = somewhere(decoder);
      faults.add({ kind: "flip", value, file: decoder });
    },
    code: "model-corrupt",
    names: /decoder_model_merged\.onnx/,
  },
  "a wrong hash in the file listing": {
    spoil: ({ faults }) => faults.add({ kind: "wrong-sha", file: decoder }),
    code: "model-corrupt",
    names: /decoder_model_merged\.onnx/,
  },
  "a missing file": {
    spoil: ({ faults }) => faults.add({ kind: "missing", file: decoder }),
    code: "model-file-missing",
    names: /decoder_model_merged\.onnx/,
  },
  "a failing server": {
    spoil: ({ faults }) => {
      faults.add({ kind: "status", value: 500, file: decoder });
    },
    code: "download-failed",
    names: /decoder_model_merged\.onnx/,
  },
};

testPassing(passing);
testFailing(failing);
