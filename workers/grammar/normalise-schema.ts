import { compileJsonSchema } from "structured-output/json";
import { unsupportedConstraint } from "./errors";

/** A schema without references and choices. */
export type NormalSchema = Readonly<Record<string, unknown>>;
type Schema = boolean | NormalSchema;

/** Keywords that a form may have; others of them need the library's engine. */
const KNOWN = new Set(
  "type const enum minimum maximum exclusiveMinimum exclusiveMaximum multipleOf minLength maxLength properties required additionalProperties minProperties maxProperties items prefixItems additionalItems minItems maxItems uniqueItems".split(
    " ",
  ),
);
/** What the library could check, but not lead to. */
const OTHERS =
  "not if then else dependencies dependentSchemas patternProperties propertyNames contains minContains maxContains".split(
    " ",
  );
const DATA = ["const", "enum", "default", "examples"];
const NAMES = ["properties", "$defs", "definitions"];
const DEEPEST = 32;

/** Throws where the schema is none, or has what is not supported. */
export function checkSchema(schema: unknown): void {
  compileJsonSchema(schema);
  checkKeywords(schema);
}

function checkKeywords(schema: unknown): void {
  if (Array.isArray(schema)) schema.forEach(checkKeywords);
  if (!isObject(schema)) return;
  for (const [key, value] of Object.entries(schema)) {
    if (OTHERS.includes(key))
      throw unsupportedConstraint(`${key} is not supported.`);
    if (DATA.includes(key)) continue;
    // There, keys are names.
    if (NAMES.includes(key) && isObject(value)) {
      Object.values(value).forEach(checkKeywords);
    } else {
      checkKeywords(value);
    }
  }
}

/** What a schema allows, as a choice of forms. */
export class SchemaNormaliser {
  readonly #root: Schema;

  constructor(root: unknown) {
    this.#root = root as Schema;
  }

