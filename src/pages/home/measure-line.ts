import { html, nothing, type TemplateResult } from "lit";
import type { CaptionDetail, ModelInfo } from "../../index";
import { isDemo } from "./address";
import { byId } from "./dom";
import type { ModelPanel } from "./model-panel";
import { secondsText } from "./number-text";
import { setUpRegion, type Page } from "./page";
import { resetButton } from "./reset-button";
import type { PageTexts } from "./texts";

/** One line under the caption: how long it took, and what the demo model knows. */
export function setUpMeasureLine(page: Page, model: ModelPanel): void {
  const { vlm } = page;
  setUpRegion(page, byId("measure", HTMLElement), () => {
    const fails = vlm.error?.code === "bad-option";
    return html`${fails ? resetButton(page) : nothing}${remark(page)}${measured(page)}${isDemo(vlm) ? limits(page, model) : nothing}`;
  });
}

function remark({ remark, texts }: Page): unknown {
  return remark ? html`<p id="remark">${remark(texts)}</p>` : nothing;
}

function measured({ vlm, caption, texts }: Page): unknown {
  const ttft = caption?.timings.ttft;
  if (!caption || ttft === undefined || !vlm.info) return nothing;
  const place = isOnGpu(vlm.info) ? texts.onGpu : texts.onCpu;
  const line = texts.measured(secondsText(ttft, texts.lang), place);
  return html`${asked(caption, texts)}
    <p id="ttft">${line}</p>`;
}

/** The caption is the answer to a question that is no longer in the field. */
function asked({ kind, prompt }: CaptionDetail, texts: PageTexts): unknown {
  return kind === "answer"
    ? html`<p id="asked">${texts.asked(prompt)}</p>`
    : nothing;
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
