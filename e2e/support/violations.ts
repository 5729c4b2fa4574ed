import { AxeBuilder } from "@axe-core/playwright";
import type { Page } from "@playwright/test";

/** Accessibility faults that axe finds, with their elements. */
export async function violations(page: Page): Promise<string[]> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ target }) => `${id}: ${target.join(" ")}`),
  );
}
