import { html, nothing, render, type TemplateResult } from "lit";
import {
  needsConsent,
  VlmError,
  type DeviceChoice,
  type FolderFiles,
  type ModelReport,
  type ProgressDetail,
} from "../../index";
import { textsFor } from "../../element/languages";
import { phaseText } from "../../element/progress-text";
import { failureText } from "../../element/texts";
import { formatBytes } from "../../shared/format";
import { isBundledModel, isDemo } from "./address";
import { byId, keepFocus } from "./dom";
import { downloadProgress } from "./download-progress";
import { deviceNames, modelDetails, summaryOf } from "./model-details";
import type { Page } from "./page";
import { ModelPicker, type ModelChoice } from "./picker";
import { selectOptions } from "./select-options";

export interface ModelPanel {
  /** Opens a folder that was dropped on the page. */
  readonly open: (folder: FolderFiles) => void;
  readonly fail: (thrown: unknown) => void;
  /** Opens the panel at a model of the registry: its size, its licence, one click. */
  readonly offer: (name: string) => void;
}

const dtypes = ["fp32", "fp16", "q4", "q4f16"] as const;

/** Elements that can take the focus when the focused one is hidden. */
const focusOrder = ["cancel-load", "load-model", "model"];

/**
 * Chooses, describes and loads a model. On a page that a program drives, nothing is
 * inspected or loaded before the program or a user asks for it.
 */
