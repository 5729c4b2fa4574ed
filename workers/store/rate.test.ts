import { expect, test } from "vitest";
import { Rate } from "./rate";

test("a steady stream has its rate, soon and for good", () => {
  const rate = new Rate();
  for (let now = 0; now <= 20_000; now += 10) {
    rate.add(1000, now);
    if (now > 2000)
      expect(Math.abs(rate.at(now) / 100_000 - 1)).toBeLessThan(0.06);
  }
});

test("at the first moment nothing is said", () => {
  const rate = new Rate();
  rate.add(1_000_000, 0);
  expect(rate.at(1)).toBe(0);
});

test("it follows, and ends in 0 when nothing comes", () => {
  const rate = new Rate();
  for (let now = 0; now < 10_000; now += 100) rate.add(10_000, now);
  expect(rate.at(12_500)).toBeLessThan(60_000);
  expect(rate.at(15_100)).toBe(0);
});
