// The layers' sums. Every number that an explorer explains is a list of terms, each a product of the entries it names;
// what is shown, lit and written out comes from the same list.

import { reads } from "./geometry.js";

export const matrix = (rows, columns, entry) =>
  Array.from({ length: rows }, (_, i) => Array.from({ length: columns }, (_, j) => entry(i, j)));

export const places = (rows, columns) => matrix(rows, columns, (i, j) => [i, j]).flat();

/** Give each term its number, by which the page finds it again. */
export const numbered = (terms) => terms.map((term, index) => ({ ...term, index }));

export const total = (terms) => terms.reduce((sum, term) => sum + term.value, 0);

/** The input in a frame of P rows and columns: I_pad. */
export const pad = (I, P, filler = 0) =>
  matrix(I.length + 2 * P, I[0].length + 2 * P, (i, j) => I[i - P]?.[j - P] ?? filler);

/** O[h, w] without the bias: sum over k_h, k_w of F[k_h, k_w] I_pad[hS + k_h D, wS + k_w D]. */
export function outputTerms(F, I_pad, { rows, columns }, h, w) {
  const [us, vs] = [reads(rows, h), reads(columns, w)];
  return places(rows.K, columns.K).map(([k_h, k_w]) => {
    const [u, v] = [us[k_h], vs[k_w]];
    const factors = [F[k_h][k_w], I_pad[u][v]];
    return { line: k_h, at: { F: [k_h, k_w], I: [u, v] }, factors, value: factors[0] * factors[1] };
  });
}

/** dL/dF[k_h, k_w]: sum over h, w of G[h, w] I_pad[hS + k_h D, wS + k_w D]. */
export function filterTerms(G, I_pad, { rows, columns }, k_h, k_w) {
  return places(rows.out, columns.out).map(([h, w]) => {
    const [u, v] = [h * rows.S + k_h * rows.D, w * columns.S + k_w * columns.D];
    const factors = [G[h][w], I_pad[u][v]];
    return { line: h, at: { G: [h, w], I: [u, v] }, factors, value: factors[0] * factors[1] };
  });
}

/** dL/dI_pad[u, v]: sum over the windows h, w that read it of G[h, w] F[(u - hS) / D, (v - wS) / D]. */
export function inputTerms(G, F, { rows, columns }, u, v) {
  return places(rows.out, columns.out).flatMap(([h, w]) => {
    const [k_h, k_w] = [reads(rows, h).indexOf(u), reads(columns, w).indexOf(v)];
    if (k_h < 0 || k_w < 0) return [];
    const factors = [G[h][w], F[k_h][k_w]];
    return [{ line: h, at: { G: [h, w], F: [k_h, k_w] }, factors, value: factors[0] * factors[1] }];
  });
}

/** dL/dB: sum over h, w of G[h, w]. */
export const biasTerms = (G, { rows, columns }) =>
  places(rows.out, columns.out).map(([h, w]) => ({ line: h, at: { G: [h, w] }, factors: [G[h][w]], value: G[h][w] }));

/** What G[h, w] adds to dL/dF and to dL/dI_pad. */
export function scatterTerms(G, F, I_pad, geometry, h, w) {
  const read = outputTerms(F, I_pad, geometry, h, w);
  const term = ({ line, at: { F: k, I: uv } }, at, value) => ({
    line,
    at: { G: [h, w], I: uv, F: k, ...at },
    factors: [G[h][w], value],
    value: G[h][w] * value,
  });
  return {
    toF: read.map((one) => term(one, { dF: one.at.F }, one.factors[1])),
    toI: read.map((one) => term(one, { dI: one.at.I }, one.factors[0])),
  };
}
