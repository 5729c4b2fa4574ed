import { html, type TemplateResult } from "lit";
import { live } from "lit/directives/live.js";

/** The options of a select, of which `chosen` is selected. Values that are not
 * listed, such as those of the address, are added. */
export function selectOptions(
  entries: readonly (readonly [value: string, text: string])[],
  chosen: string,
): TemplateResult[] {
  const isListed = entries.some(([value]) => value === chosen);
  const all = isListed ? entries : [...entries, [chosen, chosen] as const];
  return all.map(
    ([value, text]) =>
      html`<option value=${value} .selected=${live(value === chosen)}>
        ${text}
      </option>`,
  );
}
