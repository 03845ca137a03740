// Numbers and sums as words: on the page with signs and colours, for screen readers spelled out.

/** A number with a real minus sign; fractions with two digits. */
export const number = (value) => {
  const text = Number.isFinite(value)
    ? `${Math.round(value * 100) / 100 + 0}`
    : `${value}`.replace("Infinity", "\u221e");
  return text.replace("-", "\u2212");
};

const UNITS = ["", "k", "M", "G"]; // of a thousand, each

/** A number as short as a cell needs it: fewer digits after the point if there are many before it, then thousands. */
export const brief = (value) => {
  const size = Math.abs(value);
  if (!Number.isFinite(value)) return number(value);
  if (size < 9999.5) return number(+value.toFixed(size < 100 ? 2 : size < 1000 ? 1 : 0));
  const unit = UNITS.findIndex((_, i) => size / 1000 ** i < 999.5);
  return `${number(Math.round(value / 1000 ** unit))}${UNITS[unit]}`;
};

/** A number inside a product or a sum. */
export const factor = (value) => (value < 0 ? `(${number(value)})` : number(value));

export const spoken = (value) =>
  `${value < 0 ? "minus " : ""}${Number.isFinite(value) ? number(Math.abs(value)) : "infinity"}`;

export const plural = (n, one, many = `${one}s`) => `${n} ${n === 1 ? one : many}`;

export const at = ([i, j]) => `[${i}, ${j}]`;

/** A letter with an index below it, in the type that formulas have. */
export const letter = (name, below = "") => `<var>${name}</var>${below && `<sub>${below}</sub>`}`;

/** An array, in bold. */
export const array = (name, below = "") => `<b>${name}</b>${below && `<sub>${below}</sub>`}`;

export const I_PAD = array("I", "pad");

/** The gradient of the loss by an array. */
export const gradient = (of) => `\u2202<var>L</var>\u2009/\u2009\u2202${of}`;

/** Where a window begins, plus the way to one of its entries: "1\u00b72 + k". */
export const start = (h, { S, D }, k, below) => `${h}\u00b7${S} + ${D > 1 ? D : ""}${letter(k, below)}`;

/** The terms that belong to one line of a sum; `kinds` names the array of each factor, for its colour. */
function products(terms, kinds, joint, after) {
  const factors = (values) => values.map((value, k) => `<span class="of-${kinds[k]}">${factor(value)}</span>`);
  const written = (term) => factors(term.factors).join("\u2009\u00b7\u2009") + after(term);
  return terms.map((term) => `<span class="term" data-term="${term.index}">${written(term)}</span>`).join(joint);
}

/** Numbered terms as lines of a sum, one for each row of the window or of G. */
export function lines(terms, kinds, joint = " + ", after = () => "") {
  return [...Map.groupBy(terms, (term) => term.line).values()].map((line) => products(line, kinds, joint, after));
}

/** A sum for the ear: "2 times 3 plus minus 1 times 4". A long one is only counted. */
export function speak(terms) {
  if (!terms.length) return "an empty sum";
  if (terms.length > 12) return `a sum of ${terms.length} products`;
  return terms.map(({ factors }) => factors.map(spoken).join(" times ")).join(" plus ");
}
