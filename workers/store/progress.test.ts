import { expect, test } from "vitest";
import { TransferRate } from "./progress";

test("reports the rate of a steady stream within 6 %", () => {
  const rate = new TransferRate();
  for (let now = 0; now <= 20_000; now += 10) {
    rate.add(1000, now);
    if (now > 2000)
      expect(Math.abs(rate.at(now) / 100_000 - 1)).toBeLessThan(0.06);
  }
});

test("reports 0 in the first moments", () => {
  const rate = new TransferRate();
  rate.add(1_000_000, 0);
  expect(rate.at(1)).toBe(0);
});

test("falls to 0 when nothing arrives", () => {
  const rate = new TransferRate();
  for (let now = 0; now < 10_000; now += 100) rate.add(10_000, now);
  expect(rate.at(12_500)).toBeLessThan(60_000);
  expect(rate.at(15_100)).toBe(0);
});
