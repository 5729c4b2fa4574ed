// @ts-check
/** `npm run build`: builds the page, whether or not it is up to date. */
import { ensureBuilt, ensureInstalled } from "./prepare.mjs";

ensureInstalled();
ensureBuilt({ force: true });
