import { listCameras, type FastVlmElement, type SourceName } from "../../index";
import type { Actions } from "./actions";
import { byId, check, onCheck } from "./dom";
import { droppedFolder, readEntry } from "./folder";
import type { ModelPanel } from "./model-panel";
import { drawScene } from "./sample-scene";

/** Chooses the source, the camera and the file; accepts dropped and pasted files. */
export function setUpSource(
  vlm: FastVlmElement,
  actions: Actions,
  model: ModelPanel,
): void {
  const camera = byId("camera", HTMLSelectElement);
  const facing = byId("facing", HTMLSelectElement);

  const choose = (source: SourceName): void => {
    if (source !== vlm.source) {
      actions.stop();
      vlm.source = source;
      vlm.file = undefined;
      clearInputs();
    }
    check("source", source);
    for (const panel of document.querySelectorAll<HTMLElement>(".panel")) {
      panel.hidden = panel.dataset["source"] !== source;
    }
    actions.update();
  };

  const open = (source: SourceName, file: Blob): void => {
    choose(source);
    vlm.file = file;
    actions.start();
  };

  const inputs = (["video", "image"] as const).map((source) => {
    const input = byId(`${source}-file`, HTMLInputElement);
    input.addEventListener("change", () => {
      const file = input.files?.[0];
      if (file) open(source, file);
    });
    return input;
  });

  /** Allows choosing the same file again. */
  const clearInputs = (): void => {
    for (const input of inputs) input.value = "";
  };

  const openOther = (file: Blob | undefined): void => {
    if (!file) return;
    clearInputs();
    open(file.type.startsWith("video/") ? "video" : "image", file);
  };

  onCheck("source", (value) => choose(value as SourceName));
  camera.addEventListener("change", () => (vlm.camera = camera.value));
  facing.addEventListener("change", () => {
    // A selected camera would override the facing mode.
    vlm.camera = camera.value = "";
    vlm.facing = facing.value as FastVlmElement["facing"];
  });
  byId("draw", HTMLButtonElement).addEventListener("click", () => {
    void drawScene().then(openOther);
  });
  acceptDrops(openOther, (folder) => {
    readEntry(folder).then(model.open, model.fail);
  });
  document.addEventListener("paste", ({ clipboardData }) => {
    openOther(clipboardData?.files[0]);
  });

  // Camera names are available only after permission was granted.
  const list = async (): Promise<void> => fillCameras(camera, vlm.camera);
  vlm.addEventListener("statechange", () => void list());
  navigator.mediaDevices?.addEventListener("devicechange", () => void list());
  void list();
  choose(vlm.source);
}

async function fillCameras(
  select: HTMLSelectElement,
  chosen: string,
): Promise<void> {
  const cameras = (await listCameras()).filter(({ deviceId }) => deviceId);
  const key = cameras.map(({ deviceId }) => deviceId).join();
  if (select.dataset["key"] === key) return;
  select.dataset["key"] = key;
  select.length = 1;
  for (const { deviceId, label } of cameras) {
    const name = label || `Camera ${select.length}`;
    select.add(new Option(name, deviceId, false, deviceId === chosen));
  }
}

function acceptDrops(
  open: (file: Blob | undefined) => void,
  openFolder: (folder: FileSystemDirectoryEntry) => void,
): void {
  const hint = byId("drop", HTMLDivElement);
  const show = (event: DragEvent): void => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    hint.hidden = false;
  };
  document.addEventListener("dragenter", show);
  document.addEventListener("dragover", show);
  document.addEventListener("dragleave", ({ relatedTarget }) => {
    hint.hidden = relatedTarget === null;
  });
  document.addEventListener("drop", (event) => {
    hint.hidden = true;
    const folder = droppedFolder(event.dataTransfer?.items);
    const file = event.dataTransfer?.files[0];
    // Leave dropped text to the browser.
    if (!folder && !file) return;
    event.preventDefault();
    if (folder) openFolder(folder);
    else open(file);
  });
}
