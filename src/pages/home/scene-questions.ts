interface Shape {
  readonly color: string;
  readonly kind: string;
}

/** How many shapes are asked about in the same words. */
const most = 2;

/**
 * The questions of a model that fit the picture, by a description in the words of
 * `nano`. Its questions about one shape are asked about the shapes that it describes.
 * Questions about shapes are omitted for a picture without shapes, and questions about a
 * text for one without a text. Other questions are returned unchanged, as are all
 * questions if the description has another form.
 */
export function questionsAbout(
  description: string,
  questions: readonly string[],
): readonly string[] {
  const text = /^The text \S+ in \w+ on a \w+ background\.$/.test(description);
  const shapes = shapesIn(description);
  if (!text && shapes.length === 0) return questions;
  return questions.flatMap((question) => {
    if (question === "Read the text.") return text ? question : [];
    return aboutShapes(question, shapes) ?? question;
  });
}

/** The shapes of a complete description, in its order. */
function shapesIn(description: string): Shape[] {
  if (!/^An? .* on an? \w+ background\.$/.test(description)) return [];
  const named = description.matchAll(
    /\ban? (\w+) (circle|square|triangle|star)\b/gi,
  );
  return [...named].map(([, color = "", kind = ""]) => ({ color, kind }));
}

/** Undefined for a question that is not about shapes. */
function aboutShapes(
  question: string,
  shapes: readonly Shape[],
): string[] | undefined {
  if (question === "How many shapes are there?") {
    return shapes.length > 0 ? [question] : [];
  }
  if (/^What color is the \w+\?$/.test(question)) {
    return unique(shapes.map(({ kind }) => kind))
      .slice(0, most)
      .map((kind) => `What color is the ${kind}?`);
  }
  if (/^What shape is \w+\?$/.test(question)) {
    return unique(shapes.map(({ color }) => color))
      .slice(-most)
      .map((color) => `What shape is ${color}?`);
  }
  if (/^Is there an? \w+ \w+\?$/.test(question)) {
    const [first] = shapes;
    const last = shapes.at(-1);
    if (!first || !last) return [];
    const name = `${last.color} ${first.kind}`;
    return [`Is there ${/^[aeiou]/.test(name) ? "an" : "a"} ${name}?`];
  }
  return undefined;
}

/** Those that occur once: of two stars, neither is “the star”. */
function unique(words: readonly string[]): string[] {
  return words.filter(
    (word) => words.indexOf(word) === words.lastIndexOf(word),
  );
}
