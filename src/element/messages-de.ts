import type { Messages } from "./messages";

export const german: Messages = {
  lang: "de",
  states: {
    idle: "Inaktiv",
    loading: "Wird geladen",
    warming: "Wird gestartet",
    ready: "Bereit",
    seeing: "Wird analysiert",
    speaking: "Wird beschrieben",
    paused: "Pausiert",
    failed: "Fehler",
  },
  phases: {
    loading: "Modell wird geladen …",
    preparing: "Modell wird vorbereitet …",
    warming: "Modell wird gestartet …",
  },
  elsewhere: "Modell wird in einem anderen Tab heruntergeladen …",
  amount: (part, whole) => `${part} von ${whole}`,
  left: (time) => `noch ${time}`,
  caption: "Beschreibung",
  hint: "Hier erscheint die Beschreibung.",
  modelReady: "Modell bereit.",
  start: "Starten",
  stop: "Stoppen",
  freeze: "Standbild",
  resume: "Fortsetzen",
  cancel: "Abbrechen",
  failures: {
    "bad-image": {
      message: "Das Bild konnte nicht gelesen werden.",
      advice:
        "Wähle ein anderes Bild im Format PNG, JPEG, WebP, AVIF, GIF oder SVG.",
    },
    "camera-busy": {
      message: "Die Kamera liefert kein Bild.",
      advice:
        "Öffne die Kameraabdeckung oder schließe das Programm, das die Kamera verwendet. Danach geht es automatisch weiter.",
    },
    "camera-denied": {
      message: "Der Zugriff auf die Kamera wurde verweigert.",
      advice:
        "Erlaube den Zugriff in der Adressleiste oder in den Systemeinstellungen. Danach geht es automatisch weiter.",
    },
    "camera-missing": {
      message: "Es wurde keine Kamera gefunden.",
      advice:
        "Schließe die Kamera an oder wähle eine andere. Danach geht es automatisch weiter.",
    },
    "device-lost": {
      message: "Die Verbindung zur Grafikkarte wurde unterbrochen.",
      advice: "Das Modell wird beim nächsten Bild neu geladen.",
    },
    "download-failed": {
      message: "Der Download ist fehlgeschlagen.",
      advice: "Prüfe die Internetverbindung und versuche es erneut.",
    },
    offline: {
      message: "Keine Internetverbindung.",
      advice: "Stelle die Verbindung wieder her und versuche es erneut.",
    },
    "out-of-memory": {
      message: "Der Arbeitsspeicher reicht nicht aus.",
      advice:
        "Schließe andere Tabs und Programme oder wähle ein kleineres Modell oder eine kleinere Bildgröße.",
    },
    "screen-denied": {
      message: "Die Bildschirmfreigabe wurde abgebrochen.",
      advice:
        "Starte erneut und wähle den Bildschirm oder das Fenster, das freigegeben werden soll.",
    },
    "storage-full": {
      message: "Für das Modell ist nicht genügend Speicherplatz frei.",
      advice: "Gib Speicherplatz frei oder wähle ein kleineres Modell.",
    },
    "video-unreadable": {
      message: "Das Video kann nicht abgespielt werden.",
      advice:
        "Wähle eine MP4- oder WebM-Datei, die dieser Browser unterstützt.",
    },
    "webgpu-unavailable": {
      message: "WebGPU ist nicht verfügbar.",
      advice:
        "Verwende einen Browser und ein Gerät mit WebGPU oder führe das Modell auf dem Prozessor aus.",
    },
    "worker-died": {
      message: "Das Modell wurde unerwartet beendet.",
      advice:
        "Es startet beim nächsten Bild neu. Wenn das Problem weiterhin besteht, lade die Seite neu.",
    },
  },
};