  of(schema: unknown, depth = 0): NormalSchema[] {
    if (depth > DEEPEST)
      throw unsupportedConstraint("it refers to itself without end.");
    if (schema === false) return [];
    if (!isObject(schema)) return [{}];
    const all = schema;
    const own = Object.entries(all).filter(([key]) => KNOWN.has(key));
    let forms: NormalSchema[] = [
      { ...Object.fromEntries(own), ...requiredOf(all) },
    ];
    const also = (others: readonly NormalSchema[]): void => {
      forms = forms.flatMap((a) => others.flatMap((b) => merged(a, b)));
    };
    const list = (key: string): NormalSchema[][] =>
      (Array.isArray(all[key]) ? (all[key] as unknown[]) : []).map((each) =>
        this.of(each, depth + 1),
      );
    if (typeof all["$ref"] === "string") {
      also(this.of(this.#find(all["$ref"]), depth + 1));
    }
    for (const each of list("allOf")) also(each);
    for (const key of ["anyOf", "oneOf"]) {
      if (!Array.isArray(all[key])) continue;
      const choices = list(key);
      if (key === "oneOf") checkApart(choices);
      also(choices.flat());
    }
    return forms;
  }

  #find(pointer: string): unknown {
    return pointer
      .split("/")
      .slice(1)
      .map((part) => decodeURIComponent(part))
      .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"))
      .reduce<unknown>(
        (at, part) => (at as Record<string, unknown>)[part],
        this.#root,
      );
  }
}

/** One form for two, or none if they cannot hold together. */
function merged(a: NormalSchema, b: NormalSchema): NormalSchema[] {
  const form: Record<string, unknown> = { ...a };
  for (const [key, theirs] of Object.entries(b)) {
    const ours = a[key];
    form[key] = ours === undefined ? theirs : both(key, ours, theirs);
  }
  mergeObjects(form, a, b);
  const types = form["type"];
  return Array.isArray(types) && types.length === 0 ? [] : [form];
}

function both(key: string, ours: unknown, theirs: unknown): unknown {
  if (JSON.stringify(ours) === JSON.stringify(theirs)) return ours;
  if (/^(m|exclusiveM)in/.test(key)) {
    return Math.max(Number(ours), Number(theirs));
  }
  if (/^(m|exclusiveM)ax/.test(key)) {
    return Math.min(Number(ours), Number(theirs));
  }
  if (key === "type") return commonTypes(ours, theirs);
  if (key === "enum") {
    const texts = (theirs as unknown[]).map((each) => JSON.stringify(each));
    return (ours as unknown[]).filter((each) =>
      texts.includes(JSON.stringify(each)),
    );
  }
  if (key === "required") return [...(ours as []), ...(theirs as [])];
  if (key === "properties" || key === "additionalProperties") return ours;
  if (key === "items" && !Array.isArray(ours) && !Array.isArray(theirs)) {
    return { allOf: [ours, theirs] };
  }
  throw unsupportedConstraint(`${key} is told twice.`);
}

/** A property has to be as both want it. */
function mergeObjects(
  form: Record<string, unknown>,
  a: NormalSchema,
  b: NormalSchema,
): void {
  const [ours, theirs] = [propertiesOf(a), propertiesOf(b)];
  const rest = [a, b].map((each) => each["additionalProperties"] ?? true);
  const names = [...Object.keys(ours), ...Object.keys(theirs)];
  if (names.length === 0 && rest.every((each) => each === true)) return;
  const properties = names.map((name) => {
    const [one = rest[0], other = rest[1]] = [ours[name], theirs[name]];
    if (one === true) return [name, other];
    if (other === true) return [name, one];
    return [name, { allOf: [one, other] }];
  });
  if (names.length > 0) form["properties"] = Object.fromEntries(properties);
  const open = rest.filter((each) => each !== true);
  if (open.length > 0) {
    form["additionalProperties"] = open.length > 1 ? { allOf: open } : open[0];
  }
}

export function propertiesOf(form: NormalSchema): Record<string, unknown> {
  return (form["properties"] ?? {}) as Record<string, unknown>;
}

export function typesOf({ type }: NormalSchema): string[] {
  const all = ["object", "array", "string", "number", "boolean", "null"];
  return type === undefined ? all : ([type].flat() as string[]);
}

function commonTypes(a: unknown, b: unknown): string[] {
  const [ours, theirs] = [[a].flat(), [b].flat()] as [string[], string[]];
  const has = (types: string[], type: string): boolean =>
    types.includes(type) || (type === "integer" && types.includes("number"));
  const kept = [
    ...ours.filter((type) => has(theirs, type)),
    ...theirs.filter((type) => has(ours, type)),
  ];
  return [...new Set(kept)];
}

/** Of `oneOf` nothing may be allowed twice; where that is not plain, it is not
 * tried. */
function checkApart(choices: readonly (readonly NormalSchema[])[]): void {
  choices.forEach((ones, i) => {
    for (const others of choices.slice(i + 1)) {
      if (ones.every((a) => others.every((b) => areApart(a, b)))) continue;
      throw unsupportedConstraint("choices of oneOf may overlap; use anyOf.");
    }
  });
}

function areApart(a: NormalSchema, b: NormalSchema): boolean {
  const [ours, theirs] = [valuesOf(a), valuesOf(b)];
  if (ours && theirs) return !ours.some((text) => theirs.includes(text));
  if (commonTypes(typesOf(a), typesOf(b)).length === 0) return true;
  const listed = ours ?? theirs;
  if (listed) {
    const types = typesOf(ours ? b : a);
    return listed.every((text) => !types.includes(typeOf(text)));
  }
  const [mine, yours] = [propertiesOf(a), propertiesOf(b)];
  const needs = (form: NormalSchema): string[] =>
    (form["required"] ?? []) as string[];
  const onlyObjects = [a, b].every((each) => typesOf(each).join() === "object");
  if (!onlyObjects) return false;
  // Objects have no other properties than those that are named.
  const lacks = (form: NormalSchema, names: string[]): boolean =>
    names.some((name) => !Object.hasOwn(propertiesOf(form), name));
  if (lacks(a, needs(b)) && lacks(b, needs(a))) return true;
  return needs(a)
    .filter((name) => needs(b).includes(name))
    .some((name) => {
      const [one, other] = [mine[name], yours[name]];
      if (typeof one !== "object" || typeof other !== "object") return false;
      return areApart(
        (one ?? {}) as NormalSchema,
        (other ?? {}) as NormalSchema,
      );
    });
}

/** The values that a form lists, as texts. */
export function valuesOf(form: NormalSchema): string[] | undefined {
  const listed = form["enum"] as unknown[] | undefined;
  if (!Object.hasOwn(form, "const")) {
    return listed?.map((each) => JSON.stringify(each));
  }
  const only = JSON.stringify(form["const"]);
  const all = listed?.map((each) => JSON.stringify(each));
  return all === undefined || all.includes(only) ? [only] : [];
}

function typeOf(text: string): string {
  const value: unknown = JSON.parse(text);
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  return typeof value;
}

/** With a property, those that depend on it; it is simpler to have them always. */
function requiredOf({
  required,
  dependentRequired,
}: NormalSchema): NormalSchema {
  if (!isObject(dependentRequired)) return {};
  const all = [required ?? [], ...Object.values(dependentRequired)].flat();
  return { required: [...new Set(all)] };
}

function isObject(value: unknown): value is NormalSchema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
