import type { Words } from "./words";

export const german: Words = {
  lang: "de",
  states: {
    idle: "Aus",
    loading: "Lädt",
    warming: "Wärmt auf",
    ready: "Bereit",
    seeing: "Sieht hin",
    speaking: "Spricht",
    paused: "Angehalten",
    failed: "Fehler",
  },
  phases: {
    loading: "Das Modell wird geladen",
    preparing: "Das Modell wird vorbereitet",
    warming: "Das Modell wärmt sich auf",
  },
  elsewhere: "Ein anderer Tab lädt das Modell herunter",
  amount: (part, whole) => `${part} von ${whole}`,
  left: (time) => `noch ${time}`,
  caption: "Beschreibung",
  hint: "Hier erscheint die Beschreibung.",
  modelReady: "Das Modell ist bereit.",
  start: "Start",
  stop: "Stopp",
  freeze: "Anhalten",
  resume: "Weiter",
  cancel: "Abbrechen",
};
