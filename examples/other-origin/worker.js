import "https://cdn.example/worker.js";
