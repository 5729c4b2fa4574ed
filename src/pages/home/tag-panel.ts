import { html, nothing, type TemplateResult } from "lit";
import { registry } from "../../index";
import { Copier } from "./copier";
import { byId } from "./dom";
import { elementHtml, packageFolder, sessionScript } from "./element-tag";
import { setUpRegion, type Page } from "./page";

/** The tag with what is chosen here, to copy into another page. */
export function setUpTagPanel(page: Page): void {
  const { vlm } = page;
  const panel = byId("tag-panel", HTMLDetailsElement);
  const copier = new Copier(() => page.update());
  panel.addEventListener("toggle", () => page.update());

  const snippet = (id: string, title: string, code: string): TemplateResult => {
    const { tag: texts } = page.texts.panels;
    // The key contains the code: what changed since is not copied.
    const key = `${id} ${code}`;
    return html`
      <div class="snippet">
        <div class="beside">
          <h3 id=${`${id}-title`}>${title}</h3>
          <button
            class="small"
            type="button"
            aria-describedby=${`${id}-title`}
            @click=${() => void copier.copy(key, code)}
          >
            ${copier.textFor(key, texts)}
          </button>
        </div>
        <pre id=${id}><code>${code}</code></pre>
      </div>
    `;
  };

  setUpRegion(page, byId("tag-content", HTMLElement), () => {
    if (!panel.open) return nothing;
    const { tag: texts } = page.texts.panels;
    const { looking } = page;
    const license = registry.find(({ name }) => name === vlm.model)?.license;
    return html`
      <p class="note">${texts.intro}</p>
      ${snippet("code-html", "HTML", elementHtml(vlm, looking))}
      ${snippet("code-script", "JavaScript", sessionScript(vlm, looking))}
      ${snippet("code-files", texts.files, `npx fast-vlm copy ${packageFolder}`)}
      ${license ? html`<p class="note">${texts.licence(license.name)}</p>` : nothing}
      ${vlm.folder ? html`<p class="note">${texts.localFolder}</p>` : nothing}
    `;
  });
}
