// The sums of pooling. Places are those of the padded input.

import { reads } from "./geometry.js";
import { places, total } from "./sums.js";

/** The places of window [h, w] that lie on the input, in row-major order. */
export function windowPlaces({ rows, columns }, h, w) {
  const on =
    ({ P, H }) =>
    (u) =>
      u >= P && u < P + H;
  const [us, vs] = [reads(rows, h).filter(on(rows)), reads(columns, w).filter(on(columns))];
  return us.flatMap((u) => vs.map((v) => [u, v]));
}

/** The largest number of window [h, w]: its value, its first place in row-major order, and the places that tie. */
export function largest(I_pad, geometry, h, w) {
  const inside = windowPlaces(geometry, h, w);
  const value = Math.max(...inside.map(([u, v]) => I_pad[u][v]));
  const [winner, ...ties] = inside.filter(([u, v]) => I_pad[u][v] === value);
  return { value, winner, ties };
}

/** The mean of window [h, w]: the sum, and by what it is divided. */
export function mean(I_pad, geometry, h, w, padding) {
  const inside = windowPlaces(geometry, h, w);
  const divisor = padding === "counts" ? geometry.rows.K * geometry.columns.K : inside.length;
  const sum = inside.reduce((so_far, [u, v]) => so_far + I_pad[u][v], 0);
  return { value: sum / divisor, sum, divisor };
}

/** What each window that contains place [u, v] hands to it; one that does not hand it anything is left out. */
export function pooledTerms(G, I_pad, geometry, { kind, padding }, u, v) {
  const around = containing(geometry, u, v);
  if (kind === "max") {
    return around
      .filter(([h, w]) => `${largest(I_pad, geometry, h, w).winner}` === `${[u, v]}`)
      .map(([h, w]) => ({ line: h, at: { G: [h, w] }, factors: [G[h][w]], value: G[h][w] }));
  }
  return around.map(([h, w]) => {
    const { divisor } = mean(I_pad, geometry, h, w, padding);
    return { line: h, at: { G: [h, w] }, factors: [G[h][w]], divisor, value: G[h][w] / divisor };
  });
}

/** The windows that contain place [u, v]. */
export const containing = ({ rows, columns }, u, v) =>
  places(rows.out, columns.out).filter(([h, w]) => reads(rows, h).includes(u) && reads(columns, w).includes(v));

export const pooled = (I_pad, geometry, { kind, padding }, h, w) =>
  (kind === "max" ? largest(I_pad, geometry, h, w) : mean(I_pad, geometry, h, w, padding)).value;

export const pooledGradient = (...all) => total(pooledTerms(...all));
