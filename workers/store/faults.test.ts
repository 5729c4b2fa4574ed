import { testFaults } from "./testing/fault-scenarios";

testFaults(Array.from({ length: 12 }, (_, i) => i + 1));
