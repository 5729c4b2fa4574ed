import { html, nothing, type TemplateResult } from "lit";
import type { ModelInfo } from "../../index";
import { isBundledModel } from "./address";
import { byId } from "./dom";
import type { ModelPanel } from "./model-panel";
import { secondsText } from "./number-text";
import { setUpRegion, type Page } from "./page";

/** One line under the caption: how long it took, and what the demo model knows. */
export function setUpMeasureLine(page: Page, model: ModelPanel): void {
  const { vlm } = page;
  setUpRegion(page, byId("measure", HTMLElement), () => {
    const isDemo = isBundledModel(vlm.model) && !vlm.folder;
    return html`${remark(page)}${measured(page)}${isDemo ? limits(page, model) : nothing}`;
  });
}

function remark({ remark, texts }: Page): unknown {
  return remark ? html`<p id="remark">${remark(texts)}</p>` : nothing;
}

function measured({ vlm, caption, texts }: Page): unknown {
  const ttft = caption?.timings.ttft;
  if (ttft === undefined || !vlm.info) return nothing;
  const place = isOnGpu(vlm.info) ? texts.onGpu : texts.onCpu;
  const line = texts.measured(secondsText(ttft, texts.lang), place);
  return html`<p id="ttft">${line}</p>`;
}

function limits({ vlm, texts }: Page, model: ModelPanel): TemplateResult {
  return html`<p id="limits">
    ${texts.limits(vlm.model)}
    <button
      id="load-larger"
      class="link"
      type="button"
      @click=${() => model.offer("fastvlm-0.5b")}
    >
      ${texts.loadLarger}
    </button>
  </p>`;
}

/** A software adapter computes on the processor. */
function isOnGpu({ device, adapter }: ModelInfo): boolean {
  return device === "webgpu" && !/swiftshader|llvmpipe/i.test(adapter);
}
