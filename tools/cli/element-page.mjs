// @ts-check
/** docs/element.md, made of the element's manifest. */
import { format } from "prettier";

/**
 * @typedef {object} Fact of the element
 * @property {string} name
 * @property {string} [description]
 * @property {string} [default]
 * @property {{ text: string }} [type]
 *
 * @typedef {Fact & { kind: string, static?: boolean, attribute?: string, parameters?: (Fact & { optional?: boolean })[] }} Member
 *
 * @typedef {object} Declaration
 * @property {string} [tagName]
 * @property {Member[]} [members]
 * @property {string} [description]
 * @property {Fact[]} [attributes]
 * @property {Fact[]} [events]
 * @property {Fact[]} [slots]
 * @property {Fact[]} [cssParts]
 * @property {Fact[]} [cssProperties]
 * @property {Fact[]} [cssStates]
 *
 * @typedef {{ modules: { declarations?: Declaration[] }[] }} Manifest
 * @typedef {(fact: Fact) => string} Cell
 */

/** @param {string} text of a cell: one line, without the table's own bars */
const cell = (text) => text.replace(/\s+/g, " ").replaceAll("|", "\\|").trim();

/** @param {string} text @returns {string} nothing for nothing */
const code = (text) => (text === "" ? "" : `\`${text}\``);

/** @type {Record<string, Cell>} */
const cells = {
  says: ({ description = "" }) => description,
  default: ({ default: usual = "" }) => code(usual),
  type: ({ type }) => code(type?.text ?? ""),
};

/**
 * @param {string} title
 * @param {readonly Fact[] | undefined} facts
 * @param {readonly (keyof typeof cells)[]} columns
 * @param {(name: string) => string} [spell] how the name is written
 */
function table(title, facts = [], columns, spell = (name) => name) {
  const line = (/** @type {readonly string[]} */ texts) =>
    `| ${texts.map(cell).join(" | ")} |`;
  return [
    `## ${title}`,
    "",
    line(["name", ...columns]),
    line(["-", ...columns.map(() => "-")]),
    ...facts.map((fact) =>
      line([
        code(spell(fact.name)),
        ...columns.map((column) => cells[column]?.(fact) ?? ""),
      ]),
    ),
    "",
  ];
}

/** @param {Member} member @returns {string} as it is called */
function spelt({ name, kind, parameters = [] }) {
  if (kind !== "method") return name;
  const given = parameters.map(({ name, optional, default: usual }) =>
    optional || usual !== undefined ? `${name}?` : name,
  );
  return `${name}(${given.join(", ")})`;
}

/** @param {readonly Member[] | undefined} members @param {string} kind */
const ofKind = (members = [], kind) =>
  members
    .filter((each) => each.kind === kind && each.description !== undefined)
    .filter((each) => !each.static && each.attribute === undefined)
    // The browser calls these.
    .filter(({ name }) => !name.endsWith("Callback"))
    .map((each) => ({ ...each, name: spelt(each) }));

/** @param {Manifest} manifest @returns {Promise<string>} Markdown */
export function elementPage({ modules }) {
  const element = modules
    .flatMap(({ declarations = [] }) => declarations)
    .find(({ tagName }) => tagName !== undefined);
  if (element === undefined) throw new Error("The manifest has no element.");
  const { tagName = "", description = "", members } = element;
  const lines = [
    `# \`<${tagName}>\``,
    "",
    "<!-- Made by npm run docs of what src/element says. -->",
    "",
    description,
    "",
    ...table("Attributes", element.attributes, ["type", "default", "says"]),
    ...table("Properties", ofKind(members, "field"), ["type", "says"]),
    ...table("Methods", ofKind(members, "method"), ["says"]),
    ...table("Events", element.events, ["type", "says"]),
    ...table("Slots", element.slots, ["says"]),
    ...table("Parts", element.cssParts, ["says"]),
    ...table("Custom properties", element.cssProperties, ["default", "says"]),
    ...table(
      "States",
      element.cssStates,
      ["says"],
      (name) => `:state(${name})`,
    ),
  ];
  return format(lines.join("\n"), { parser: "markdown" });
}
