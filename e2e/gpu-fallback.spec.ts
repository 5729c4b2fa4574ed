import { cpSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { folderHandler } from "../tools/cli/server.mjs";
import { ask, load, openQuiet, valueOf } from "./support/element.ts";
import { root, scratch } from "./support/paths.ts";
import { encodePng } from "./support/png.ts";
import { draw, scenes } from "./support/scenes.ts";
import { expect, test } from "./support/test.ts";

// Functions that run in the worker can use only its globals. They call the methods
// that they replace with their own `this`.
/* eslint-disable @typescript-eslint/unbound-method */

const [scene] = scenes;
if (!scene) throw new Error("no scene");
const image = { name: "circle.png", bytes: encodePng(draw(scene, 256, 256)) };

const micro = join(scratch, "micro-64");

test.beforeAll(() => {
  cpSync(join(root, "workers/testing/micro"), micro, { recursive: true });
  writeFileSync(join(micro, "preprocessor_config.json"), '{ "size": 64 }');
});

/** With `device="auto"` the test's software adapter would not be used. */
function nameHardwareAdapter(): void {
  const info = {
    ...{ vendor: "acme", architecture: "one", device: "", description: "" },
    isFallbackAdapter: false,
  };
  Object.defineProperty(GPUAdapter.prototype, "info", { get: () => info });
}

function refuseDevice(): void {
  GPUAdapter.prototype.requestDevice = () =>
    Promise.reject(new DOMException("The adapter is gone.", "OperationError"));
}

function loseDeviceWithFirstPipeline(): void {
  const { createComputePipelineAsync } = GPUDevice.prototype;
  GPUDevice.prototype.createComputePipelineAsync = function (descriptor) {
    this.destroy();
    return createComputePipelineAsync.call(this, descriptor);
  };
}

function loseDeviceWithWeights(): void {
  const { createBuffer } = GPUDevice.prototype;
  GPUDevice.prototype.createBuffer = function (descriptor) {
    if (descriptor.size > 16_000) this.destroy();
    return createBuffer.call(this, descriptor);
  };
}

function loseDeviceWithCommands(): void {
  const devices: GPUDevice[] = [];
  const { requestDevice } = GPUAdapter.prototype;
  GPUAdapter.prototype.requestDevice = async function (descriptor) {
    const device = await requestDevice.call(this, descriptor);
    devices.push(device);
    return device;
  };
  const { submit } = GPUQueue.prototype;
  let submits = 0;
  GPUQueue.prototype.submit = function (commands) {
    submits += 1;
    if (submits === 60) devices.at(-1)?.destroy();
    return submit.call(this, commands);
  };
}

/** The sizes exceed the limits, so that the allocations fail. */
function refuseWeights(): void {
  const { createBuffer } = GPUDevice.prototype;
  GPUDevice.prototype.createBuffer = function (descriptor) {
    const size =
      descriptor.size > 16_000
        ? 2 * this.limits.maxBufferSize
        : descriptor.size;
    return createBuffer.call(this, { ...descriptor, size });
  };
}

function refuseShaders(): void {
  const { createShaderModule } = GPUDevice.prototype;
  let modules = 0;
  GPUDevice.prototype.createShaderModule = function (descriptor) {
    modules += 1;
    // The first ones belong to the check of the device.
    const code = modules > 4 ? "not WGSL" : descriptor.code;
    return createShaderModule.call(this, { ...descriptor, code });
  };
}

const unusable =
  /^WebGPU cannot be used on acme one \(.+\), so the model runs on the CPU\.$/;
const failed =
  /^The GPU failed while the model was loading, so the model runs on the CPU: .+\.$/s;

// A model that failed on the GPU stays on the backend that answered first.
for (const [title, fault, reason, backend] of [
  ["that opens no device", refuseDevice, unusable, "wasm"],
  ["lost at the first pipeline", loseDeviceWithFirstPipeline, unusable, "wasm"],
  ["lost while weights are uploaded", loseDeviceWithWeights, failed, "ort"],
  ["lost while the model warms up", loseDeviceWithCommands, failed, "ort"],
  ["without memory for the weights", refuseWeights, failed, "ort"],
  ["that compiles no shaders", refuseShaders, failed, "ort"],
] as const) {
  test(`a GPU ${title} is replaced by the CPU`, async ({ page, server }) => {
    server.mount("/micro/", folderHandler(micro));
    await page.route(/\/vlm\.worker[^/]*\.js$/, async (route) => {
      const response = await route.fetch();
      const code = await response.text();
      const body = `(${nameHardwareAdapter.toString()})();(${fault.toString()})();${code}`;
      await route.fulfill({ response, body });
    });
    await openQuiet(page, { device: "auto", model: "/micro/" });
    const info = valueOf(await load(page));
    expect(info).toMatchObject({ device: "wasm", backend });
    expect(info.deviceReason).toMatch(reason);
    valueOf(await ask(page, image, { maxTokens: 8 }));
  });
}
