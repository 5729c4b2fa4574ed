/** The store in a worker of its own, as a tab has it. */
import { openFolder, removeModel, storedModels } from "../folder";
