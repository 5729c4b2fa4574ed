import { compileJsonSchema } from "structured-output/json";
import {
  propertiesOf,
  typesOf,
  valuesOf,
  SchemaNormaliser,
  type NormalSchema,
} from "./normalise-schema";
import {
  blank,
  choice,
  comma,
  enclosed,
  lazy,
  nothing,
  properties,
  quoted,
  sequence,
  several,
  subset,
  written,
  type Node,
} from "./ast";
import { readerOf } from "./numbers";

/** Of which an array without repetition is made. */
const MOST_LISTED = 64;

/** Values of JSON as a schema allows them; objects have their properties in the
 * order of the schema, and no others unless there are no names at all. */
export class Values {
  readonly #forms: SchemaNormaliser;
  /** By the schema's text. */
  readonly #known = new Map<string, Node>();

  constructor(root: unknown) {
    this.#forms = new SchemaNormaliser(root);
  }

  of(schema: unknown): Node {
    const key = JSON.stringify(schema ?? true);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const node = lazy(() =>
      choice(this.#forms.of(schema).flatMap((form) => this.#all(form))),
    );
    this.#known.set(key, node);
    return node;
  }

  #all(form: NormalSchema): Node[] {
    const values = valuesOf(form);
    if (values !== undefined) {
      return values.filter((text) => allows(form, text)).map(written);
    }
    return typesOf(form).flatMap((type) => {
      switch (type) {
        case "object":
          return this.#objects(form);
        case "array":
          return this.#arrays(form);
        case "string":
          return texts(form);
        case "number":
        case "integer":
          return [
            { kind: "number", reader: readerOf({ ...form, type }) } as const,
          ];
        case "boolean":
          return [written("true"), written("false")];
        default:
          return [written("null")];
      }
    });
  }

  #objects(form: NormalSchema): Node[] {
    const named = propertiesOf(form);
    const rest = form["additionalProperties"];
    const needed = new Set((form["required"] ?? []) as string[]);
    const least = Number(form["minProperties"] ?? 0);
    const most = Number(form["maxProperties"] ?? Infinity);
    const names = [...new Set([...Object.keys(named), ...needed])];
    if (names.length === 0) return this.#maps(rest, least, most);
    // As many more as it has to have, then as many as it may.
    for (const name of names) if (needed.size < least) needed.add(name);
    const kept = names.filter((name) => needed.has(name) || needed.size < most);
    const spare = most - needed.size;
    const optional = kept.filter((name) => !needed.has(name)).slice(0, spare);
    const order = kept.filter(
      (name) => needed.has(name) || optional.includes(name),
    );
    if (needed.size < least || needed.size > most) return [];
    const pairs = order.map((name) => {
      const value = Object.hasOwn(named, name) ? named[name] : rest;
      const pair = this.#pair(written(JSON.stringify(name)), value);
      return { pair, needed: needed.has(name) };
    });
    return [enclosed("{", properties(pairs), "}")];
  }

  /** Objects whose names are free. */
  #maps(rest: unknown, least: number, most: number): Node[] {
    // The same name may come twice.
    if (least > 1 || most < least) return [];
    const empty = least === 0 ? [nothing] : [];
    const name = quoted({ kind: "text", least: 1, most: Infinity });
    const filled = most > 0 && rest !== false;
    const some = filled ? [several(this.#pair(name, rest), 1, most)] : [];
    if (empty.length + some.length === 0) return [];
    return [enclosed("{", choice([...empty, ...some]), "}")];
  }

  /** The values that a schema lists, if it lists all. */
  #listed(schema: unknown): Node[] | undefined {
    const forms = this.#forms.of(schema);
    const texts = forms.map((form) =>
      valuesOf(form)?.filter((text) => allows(form, text)),
    );
    if (texts.some((each) => each === undefined)) return undefined;
    const all = new Set(texts.flatMap((each) => each ?? []));
    return all.size <= MOST_LISTED ? [...all].map(written) : undefined;
  }

  #pair(name: Node, value: unknown): Node {
    return sequence(name, blank, written(":"), blank, this.of(value));
  }

  #arrays(form: NormalSchema): Node[] {
    const { items, prefixItems, additionalItems } = form;
    const first = (prefixItems ??
      (Array.isArray(items) ? items : [])) as unknown[];
    const rest = Array.isArray(items) ? additionalItems : items;
    const least = Number(form["minItems"] ?? 0);
    const most = Math.min(
      Number(form["maxItems"] ?? Infinity),
      rest === false ? first.length : Infinity,
    );
    if (least > most) return [];
    if (form["uniqueItems"] === true && most > 1) {
      const listed = first.length === 0 ? this.#listed(rest) : undefined;
      if (listed !== undefined) return [subset(listed, least, most)];
      return least > 1 ? [] : this.#arrays({ ...form, maxItems: 1 });
    }
    const each = (at: number): Node =>
      this.of(at < first.length ? first[at] : rest);
    const from = (at: number): Node => {
      if (at >= most) return nothing;
      const item = sequence(...(at > 0 ? [comma] : []), each(at));
      const on: Node =
        at < first.length || at < least
          ? sequence(
              item,
              lazy(() => from(at + 1)),
            )
          : several(each(at), 0, most - at, at > 0);
      return at < least || at >= first.length ? on : choice([nothing, on]);
    };
    return [enclosed("[", from(0), "]")];
  }
}

function texts(form: NormalSchema): Node[] {
  const least = Number(form["minLength"] ?? 0);
  const most = Number(form["maxLength"] ?? Infinity);
  return least > most ? [] : [quoted({ kind: "text", least, most })];
}

/** Whether a listed value is as the rest of the form wants it. */
function allows(form: NormalSchema, text: string): boolean {
  const library = compileJsonSchema({ ...form, enum: [JSON.parse(text)] });
  let state = library.initial;
  for (const byte of new TextEncoder().encode(text)) {
    state = library.transition(state, byte);
    if (!library.viable(state)) return false;
  }
  return library.accepting(state);
}
