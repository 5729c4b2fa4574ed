import { AxeBuilder } from "@axe-core/playwright";
import type { CDPSession } from "@playwright/test";
import { scenes } from "./support/scenes.ts";
import { expect, test } from "./support/test.ts";

interface Heard {
  /** Text in the caption's group. */
  readonly caption: string;
  /** Announcements of all live regions. */
  readonly announced: readonly string[];
}

/** The page's accessibility tree. */
async function hear(cdp: CDPSession): Promise<Heard> {
  const { nodes } = await cdp.send("Accessibility.getFullAXTree");
  const byId = new Map(nodes.map((node) => [node.nodeId, node]));
  type Node = (typeof nodes)[number];
  const textOf = (node: Node): string =>
    node.role?.value === "StaticText"
      ? String(node.name?.value)
      : (node.childIds ?? [])
          .map((id) => byId.get(id))
          .map((child) => (child ? textOf(child) : ""))
          .join("");
  const isLive = ({ properties = [] }: Node): boolean =>
    properties.some(
      ({ name, value }) => name === "live" && value.value !== "off",
    );
  const group = nodes.find(
    ({ role, name }) => role?.value === "group" && name?.value === "Caption",
  );
  if (!group) throw new Error("The caption is in no group of that name.");
  return {
    caption: textOf(group),
    announced: nodes.filter(isLive).map(textOf).filter(Boolean),
  };
}

test("screen readers hear complete captions, not tokens", async ({
  page,
  watch,
}) => {
  await page.goto("/");
  await page.getByRole("button", { name: "Use my camera" }).click();
  await expect(page.locator("#ttft")).toHaveText(/^\d+/);
  const cdp = await page.context().newCDPSession(page);
  const whole = scenes.map(({ caption }) => caption);
  const announced = new Set<string>();
  const parts = new Set<string>();
  await expect
    .poll(
      async () => {
        const heard = await hear(cdp);
        heard.announced.forEach((text) => announced.add(text));
        const { caption } = heard;
        if (caption && !whole.includes(caption)) parts.add(caption);
        return parts.size > 2 && whole.some((text) => announced.has(text));
      },
      { intervals: [20] },
    )
    .toBe(true);
  for (const part of parts) {
    expect(whole.some((text) => text.startsWith(part))).toBe(true);
  }
  const known = [...whole, "Model ready."];
  for (const text of announced) expect(known).toContain(text);

  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(violations.map(({ id }) => id)).toEqual([]);
  expect(watch.errors).toEqual([]);
});
