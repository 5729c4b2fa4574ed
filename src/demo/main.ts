import "../element/define.ts";
import { setUpActions } from "./actions.ts";
import { setUpAbout } from "./about.ts";
import { setUpMeasures } from "./measures.ts";
import { applyParams } from "./params.ts";
import { setUpQuestion } from "./question.ts";
import { setUpSource } from "./source.ts";

const vlm = document.querySelector("fast-vlm");
if (!vlm) throw new Error("The page has no <fast-vlm>.");

applyParams(vlm, location.search);
const actions = setUpActions(vlm);
setUpSource(vlm, actions);
setUpQuestion(vlm);
setUpAbout(vlm);
setUpMeasures(vlm);
