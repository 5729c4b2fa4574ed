let url = "";

/** Saves a text as a file of this name. */
export function saveFile(name: string, type: string, text: string): void {
  // Not at once: some browsers read it after the click.
  URL.revokeObjectURL(url);
  url = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
}
