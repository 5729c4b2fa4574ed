/** The element with that id: the page and its script are one thing. */
export function byId<T extends HTMLElement>(
  id: string,
  type: abstract new () => T,
): T {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`No ${type.name} #${id}.`);
  return found;
}

/**
 * Hides what `hide` does. If that had the focus, the first of `others` that can
 * take it gets it: the keyboard would start at the top of the page again.
 */
export function keepFocus(
  place: HTMLElement,
  hide: () => void,
  others: readonly HTMLElement[],
): void {
  // Afterwards nobody knows.
  const { activeElement: focused } = document;
  const isInside = place.contains(focused);
  hide();
  if (!isInside || focused?.checkVisibility()) return;
  const canTake = (other: HTMLElement): boolean =>
    other.checkVisibility() && !other.matches(":disabled");
  others.find(canTake)?.focus();
}

export function setText(id: string, text: string): void {
  byId(id, HTMLElement).textContent = text;
}

/** Selects the radio button of `name` with `value`; whether there is one. */
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
