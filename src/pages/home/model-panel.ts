import { html, nothing, render } from "lit";
import {
  needsConsent,
  VlmError,
  type FastVlmElement,
  type FolderFiles,
  type ModelReport,
} from "../../index";
import { setUpChoice, type Choice } from "./picker";
import { byId, keepFocus } from "./dom";
import { setUpFetching } from "./download-progress";
import { offer, summaryOf } from "./model-details";
import { isBundled } from "./params";

export interface ModelPanel {
  /** A folder that was dropped on the page. */
  readonly open: (folder: FolderFiles) => void;
  readonly fail: (thrown: unknown) => void;
}

/**
 * Which model: chosen, what it costs, loaded or not. `manual`: nothing is
 * asked or loaded until a person or a program says so.
 */
export function setUpModel(vlm: FastVlmElement, manual: boolean): ModelPanel {
  const place = byId("offer", HTMLElement);
  const failure = byId("model-error", HTMLElement);
  const told = byId("model-told", HTMLElement);
  const actions = byId("model-actions", HTMLElement);
  const showProgress = setUpFetching();
  const load = byId("load-model", HTMLButtonElement);
  const cancel = byId("cancel-load", HTMLButtonElement);
  const select = byId("model", HTMLSelectElement);
  const dtype = byId("dtype", HTMLSelectElement);
  const device = byId("device", HTMLSelectElement);
  let choice: Choice = { model: vlm.model };
  let report: ModelReport | undefined;
  let agreed = false;
  let waiting = false;
  /** Nobody answered; the same question may be answered later. */
  let unanswered = false;
  /** A failure that the element does not announce. */
  let unheard = "";
  let asking = new AbortController();

  const update = (): void => {
    const license = report?.license;
    const needed = license !== undefined && needsConsent(license);
    const change = (given: boolean): void => {
      agreed = given;
      update();
    };
    const consent = { needed, given: agreed, change };
    const asks = html`<p class="note">${asked}</p>`;
    render(report ? offer(report, consent) : waiting ? asks : nothing, place);
    const news = unheard || (report ? summaryOf(report) : waiting ? asked : "");
    if (told.textContent !== news) told.textContent = news;
    // What came with the page is there before a bar could be read.
    const quick = !vlm.folder && isBundled(vlm.model);
    const fetching = vlm.progress !== undefined && !quick;
    load.textContent = unanswered ? "Try again" : "Load";
    load.disabled = !!report?.obstacle || (needed && !agreed);
    const hide = (): void => {
      load.hidden = !(report || unanswered) || fetching;
      cancel.hidden = !fetching;
      actions.hidden = load.hidden && cancel.hidden;
    };
    keepFocus(actions, hide, [cancel, load, select]);
    showProgress(fetching ? vlm.progress : undefined);
  };

  /** `heard`: the element announces it. */
  const say = (thrown?: unknown, heard = false): void => {
    const error = thrown === undefined ? undefined : VlmError.from(thrown);
    const fails = error !== undefined && error.code !== "aborted";
    failure.hidden = !fails;
    failure.textContent = fails ? `${error.message} ${error.advice}` : "";
    unheard = heard ? "" : failure.textContent;
    update();
  };

  /** Asks what the choice costs. */
  const inspect = async (): Promise<void> => {
    asking.abort();
    asking = new AbortController();
    const { signal } = asking;
    const { model, folder } = choice;
    waiting = true;
    update();
    try {
      const found = await vlm.inspect({
        ...(folder ? { folder } : { model }),
        dtype: dtype.value,
        device: device.value,
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

  const isFree = (): boolean => report?.chosen?.missing === 0;

  /** Shows what it costs; with `atOnce`, what costs nothing is loaded. */
  const show = async (atOnce: boolean): Promise<void> => {
    report = undefined;
    agreed = false;
    unanswered = false;
    say();
    try {
      await inspect();
    } catch (thrown) {
      const { code } = VlmError.from(thrown);
      unanswered = code === "offline" || code === "download-failed";
      say(thrown);
      return;
    }
    if (atOnce && isFree() && !load.disabled) await apply();
  };

  /** Makes the choice the element's, which then loads it. */
  const apply = async (): Promise<void> => {
    const mine = choice;
    asking.abort();
    waiting = false;
    unanswered = false;
    if (carried()) report = undefined;
    if (report?.license && agreed) vlm.acceptLicense(report.license.id);
    say();
    vlm.model = choice.model;
    vlm.folder = choice.folder;
    vlm.dtype = dtype.value;
    vlm.device = device.value;
    try {
      await vlm.load();
      if (mine === choice) report = undefined;
    } catch (thrown) {
      if (mine !== choice) return;
      say(thrown, true);
      // Some of it may be here by now.
      if (report) await inspect().catch(() => undefined);
    }
    update();
  };

  const carried = (): boolean => !choice.folder && isBundled(choice.model);

  const choose = (chosen: Choice): void => {
    choice = chosen;
    const { folder } = chosen;
    // With nothing in use there is nothing to spare.
    if (folder && !vlm.info) vlm.folder = folder;
    void (carried() ? apply() : show(!manual && !!folder));
  };

  const { showFolder } = setUpChoice(vlm, choose, (thrown) => say(thrown));
  if (![...dtype.options].some(({ value }) => value === vlm.dtype)) {
    dtype.add(new Option("As in the address", vlm.dtype));
  }
  dtype.value = vlm.dtype;
  device.value = vlm.device;
  for (const select of [dtype, device]) {
    select.addEventListener("change", () => {
      const inUse = !report && vlm.info !== undefined;
      void (carried() ? apply() : show(inUse));
    });
  }
  load.addEventListener("click", () => {
    if (unanswered) {
      void show(!manual);
      return;
    }
    void apply();
  });
  cancel.addEventListener("click", () => vlm.cancelLoad());
  vlm.addEventListener("modelprogress", update);
  vlm.addEventListener("statechange", update);
  update();
  if (!manual && !carried()) void show(true);

  return {
    open: (folder) => {
      showFolder();
      choose({ model: vlm.model, folder });
    },
    fail: (thrown) => say(thrown),
  };
}

const asked = "Asking what it costs…";
