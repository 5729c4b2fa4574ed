/** The element with this id, which must exist. */
export function byId<T extends HTMLElement>(
  id: string,
  type: abstract new () => T,
): T {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`No ${type.name} #${id}.`);
  return found;
}

/**
 * Calls `hide`. If that hides the focused element in `place`, focuses the first of
 * the elements `ids` that can have the focus, so that it does not move to the top of
 * the page.
 */
export function keepFocus(
  place: HTMLElement,
  hide: () => void,
  ids: readonly string[],
): void {
  // Read before hiding, which can reset it.
  const { activeElement: focused } = document;
  const isInside = place.contains(focused);
  hide();
  if (!isInside || focused?.checkVisibility()) return;
  for (const id of ids) {
    const other = document.getElementById(id);
    if (!other?.checkVisibility() || other.matches(":disabled")) continue;
    other.focus();
    return;
  }
}

export function setText(id: string, text: string): void {
  byId(id, HTMLElement).textContent = text;
}

/** Selects the radio button with `value`. Returns whether it exists. */
export function check(name: string, value: string): boolean {
  let found = false;
  for (const radio of radios(name)) {
    radio.checked = radio.value === value;
    found ||= radio.checked;
  }
  return found;
}

export function onCheck(name: string, then: (value: string) => void): void {
  for (const radio of radios(name)) {
    radio.addEventListener("change", () => then(radio.value));
  }
}

function radios(name: string): NodeListOf<HTMLInputElement> {
  return document.querySelectorAll<HTMLInputElement>(`input[name="${name}"]`);
}
