import "../element/define";
import { setUpActions } from "./actions";
import { setUpAbout } from "./about";
import { setUpMeasures } from "./measures";
import { applyParams } from "./params";
import { setUpQuestion } from "./question";
import { setUpSource } from "./source";

const vlm = document.querySelector("fast-vlm");
if (!vlm) throw new Error("The page has no <fast-vlm>.");

applyParams(vlm, location.search);
const actions = setUpActions(vlm);
setUpSource(vlm, actions);
setUpQuestion(vlm);
setUpAbout(vlm);
setUpMeasures(vlm);
