import { testPairs } from "./support/pairs.ts";

// Of the encoder's size, so that nothing is resized.
testPairs("square", 200);
