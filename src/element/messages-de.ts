import type { Messages } from "./messages";

export const german: Messages = {
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
  failures: {
    "bad-image": {
      message: "Das Bild lässt sich nicht lesen.",
      advice: "Nimm ein anderes: PNG, JPEG, WebP, AVIF, GIF oder SVG.",
    },
    "camera-busy": {
      message: "Die Kamera schickt keine Bilder.",
      advice:
        "Öffne ihre Blende, oder schließe das Programm, das sie benutzt; dann geht es von selbst weiter.",
    },
    "camera-denied": {
      message: "Die Kamera wurde nicht erlaubt.",
      advice:
        "Erlaube sie dieser Seite in der Adressleiste oder in den Einstellungen des Systems; dann geht es von selbst weiter.",
    },
    "camera-missing": {
      message: "Die Kamera wurde nicht gefunden.",
      advice:
        "Schließe sie an, oder wähle eine andere; dann geht es von selbst weiter.",
    },
    "device-lost": {
      message: "Die Grafikkarte ist ausgefallen.",
      advice: "Mit dem nächsten Bild wird das Modell neu geladen.",
    },
    "download-failed": {
      message: "Das Herunterladen ist misslungen.",
      advice: "Prüfe die Verbindung und versuche es noch einmal.",
    },
    offline: {
      message: "Es gibt keine Verbindung zum Netz.",
      advice: "Stelle sie her und versuche es noch einmal.",
    },
    "out-of-memory": {
      message: "Der Speicher reicht nicht aus.",
      advice:
        "Schließe andere Tabs und Programme, oder nimm ein kleineres Modell oder kleinere Bilder.",
    },
    "screen-denied": {
      message: "Es wurde kein Bildschirm und kein Fenster freigegeben.",
      advice: "Beginne noch einmal und wähle, was freigegeben wird.",
    },
    "storage-full": {
      message: "Auf dem Datenträger ist kein Platz für das Modell.",
      advice: "Schaffe Platz, oder nimm ein kleineres Modell.",
    },
    "video-unreadable": {
      message: "Das Video lässt sich nicht abspielen.",
      advice:
        "Nimm eine Datei in MP4 oder WebM, die dieser Browser abspielen kann.",
    },
    "webgpu-unavailable": {
      message: "WebGPU steht hier nicht zur Verfügung.",
      advice:
        "Nimm einen Browser und ein Gerät mit WebGPU, oder lass den Prozessor rechnen.",
    },
    "worker-died": {
      message: "Das Modell ist stehen geblieben.",
      advice:
        "Mit dem nächsten Bild beginnt es neu. Bleibt es wieder stehen, lade die Seite neu.",
    },
  },
};
