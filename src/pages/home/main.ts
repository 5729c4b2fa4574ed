import "../../element/define";
import { setUpActions } from "./actions";
import { setUpModelInfo } from "./model-info";
import { setUpStorage } from "./storage";
import { setUpMetrics } from "./metrics";
import { setUpModelPanel } from "./model-panel";
import { setUpOffline } from "./offline";
import { applyParams } from "./params";
import { setUpPrompt } from "./prompt";
import { setUpImageOptions } from "./image-options";
import { setUpSource } from "./source";
import { setUpSpeedOptions } from "./speed-options";

const vlm = document.querySelector("fast-vlm");
if (!vlm) throw new Error("The page has no <fast-vlm>.");

applyParams(vlm, location.search);
const manual = new URLSearchParams(location.search).get("loading") === "manual";
const actions = setUpActions(vlm);
const model = setUpModelPanel(vlm, manual);
setUpSource(vlm, actions, model);
setUpPrompt(vlm);
setUpImageOptions(vlm);
setUpSpeedOptions(vlm);
setUpModelInfo(vlm);
setUpStorage(vlm);
setUpMetrics(vlm);
// Programs that drive the page do not need it offline.
if (!manual) setUpOffline(vlm);
