/** The worker as it is in browsers that cannot suspend WebAssembly. */
import "./without-jspi";
import "../vlm.worker";
