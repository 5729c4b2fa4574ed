const YEAR = "\\d{4}";
const DAYS = [
  "(?:0[13578]|1[02])-(?:0[1-9]|[12]\\d|3[01])",
  "(?:0[469]|11)-(?:0[1-9]|[12]\\d|30)",
  "02-(?:0[1-9]|1\\d|2[0-8])",
].join("|");
const DATE = `${YEAR}-(?:${DAYS})`;
const CLOCK = "(?:[01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(?:\\.\\d{1,9})?";
const ZONE = "(?:Z|[+-](?:[01]\\d|2[0-3]):[0-5]\\d)";
const BYTE = "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
const IPV4 = `${BYTE}(?:\\.${BYTE}){3}`;
const GROUP = "[0-9a-fA-F]{1,4}";
const IPV6 = [
  `(?:${GROUP}:){7}${GROUP}`,
  `(?:${GROUP}:){1,7}:`,
  ...[1, 2, 3, 4, 5, 6].map(
    (n) => `(?:${GROUP}:){1,${7 - n}}(?::${GROUP}){1,${n}}`,
  ),
  `:(?::${GROUP}){1,7}`,
  "::",
].join("|");
const LABEL = "[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,20}[a-zA-Z0-9])?";
const HOST = `${LABEL}(?:\\.${LABEL}){0,3}`;
const ATOM = "[a-zA-Z0-9_+-]+";
const NUMBER = "\\d{1,9}";
const TIME = `T(?:${NUMBER}H(?:${NUMBER}M)?(?:${NUMBER}S)?|${NUMBER}M(?:${NUMBER}S)?|${NUMBER}S)`;
const PATH = "[a-zA-Z0-9._~!$&'()*+,;=:@/-]";
const URI = `[a-z][a-z0-9+.-]{1,15}://${HOST}(?::\\d{1,4})?(?:/${PATH}*)?(?:\\?${PATH}*)?(?:#${PATH}*)?`;

/** Patterns for the formats of JSON Schema. They match less than the formats allow,
 * never more. */
const PATTERNS: Readonly<Record<string, string>> = {
  date: DATE,
  time: CLOCK + ZONE,
  "date-time": `${DATE}T${CLOCK}${ZONE}`,
  duration: `P(?:${NUMBER}W|${TIME}|${NUMBER}D(?:${TIME})?|${NUMBER}M(?:${NUMBER}D)?(?:${TIME})?|${NUMBER}Y(?:${NUMBER}M(?:${NUMBER}D)?)?(?:${TIME})?)`,
  email: `${ATOM}(?:\\.${ATOM}){0,3}@${LABEL}(?:\\.${LABEL}){1,3}`,
  hostname: HOST,
  ipv4: IPV4,
  ipv6: IPV6,
  uri: URI,
  "uri-reference": `${URI}|/${PATH}*`,
  uuid: "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[1-8][0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}",
  "json-pointer": "(?:/(?:[^~/]|~[01])*)*",
  byte: "(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?",
};
/** The same formats under the names of other dialects. */
const ALIASES: Readonly<Record<string, string>> = {
  datetime: "date-time",
  "idn-email": "email",
  "idn-hostname": "hostname",
  iri: "uri",
  "iri-reference": "uri-reference",
  url: "uri",
};

/** A pattern for strings of this format; undefined if the format is an annotation. */
export function formatPattern(name: string): string | undefined {
  const own = Object.hasOwn(ALIASES, name) ? (ALIASES[name] ?? name) : name;
  return Object.hasOwn(PATTERNS, own) ? `^(?:${PATTERNS[own]})$` : undefined;
}
