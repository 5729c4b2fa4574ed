import { registry, type FastVlmElement, type FolderFiles } from "../../index";
import { byId } from "./dom";
import { pickFolder } from "./folder";

/** What a person chose, before it is the element's. */
export interface Choice {
  readonly model: string;
  readonly folder?: FolderFiles;
}

/** Which model: one of the registry, another by its id, or a folder. */
export function setUpChoice(
  vlm: FastVlmElement,
  choose: (choice: Choice) => void,
  fail: (thrown: unknown) => void,
): { readonly showFolder: () => void } {
  const select = byId("model", HTMLSelectElement);
  const other = byId("other", HTMLFormElement);
  const id = byId("model-id", HTMLInputElement);
  const local = byId("local", HTMLElement);
  const file = byId("folder-file", HTMLInputElement);

  for (const { name, title } of registry) select.add(new Option(title, name));
  select.add(new Option("Another, by id or address", "other"));
  select.add(new Option("A folder of this machine", "folder"));
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
    // An own list: the input's is emptied, so that it can be chosen again.
    const folder = [...(file.files ?? [])];
    file.value = "";
    if (folder.length > 0) choose({ model: vlm.model, folder });
  });
  byId("pick-folder", HTMLButtonElement).addEventListener("click", () => {
    // The dialogue without a word about “uploading”, where there is one.
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
