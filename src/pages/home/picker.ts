import { registry, type FastVlmElement, type FolderFiles } from "../../index";
import { byId } from "./dom";
import { pickFolder } from "./folder";

/** A choice that is not yet set on the element. */
export interface ModelChoice {
  readonly model: string;
  readonly folder?: FolderFiles;
}

/** Chooses a model: from the registry, by hub id or URL, or a local folder. */
export function setUpModelPicker(
  vlm: FastVlmElement,
  choose: (choice: ModelChoice) => void,
  fail: (thrown: unknown) => void,
): { readonly showFolder: () => void } {
  const select = byId("model", HTMLSelectElement);
  const other = byId("other", HTMLFormElement);
  const id = byId("model-id", HTMLInputElement);
  const local = byId("local", HTMLElement);
  const file = byId("folder-file", HTMLInputElement);

  for (const { name, title } of registry) select.add(new Option(title, name));
  select.add(new Option("Other (hub id or URL)", "other"));
  select.add(new Option("Local folder", "folder"));
  const known = registry.some(({ name }) => name === vlm.model);
  select.value = known ? vlm.model : "other";
  if (!known) id.value = vlm.model;

  const show = (): void => {
    other.hidden = select.value !== "other";
    local.hidden = select.value !== "folder";
  };
  select.addEventListener("change", () => {
    show();
    if (select.value === "other") id.focus();
    else if (select.value !== "folder") choose({ model: select.value });
  });
  other.addEventListener("submit", (event) => {
    event.preventDefault();
    choose({ model: id.value });
  });
  file.addEventListener("change", () => {
    // A copy, since the input is emptied so that the folder can be chosen again.
    const folder = [...(file.files ?? [])];
    file.value = "";
    if (folder.length > 0) choose({ model: vlm.model, folder });
  });
  byId("pick-folder", HTMLButtonElement).addEventListener("click", () => {
    // If available, since it does not ask for an “upload”.
    const { showDirectoryPicker: pick } = window;
    if (!pick) {
      file.click();
      return;
    }
    pickFolder(() => pick.call(window)).then((folder) => {
      if (folder) choose({ model: vlm.model, folder });
    }, fail);
  });
  show();
  return {
    showFolder: () => {
      select.value = "folder";
      show();
    },
  };
}
