import { panelGerman } from "./panel-texts-de";
import type { PageTexts } from "./texts";

export const pageGerman: PageTexts = {
  lang: "de",
  tagline:
    "Beschreibt, was deine Kamera sieht. Alles läuft in diesem Tab: Nichts verlässt dein Gerät.",
  model: (name) => `Modell: ${name}`,
  language: "Sprache",

  stage: "Bild und Beschreibung",
  useCamera: "Meine Kamera verwenden",
  tryCameraAgain: "Kamera erneut versuchen",
  orSample: "oder mit einem Beispiel beginnen",
  samples: {
    shapes: "Drei Formen",
    star: "Ein Stern",
    word: "Ein Wort",
    clip: "Ein bewegter Clip",
  },
  openFile: "Bild oder Video öffnen",
  shareScreen: "Bildschirm teilen",
  dropHint: "Du kannst auch ein Bild oder Video hierher ziehen oder einfügen.",
  demoModel: (name) => `${name}, ein kleines Demomodell,`,
  modelLoading: (model, amount) =>
    `${model} wird geladen${amount && ` (${amount})`} …`,
  modelPreparing: (model, amount) =>
    `${model} wird vorbereitet${amount && ` (${amount})`} …`,
  modelReady: (model) => `${model} ist bereit.`,
  modelMissing: (model) => `${model} ist noch nicht geladen.`,
  firstOfFiles: (count) => `Nur die erste der ${count} Dateien wurde geöffnet.`,
  reset: "Mit den Standardeinstellungen neu beginnen",
  drop: "Bild, Video oder Modellordner ablegen",

  controls: "Steuerung",
  freeze: "Standbild",
  resume: "Fortsetzen",
  close: "Schließen",
  cancel: "Abbrechen",
  switchCamera: "Kamera wechseln",
  torch: "Kameralicht",
  zoom: "Zoom",
  pictureInPicture: "Bild im Bild",
  fullScreen: "Vollbild",
  allowCamera: "Erlaube die Kamera, wenn der Browser danach fragt.",
  chooseScreen:
    "Wähle aus, was du teilen möchtest, wenn der Browser danach fragt.",
  frozen: "Standbild",

  measured: (time, place) => `${time} bis zum ersten Wort · ${place}`,
  asked: (question) => `„${question}“`,
  onGpu: "auf deiner Grafikkarte",
  onCpu: "auf deinem Prozessor",
  limits: (name) =>
    `${name} kennt nur farbige Formen und kurze gedruckte Texte und versteht nur Englisch.`,
  loadLarger: "FastVLM-0.5B laden (0,8 bis 1,1 GB, Forschungslizenz von Apple)",

  panels: panelGerman,
  titles: {
    footer:
      "Bilder, Fragen und Antworten bleiben auf diesem Gerät. Die Seite kontaktiert andere Server nur, um das gewählte Modell herunterzuladen.",
    docs: "Dokumentation",
    bench: "Benchmark",
    repository: "Quellcode",
    model: "Modell",
    image: "Bildoptionen",
    performance: "Leistung",
    tag: "Auf deiner Website",
    stored: "Gespeicherte Modelle",
  },
};
