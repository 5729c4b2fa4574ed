import "../../element/define";
import { setUpActions } from "./actions";
import { setUpAbout } from "./about";
import { setUpKept } from "./storage";
import { setUpMeasures } from "./metrics";
import { setUpModel } from "./model-panel";
import { setUpOffline } from "./register-service-worker";
import { applyParams } from "./params";
import { setUpQuestion } from "./question";
import { setUpSeeing } from "./image-options";
import { setUpSource } from "./source";
import { setUpSparing } from "./speed-options";

const vlm = document.querySelector("fast-vlm");
if (!vlm) throw new Error("The page has no <fast-vlm>.");

applyParams(vlm, location.search);
const manual = new URLSearchParams(location.search).get("load") === "manual";
const actions = setUpActions(vlm);
const model = setUpModel(vlm, manual);
setUpSource(vlm, actions, model);
setUpQuestion(vlm);
setUpSeeing(vlm);
setUpSparing(vlm);
setUpAbout(vlm);
setUpKept(vlm);
setUpMeasures(vlm);
// A program that drives the page brings it with it.
if (!manual) setUpOffline(vlm);
