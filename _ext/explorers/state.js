// What an explorer shows, as one short text: "H.5_W.6_I.1.0.-2" sets H, W and the table I. Addresses, presets and the
// `start` attribute of an element all use it. A value that is missing or makes no sense leaves the old one.

const whole = (text, least, most) => (/^-?\d+$/.test(text) && +text >= least && +text <= most ? +text : undefined);

/** The range of the numbers in editable cells. */
export const CELL = { least: -9999, most: 9999 };

export const count = (start, least, most) => ({
  start,
  least,
  most,
  read: ([text]) => whole(text, least, most),
  write: (value) => [value],
});

export const choice = (...names) => ({
  start: names[0],
  names,
  read: ([text]) => (names.includes(text) ? text : undefined),
  write: (value) => [value],
});

export const place = (...start) => ({
  start,
  read: (texts) => {
    const found = texts.map((text) => whole(text, 0, 99));
    return found.length === 2 && !found.includes(undefined) ? found : undefined;
  },
  write: (value) => value,
});

/** A list of 1 to `longest` counts. */
export const counts = (start, least, most, longest) => ({
  start,
  least,
  most,
  longest,
  read: (texts) => {
    const found = texts.map((text) => whole(text, least, most));
    return found.length <= longest && !found.includes(undefined) ? found : undefined;
  },
  write: (value) => value,
});

/** A table of the largest size; `size(state)` says how much of it is in use, and only that is written. */
export const table = (largest, entry, size) => ({
  start: Array.from({ length: largest }, (_, i) => Array.from({ length: largest }, (_, j) => entry(i, j))),
  read: (texts, state) => {
    const [rows, columns] = size(state);
    const found = texts.map((text) => whole(text, CELL.least, CELL.most));
    if (found.length !== rows * columns || found.includes(undefined)) return undefined;
    return paste(found, columns, largest, entry);
  },
  write: (value, state) => crop(value, ...size(state)).flat(),
});

const paste = (numbers, columns, largest, entry) =>
  Array.from({ length: largest }, (_, i) =>
    Array.from({ length: largest }, (_, j) => (j < columns ? numbers[i * columns + j] : undefined) ?? entry(i, j)),
  );

export const crop = (value, rows, columns) => value.slice(0, rows).map((row) => row.slice(0, columns));

export const startOf = (fields) =>
  Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, structuredClone(field.start)]));

/**
 * Return the state that a text describes, on top of another one. Fields are read in order: sizes before tables. What an
 * address says may be nonsense and is left out; what the book says may not be.
 */
export function decode(fields, text, base, ours = false) {
  const items = (text || "").split("_").filter(Boolean);
  const given = new Map(items.map((item) => [item.split(".")[0], item.split(".").slice(1)]));
  const state = structuredClone(base);
  for (const [name, field] of Object.entries(fields)) {
    const value = given.has(name) ? field.read(given.get(name), state) : undefined;
    if (ours && given.has(name) && value === undefined) throw new Error(`${name} makes no sense in ${text}`);
    if (value !== undefined) state[name] = value;
    given.delete(name);
  }
  if (ours && given.size) throw new Error(`${[...given.keys()]} is unknown in ${text}`);
  return state;
}

/** Return the text of a state, without what it shares with the base. */
export function encode(fields, state, base) {
  return Object.entries(fields)
    .filter(([name, field]) => field.write(state[name], state).join() !== field.write(base[name], state).join())
    .map(([name, field]) => [name, ...field.write(state[name], state)].join("."))
    .join("_");
}
