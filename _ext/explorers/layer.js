// A convolution layer with one picture, one filter and one bias: what a reader may set, and what follows from it.

import { plane } from "./geometry.js";
import { matrix, pad } from "./sums.js";
import { CELL, count, crop, table } from "./state.js";
import { letter } from "./words.js";

export const SLIDERS = {
  H: [letter("H"), "H, height of the input"],
  W: [letter("W"), "W, width of the input"],
  Kh: [letter("K", "h"), "K h, height of the filter"],
  Kw: [letter("K", "w"), "K w, width of the filter"],
  P: [letter("P"), "P, padding on each side"],
  S: [letter("S"), "S, stride"],
  D: [letter("D"), "D, dilation"],
};

/** The fields of a layer: sizes, then the two tables that they size. */
export const LAYER = {
  H: count(5, 1, 9),
  W: count(6, 1, 9),
  Kh: count(3, 1, 5),
  Kw: count(3, 1, 5),
  P: count(0, 0, 3),
  S: count(1, 1, 4),
  D: count(1, 1, 3),
  B: count(0, CELL.least, CELL.most),
  I: table(
    9,
    (i, j) => ((3 * i + 5 * j + i * j) % 7) % 5,
    ({ H, W }) => [H, W],
  ),
  F: table(
    5,
    (i, j) => ((2 * i + 3 * j + 1) % 5) - 2,
    ({ Kh, Kw }) => [Kh, Kw],
  ),
};

/** The geometry and the arrays of a layer's state. */
export function layerOf({ H, W, Kh, Kw, P, S, D, I, F }) {
  const geometry = plane(H, W, Kh, Kw, S, P, D);
  return { geometry, I_pad: pad(crop(I, H, W), P), F: crop(F, Kh, Kw) };
}

/** Return a function that puts a number into a table of the state; `moved` is how far the shown table is from it. */
export const editor =
  (explorer, name, moved = () => 0) =>
  ([i, j], value) => {
    const numbers = structuredClone(explorer.state[name]);
    numbers[i - moved()][j - moved()] = value;
    explorer.change({ [name]: numbers });
  };
