import "../../element/define";
import { keepAddress, openAddress } from "./address";
import { setUpCaptionRoom } from "./caption-room";
import { setUpConversation } from "./conversation";
import { setUpControlBar } from "./control-bar";
import { setUpDrop } from "./drop";
import { setUpImageOptions } from "./image-options";
import { setUpMasthead } from "./masthead";
import { setUpMeasureLine } from "./measure-line";
import { setUpModelPanel } from "./model-panel";
import { setUpOffline } from "./offline";
import { Page } from "./page";
import { setUpPerformance } from "./performance-panel";
import { setUpPhase } from "./phase";
import { Sources } from "./sources";
import { setUpStageNote } from "./stage-note";
import { setUpStart } from "./start";
import { setUpStorage } from "./storage";
import { setUpTagPanel } from "./tag-panel";

const vlm = document.querySelector("fast-vlm");
if (!vlm) throw new Error("The page has no <fast-vlm>.");

const manual = new URLSearchParams(location.search).get("loading") === "manual";
const page = new Page(vlm, manual);
const sample = openAddress(page);
const sources = new Sources(page);
const model = setUpModelPanel(page);

setUpMasthead(page);
setUpStart(page, sources);
setUpStageNote(page);
setUpMeasureLine(page, model);
setUpControlBar(page, sources);
setUpConversation(page);
setUpPhase(page);
setUpCaptionRoom(page);
setUpDrop(page, sources, model);
// Before the options, which offer to reset what the address contains.
keepAddress(page);
setUpImageOptions(page);
setUpStorage(page);
setUpPerformance(page);
setUpTagPanel(page);
// Programs that drive the page do not need it offline.
if (!manual) setUpOffline(vlm);
if (sample && !manual) sources.open({ kind: "sample", sample });
