import type { Texts } from "./texts";

export const german: Texts = {
  lang: "de",
  states: {
    idle: "Inaktiv",
    loading: "Wird geladen",
    warming: "Wird aufgewärmt",
    ready: "Bereit",
    seeing: "Wird analysiert",
    speaking: "Wird beschrieben",
    paused: "Pausiert",
    failed: "Fehler",
  },
  live: "Live",
  phases: {
    loading: "Modell wird geladen …",
    preparing: "Modell wird vorbereitet …",
    warming: "Modell wird aufgewärmt …",
  },
  elsewhere: "Modell wird in einem anderen Tab heruntergeladen …",
  rateLimited: (time) =>
    `Der Server begrenzt derzeit Downloads. Nächster Versuch in ${time} …`,
  amount: (part, whole) => `${part} von ${whole}`,
  left: (time) => `noch ${time}`,
  caption: "Beschreibung",
  hint: "Hier erscheint die Beschreibung.",
  cutOff: "Diese Beschreibung ist unvollständig.",
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
        "Wähle ein anderes Bild im Format PNG, JPEG, WebP, AVIF, GIF oder SVG aus.",
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
        "Schließe eine Kamera an oder wähle eine andere aus. Danach geht es automatisch weiter.",
    },
    "device-lost": {
      message: "Die Verbindung zur Grafikkarte wurde unterbrochen.",
      advice:
        "Das Modell wird bei der nächsten Anfrage automatisch neu geladen.",
    },
    "download-failed": {
      message: "Der Download ist fehlgeschlagen.",
      advice:
        "Prüfe den Namen des Modells oder versuche es später erneut. Ein begonnener Download wird fortgesetzt.",
    },
    offline: {
      message: "Der Server des Modells ist nicht erreichbar.",
      advice:
        "Prüfe die Internetverbindung und versuche es erneut. Der Download wird dann fortgesetzt.",
    },
    "out-of-memory": {
      message: "Der Arbeits- oder Grafikspeicher reicht nicht aus.",
      advice:
        "Schließe andere Tabs und Programme oder wähle ein kleineres Modell oder eine kleinere Bildgröße.",
    },
    "screen-denied": {
      message: "Die Bildschirmfreigabe wurde abgebrochen.",
      advice:
        "Starte erneut und wähle den Bildschirm oder das Fenster aus, das du freigeben möchtest.",
    },
    "storage-full": {
      message: "Für das Modell ist nicht genügend Speicherplatz frei.",
      advice: "Gib Speicherplatz frei oder wähle ein kleineres Modell.",
    },
    "video-unreadable": {
      message: "Das Video kann nicht abgespielt werden.",
      advice:
        "Wähle eine MP4- oder WebM-Datei aus, die dieser Browser unterstützt.",
    },
    "webgpu-unavailable": {
      message: "WebGPU ist nicht verfügbar.",
      advice:
        "Verwende einen Browser und ein Gerät mit WebGPU oder führe das Modell auf dem Prozessor aus.",
    },
    "worker-died": {
      message:
        "Das Modell konnte nicht gestartet werden oder wurde unerwartet beendet.",
      advice:
        "Es wird bei der nächsten Anfrage automatisch neu gestartet. Wenn das Problem weiterhin besteht, lade die Seite neu.",
    },
  },
};
