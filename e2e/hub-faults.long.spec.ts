import {
  testFailing,
  testPassing,
  type FailingFault,
  type PassingFault,
} from "./support/hub-faults.ts";
import { decoder, sizeOf, somewhere } from "./support/hub.ts";

const passing: Record<string, PassingFault> = {
  "missing range support and a cut connection": {
    spoil: ({ faults }) => {
      faults.add({ kind: "no-ranges" });
      const value = somewhere(decoder);
      faults.add({ kind: "cut", value, file: decoder, times: 1 });
    },
    extra: sizeOf(decoder),
  },
  "Retry-After responses": {
    spoil: ({ faults }) => {
      faults.add({ kind: "busy", value: 1, file: "onnx/*", times: 2 });
    },
    extra: 0,
  },
  "a Content-Length that is too small": {
    spoil: ({ faults }) => {
      faults.add({ kind: "length", value: -999, file: decoder, times: 1 });
    },
    extra: 0,
  },
  "a Content-Length that is too big": {
    spoil: ({ faults }) => {
      faults.add({ kind: "length", value: 999, file: decoder, times: 1 });
    },
    extra: 3_000_000,
  },
  "a missing file listing": {
    spoil: ({ faults }) => faults.add({ kind: "no-api" }),
    extra: 0,
  },
};

const failing: Record<string, FailingFault> = {
  "a corrupt byte without a file listing": {
    spoil: ({ faults }) => {
      faults.add({ kind: "no-api" });
      const value = somewhere(decoder);
      faults.add({ kind: "flip", value, file: decoder });
    },
    code: "model-corrupt",
    names: /decoder_model_merged\.onnx/,
  },
  "a corrupt byte in the tokenizer": {
    spoil: ({ faults }) => {
      const [value, file] = [somewhere("tokenizer.json"), "tokenizer.json"];
      faults.add({ kind: "flip", value, file });
    },
    code: "model-corrupt",
    names: /tokenizer\.json/,
  },
  "a size in the file listing that is too small": {
    spoil: ({ faults }) => {
      faults.add({ kind: "wrong-size", value: -7, file: decoder });
    },
    code: "model-corrupt",
    names: /decoder_model_merged\.onnx/,
  },
  "a size in the file listing that is too big": {
    spoil: ({ faults }) => {
      faults.add({ kind: "wrong-size", value: 7, file: decoder });
    },
    code: "model-corrupt",
    names: /decoder_model_merged\.onnx/,
  },
};

testPassing(passing);
testFailing(failing);
