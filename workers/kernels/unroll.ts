/** Values of a shader's `const` declarations. */
type Constants = Readonly<Record<string, number>>;

const LOOP = /\/\/ unroll\n\s*for \(var (\w+) = 0u; \1 < (\w+); \1\+\+\) \{/;

/**
 * Declares the constants in front of `code` and unrolls each loop below a line
 * `// unroll`. Arrays with dynamic indices are not kept in registers: without
 * this, kernels run six times slower on software adapters.
 */
export function unroll(code: string, constants: Constants): string {
  const declared = Object.entries(constants).map(
    ([name, value]) => `const ${name} = ${value}u;\n`,
  );
  return declared.join("") + expand(code, constants);
}

function expand(code: string, constants: Constants): string {
  const found = LOOP.exec(code);
  if (found === null) return code;
  const [head, counter = "", bound = ""] = found;
  const count = constants[bound];
  if (count === undefined)
    throw new Error(`Cannot unroll: ${bound} is not in the constants.`);
  const start = found.index + head.length;
  const end = closingBrace(code, start);
  const body = code.slice(start, end);
  const name = new RegExp(`\\b${counter}\\b`, "g");
  const copies = Array.from(
    { length: count },
    (_, i) => `{${body.replace(name, `${i}u`)}}`,
  );
  const rest = code.slice(0, found.index) + copies.join("\n");
  return expand(rest + code.slice(end + 1), constants);
}

/** The index of the brace that closes the block around `start`. */
function closingBrace(code: string, start: number): number {
  let depth = 1;
  for (let at = start; at < code.length; at++) {
    if (code[at] === "{") depth++;
    if (code[at] === "}") depth--;
    if (depth === 0) return at;
  }
  throw new Error("Cannot unroll: the loop has no closing brace.");
}