export function setUpModelPanel(page: Page): ModelPanel {
  const { vlm, manual } = page;
  const panel = byId("model-panel", HTMLDetailsElement);
  const root = byId("model-content", HTMLElement);
  let choice: ModelChoice = { model: vlm.model };
  let { dtype, device } = vlm;
  let report: ModelReport | undefined;
  let error: VlmError | undefined;
  /** The element announces the error. */
  let isAnnounced = false;
  let agreed = false;
  let inspecting = false;
  /** Of an inspection that waits for the server. */
  let progress: ProgressDetail | undefined;
  /** The inspection failed because of the network, or was cancelled. */
  let retry = false;
  let inspection = new AbortController();

  const isBundled = (): boolean =>
    !choice.folder && isBundledModel(choice.model);

  const needsAgreement = (): boolean =>
    report?.license !== undefined && needsConsent(report.license) && !agreed;

  const canLoad = (): boolean =>
    !report?.unsupportedReason && !needsAgreement();

  const isStored = (): boolean => report?.chosen?.missing === 0;

  const setError = (thrown?: unknown, announced = false): void => {
    const failed = thrown === undefined ? undefined : VlmError.from(thrown);
    error = failed?.code === "aborted" ? undefined : failed;
    isAnnounced = announced;
    page.update();
  };

  /** Gets the report of the choice. */
  const inspect = async (): Promise<void> => {
    inspection.abort();
    inspection = new AbortController();
    const { signal } = inspection;
    const { model, folder } = choice;
    inspecting = true;
    progress = undefined;
    page.update();
    try {
      const found = await vlm.inspect({
        ...(folder ? { folder } : { model }),
        dtype,
        device: device as DeviceChoice,
        signal,
      });
      if (!signal.aborted) report = found;
    } finally {
      if (!signal.aborted) {
        inspecting = false;
        page.update();
      }
    }
  };

  /** Shows the report; with `autoLoad`, loads a model that needs no download. */
  const show = async (autoLoad: boolean): Promise<void> => {
    report = undefined;
    agreed = false;
    retry = false;
    setError();
    try {
      await inspect();
    } catch (thrown) {
      const { code } = VlmError.from(thrown);
      // Cancelled, or replaced by another one.
      if (code === "aborted") return;
      retry = code === "offline" || code === "download-failed";
      setError(thrown);
      return;
    }
    if (autoLoad && isStored() && canLoad()) await apply();
  };

  const cancelInspection = (): void => {
    inspection.abort();
    inspecting = false;
    retry = true;
    page.update();
  };

  /** Sets the choice on the element and loads it. */
  const apply = async (): Promise<void> => {
    const mine = choice;
    inspection.abort();
    inspecting = false;
    retry = false;
    if (isBundled()) report = undefined;
    if (report?.license && agreed) vlm.acceptLicense(report.license.id);
    setError();
    // The sizes of another model.
    if (vlm.model !== choice.model || vlm.folder !== choice.folder) {
      vlm.size = 0;
    }
    if (!choice.folder) vlm.model = choice.model;
    vlm.folder = choice.folder;
    vlm.dtype = dtype;
    vlm.device = device;
    try {
      await vlm.load();
      if (mine === choice) report = undefined;
    } catch (thrown) {
      if (mine !== choice) return;
      setError(thrown, true);
      // Part of it may be stored now.
      if (report) await inspect().catch(() => undefined);
    }
    page.update();
  };

  const choose = (chosen: ModelChoice): void => {
    choice = chosen;
    const { folder } = chosen;
    // A program may load the folder before it is checked.
    if (folder && manual && !vlm.info) vlm.folder = folder;
    void (isBundled() ? apply() : show(!manual && !!folder));
  };

  const changeLoadOption = (): void => {
    const inUse = !report && vlm.info !== undefined;
    void (isBundled() ? apply() : show(inUse));
  };

  const picker = new ModelPicker(vlm.model, {
    onChoose: choose,
    onFail: (thrown) => setError(thrown),
    onSelect: () => page.update(),
  });

  const state = (): string => {
    const { panels } = page.texts;
    if (error && !isAnnounced) {
      const { message, advice } = failureText(error, textsFor(panels.lang));
      return `${message} ${advice}`;
    }
    if (inspecting) return panels.model.checking;
    return report ? summaryOf(report, panels) : "";
  };

  const details = (): TemplateResult | typeof nothing => {
    const { panels } = page.texts;
    if (inspecting && !report) {
      const waits = progress?.retryIn !== undefined;
      const text =
        progress && waits
          ? phaseText(progress, textsFor(panels.lang))
          : panels.model.checking;
      return html`<div class="beside">
        <p class="note">${text}</p>
        <button
          id="cancel-check"
          class="small"
          type="button"
          @click=${cancelInspection}
        >
          ${panels.model.cancel}
        </button>
      </div>`;
    }
    if (!report) return nothing;
    const { license } = report;
    const change = (given: boolean): void => {
      agreed = given;
      page.update();
    };
    const needed = license !== undefined && needsConsent(license);
    return modelDetails(report, { needed, given: agreed, change }, panels);
  };

  const failure = (): TemplateResult | typeof nothing => {
    if (!error) return nothing;
    const texts = textsFor(page.texts.panels.lang);
    const { message, advice, lang } = failureText(error, texts);
    return html`<p id="model-error" class="failure" lang=${lang}>
      ${message} ${advice}
    </p>`;
  };

  const actions = (loading: boolean): TemplateResult => {
    const { lang, model: texts } = page.texts.panels;
    const missing = report?.chosen?.missing ?? 0;
    const loadText =
      missing > 0 ? texts.download(formatBytes(missing, lang)) : texts.load;
    const hidesLoad = !(report || retry) || loading;
    const load = (): void => void (retry ? show(!manual) : apply());
    return html`
      <div
        id="model-actions"
        class="beside end"
        ?hidden=${hidesLoad && !loading}
      >
        <button
          id="load-model"
          class="small primary"
          type="button"
          ?hidden=${hidesLoad}
          ?disabled=${!canLoad()}
          @click=${load}
        >
          ${retry ? texts.tryAgain : loadText}
        </button>
        <button
          id="cancel-load"
          class="small"
          type="button"
          ?hidden=${!loading}
          @click=${() => vlm.cancelLoad()}
        >
          ${texts.cancel}
        </button>
      </div>
    `;
  };

  const loadOptions = (): TemplateResult => {
    const { model: texts } = page.texts.panels;
    return html`
      <div class="pair even">
        <label class="field"
          >${texts.dtype}<select
            id="dtype"
            @change=${(event: Event) => {
              dtype = (event.target as HTMLSelectElement).value;
              changeLoadOption();
            }}
          >
            ${selectOptions(
              [["auto", texts.auto], ...dtypes.map((it) => [it, it] as const)],
              dtype,
            )}
          </select></label
        >
        <label class="field"
          >${texts.device}<select
            id="device"
            @change=${(event: Event) => {
              device = (event.target as HTMLSelectElement).value;
              changeLoadOption();
            }}
          >
            ${selectOptions(
              [["auto", texts.auto], ...Object.entries(deviceNames)],
              device,
            )}
          </select></label
        >
      </div>
    `;
  };

  const template = (): TemplateResult => {
    const { panels } = page.texts;
    // The bundled model loads too quickly for a progress bar.
    const loading = isDemo(vlm) ? undefined : vlm.progress;
    return html`
      ${picker.template(panels, choice.folder)}
      <p id="model-status" class="unseen" role="status">${state()}</p>
      <div id="model-report">${details()}</div>
      ${
        loading
          ? downloadProgress(
              loading,
              panels.model.loading,
              textsFor(panels.lang),
            )
          : nothing
      }
      ${failure()}${actions(loading !== undefined)}${loadOptions()}
      ${
        isDemo(vlm) && isBundled()
          ? html`<p class="note">${page.texts.limits(vlm.model)}</p>`
          : nothing
      }
    `;
  };

  page.onUpdate(() =>
    keepFocus(root, () => render(template(), root), focusOrder),
  );
  vlm.addEventListener("modelprogress", ({ detail }) => {
    progress = detail;
    page.update();
  });
  if (!manual && !isBundled()) void show(true);

  return {
    open: (folder) => {
      panel.open = true;
      picker.chooseFolder(folder);
    },
    fail: (thrown) => {
      panel.open = true;
      setError(thrown);
    },
    offer: (name) => {
      panel.open = true;
      if (choice.model !== name || choice.folder) picker.choose(name);
      byId("model", HTMLSelectElement).focus();
      panel.scrollIntoView({ block: "nearest" });
    },
  };
}
