import { testFaults } from "./testing/fault-scenarios";

testFaults(Array.from({ length: 200 }, (_, i) => i + 101));
