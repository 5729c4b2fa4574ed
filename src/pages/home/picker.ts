import { html, type TemplateResult } from "lit";
import { registry, type FolderFiles } from "../../index";
import { pickFolder } from "./folder";
import type { PanelTexts } from "./panel-texts";
import { selectOptions } from "./select-options";

/** A choice that is not yet set on the element. */
export interface ModelChoice {
  readonly model: string;
  readonly folder?: FolderFiles;
}

interface PickerListener {
  readonly onChoose: (choice: ModelChoice) => void;
  readonly onFail: (thrown: unknown) => void;
  /** Another entry is selected. */
  readonly onSelect: () => void;
}

/** Chooses a model: from the registry, by hub id or URL, or a local folder. */
export class ModelPicker {
  readonly #listener: PickerListener;
  /** A registered name, `other` or `folder`. */
  #selected: string;
  #id: string;

  constructor(model: string, listener: PickerListener) {
    this.#listener = listener;
    const isRegistered = registry.some(({ name }) => name === model);
    this.#selected = isRegistered ? model : "other";
    this.#id = isRegistered ? "" : model;
  }

  /** Selects a registered model, and chooses it. */
  choose(name: string): void {
    this.#select(name);
    this.#listener.onChoose({ model: name });
  }

  chooseFolder(folder: FolderFiles): void {
    this.#select("folder");
    this.#listener.onChoose({ model: "", folder });
  }

  /** `folder`: the chosen one. */
  template(
    { model: texts }: PanelTexts,
    folder: FolderFiles | undefined,
  ): TemplateResult {
    const entries = [
      ...registry.map(({ name, title }) => [name, title] as const),
      ["other", texts.other] as const,
      ["folder", texts.folder] as const,
    ];
    return html`
      <label class="field"
        ><span class="unseen">${texts.model}</span
        ><select id="model" @change=${this.#onSelect}>
          ${selectOptions(entries, this.#selected)}
        </select></label
      >
      <form
        id="other"
        class="beside"
        ?hidden=${this.#selected !== "other"}
        @submit=${this.#onSubmit}
      >
        <label class="field"
          ><span class="unseen">${texts.id}</span
          ><input
            id="model-id"
            type="text"
            autocomplete="off"
            autocapitalize="off"
            spellcheck="false"
            placeholder="owner/name · https://…"
            .value=${this.#id}
        /></label>
        <button class="small">${texts.check}</button>
      </form>
      <div id="local" class="beside" ?hidden=${this.#selected !== "folder"}>
        <p class="note">
          ${folder ? texts.folderChosen(nameOf(folder)) : texts.folderHint}
        </p>
        <button
          id="pick-folder"
          class="small"
          type="button"
          @click=${this.#onPick}
        >
          ${folder ? texts.chooseOtherFolder : texts.chooseFolder}
        </button>
      </div>
      <input
        id="folder-file"
        type="file"
        webkitdirectory
        hidden
        @change=${this.#onFiles}
      />
    `;
  }

  #select(entry: string): void {
    this.#selected = entry;
    this.#listener.onSelect();
  }

  readonly #onSelect = ({ target }: Event): void => {
    const { value } = target as HTMLSelectElement;
    if (value !== "other" && value !== "folder") this.choose(value);
    else this.#select(value);
  };

  readonly #onSubmit = (event: SubmitEvent): void => {
    event.preventDefault();
    const input = (event.target as HTMLFormElement).querySelector("input");
    this.#id = input?.value.trim() ?? "";
    this.#listener.onChoose({ model: this.#id });
  };

  readonly #onFiles = ({ target }: Event): void => {
    const input = target as HTMLInputElement;
    // A copy, since the input is emptied so that the folder can be chosen again.
    const files = [...(input.files ?? [])];
    input.value = "";
    if (files.length > 0) this.chooseFolder(files);
  };

  readonly #onPick = ({ target }: Event): void => {
    // If available, since it does not ask for an “upload”.
    const { showDirectoryPicker: pick } = window;
    if (!pick) {
      const root = (target as HTMLElement).closest("details");
      root?.querySelector<HTMLInputElement>("#folder-file")?.click();
      return;
    }
    pickFolder(() => pick.call(window)).then((files) => {
      if (files) this.chooseFolder(files);
    }, this.#listener.onFail);
  };
}

/** Name of a folder, from the path of its first file. */
function nameOf(folder: FolderFiles): string {
  const [first] = folder;
  if (!first) return "";
  const path = first instanceof File ? first.webkitRelativePath : first.path;
  return path.split("/")[0] ?? "";
}
