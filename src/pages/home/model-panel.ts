import { html, nothing, render } from "lit";
import {
  needsConsent,
  VlmError,
  type FastVlmElement,
  type FolderFiles,
  type ProgressDetail,
  type ModelReport,
  type DeviceChoice,
} from "../../index";
import { formatBytes } from "../../shared/format";
import { phaseText } from "../../element/progress-text";
import { setUpModelPicker, type ModelChoice } from "./picker";
import { byId, keepFocus } from "./dom";
import { setUpDownloadProgress } from "./download-progress";
import { modelDetails, summaryOf } from "./model-details";
import { isBundledModel } from "./address";

export interface ModelPanel {
  /** Opens a folder that was dropped on the page. */
  readonly open: (folder: FolderFiles) => void;
  readonly fail: (thrown: unknown) => void;
  /** Opens the panel at a model of the registry: its size, its licence, one click. */
  readonly offer: (name: string) => void;
}

/**
 * Chooses, describes and loads a model. With `manual`, nothing is inspected or loaded
 * before the user or a program asks for it.
 */
export function setUpModelPanel(
  vlm: FastVlmElement,
  manual: boolean,
): ModelPanel {
  const place = byId("model-report", HTMLElement);
  const failure = byId("model-error", HTMLElement);
  const status = byId("model-status", HTMLElement);
  const actions = byId("model-actions", HTMLElement);
  const showProgress = setUpDownloadProgress();
  const load = byId("load-model", HTMLButtonElement);
  const cancel = byId("cancel-load", HTMLButtonElement);
  const select = byId("model", HTMLSelectElement);
  const dtype = byId("dtype", HTMLSelectElement);
  const device = byId("device", HTMLSelectElement);
  let choice: ModelChoice = { model: vlm.model };
  let report: ModelReport | undefined;
  let agreed = false;
  let waiting = false;
  /** Of an inspection that waits for the server. */
  let progress: ProgressDetail | undefined;
  /** Inspecting failed because of the network and can be tried again. */
  let retry = false;
  /** An error that the element does not announce. */
  let announcement = "";
  let inspection = new AbortController();

  const update = (): void => {
    const license = report?.license;
    const needed = license !== undefined && needsConsent(license);
    const change = (given: boolean): void => {
      agreed = given;
      update();
    };
    const consent = { needed, given: agreed, change };
    const isLimited = progress?.retryIn !== undefined;
    const note = progress && isLimited ? phaseText(progress) : inspectingText;
    const inspecting = html`<p class="note">${note}</p>`;
    render(
      report ? modelDetails(report, consent) : waiting ? inspecting : nothing,
      place,
    );
    const text =
      announcement ||
      (report ? summaryOf(report) : waiting ? inspectingText : "");
    if (status.textContent !== text) status.textContent = text;
    // The bundled model loads too quickly for a progress bar.
    const bundled = !vlm.folder && isBundledModel(vlm.model);
    const loading = vlm.progress !== undefined && !bundled;
    const missing = report?.chosen?.missing ?? 0;
    const loadText =
      missing > 0 ? `Download model (${formatBytes(missing)})` : "Load model";
    load.textContent = retry ? "Try again" : loadText;
    load.disabled = !!report?.unsupportedReason || (needed && !agreed);
    const hide = (): void => {
      load.hidden = !(report || retry) || loading;
      cancel.hidden = !loading;
      actions.hidden = load.hidden && cancel.hidden;
    };
    keepFocus(actions, hide, [cancel, load, select]);
    showProgress(loading ? vlm.progress : undefined);
  };

  /** Shows an error, or none; `announced` if the element announces it. */
  const showError = (thrown?: unknown, announced = false): void => {
    const error = thrown === undefined ? undefined : VlmError.from(thrown);
    const fails = error !== undefined && error.code !== "aborted";
    failure.hidden = !fails;
    failure.textContent = fails ? `${error.message} ${error.advice}` : "";
    announcement = announced ? "" : failure.textContent;
    update();
  };

  /** Gets the report of the chosen model. */
  const inspect = async (): Promise<void> => {
    inspection.abort();
    inspection = new AbortController();
    const { signal } = inspection;
    const { model, folder } = choice;
    waiting = true;
    update();
    try {
      const found = await vlm.inspect({
        ...(folder ? { folder } : { model }),
        dtype: dtype.value,
        device: device.value as DeviceChoice,
        signal,
      });
      if (!signal.aborted) report = found;
    } finally {
      if (!signal.aborted) {
        waiting = false;
        update();
      }
    }
  };

  const isStored = (): boolean => report?.chosen?.missing === 0;

  /** Shows the report; with `autoLoad`, loads a model that needs no download. */
  const show = async (autoLoad: boolean): Promise<void> => {
    report = undefined;
    agreed = false;
    retry = false;
    showError();
    try {
      await inspect();
    } catch (thrown) {
      const { code } = VlmError.from(thrown);
      retry = code === "offline" || code === "download-failed";
      showError(thrown);
      return;
    }
    if (autoLoad && isStored() && !load.disabled) await apply();
  };

  /** Sets the choice on the element and loads it. */
  const apply = async (): Promise<void> => {
    const mine = choice;
    inspection.abort();
    waiting = false;
    retry = false;
    if (isBundledChoice()) report = undefined;
    if (report?.license && agreed) vlm.acceptLicense(report.license.id);
    showError();
    vlm.model = choice.model;
    vlm.folder = choice.folder;
    vlm.dtype = dtype.value;
    vlm.device = device.value;
    try {
      await vlm.load();
      if (mine === choice) report = undefined;
    } catch (thrown) {
      if (mine !== choice) return;
      showError(thrown, true);
      // Part of it may be stored now.
      if (report) await inspect().catch(() => undefined);
    }
    update();
  };

  const isBundledChoice = (): boolean =>
    !choice.folder && isBundledModel(choice.model);

  const choose = (chosen: ModelChoice): void => {
    choice = chosen;
    const { folder } = chosen;
    // Without a current model, set the folder at once.
    if (folder && !vlm.info) vlm.folder = folder;
    void (isBundledChoice() ? apply() : show(!manual && !!folder));
  };

  const { showFolder } = setUpModelPicker(vlm, choose, (thrown) =>
    showError(thrown),
  );
  if (![...dtype.options].some(({ value }) => value === vlm.dtype)) {
    dtype.add(new Option("From the URL", vlm.dtype));
  }
  dtype.value = vlm.dtype;
  device.value = vlm.device;
  for (const select of [dtype, device]) {
    select.addEventListener("change", () => {
      const inUse = !report && vlm.info !== undefined;
      void (isBundledChoice() ? apply() : show(inUse));
    });
  }
  load.addEventListener("click", () => {
    if (retry) {
      void show(!manual);
      return;
    }
    void apply();
  });
  cancel.addEventListener("click", () => vlm.cancelLoad());
  vlm.addEventListener("modelprogress", ({ detail }) => {
    progress = detail;
    update();
  });
  vlm.addEventListener("statechange", update);
  update();
  if (!manual && !isBundledChoice()) void show(true);

  return {
    open: (folder) => {
      showFolder();
      choose({ model: vlm.model, folder });
    },
    fail: (thrown) => showError(thrown),
    offer: (name) => {
      const panel = byId("model-panel", HTMLDetailsElement);
      panel.open = true;
      if (choice.model !== name || choice.folder) {
        select.value = name;
        select.dispatchEvent(new Event("change"));
      }
      select.focus();
      panel.scrollIntoView({ block: "nearest" });
    },
  };
}

const inspectingText = "Checking the model…";
