// A worker has to be of the page's own origin: this one imports the other.
document.querySelector("fast-vlm").worker = () =>
  new Worker("worker.js", { type: "module" });
