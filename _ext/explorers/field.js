// The receptive field of a stack of layers along one axis.

import { axis, Impossible } from "./geometry.js";

/** The layers' axes, first layer first; an error says which layer it is about. */
export function stack(H, { K, S, D, P }) {
  const axes = [];
  K.forEach((_, i) => {
    try {
      axes.push(axis(i ? axes[i - 1].out : H, K[i], S[i], P[i], D[i]));
    } catch (error) {
      throw error instanceof Impossible ? new Impossible(`in layer ${i}, ${error.message}`) : error;
    }
  });
  return axes;
}

const product = (numbers) => numbers.reduce((so_far, number) => so_far * number, 1);
const sum = (numbers) => numbers.reduce((so_far, number) => so_far + number, 0);

/** Step, size and start of the field at each depth: the closed forms e, r and a. */
export function field({ K, S, D, P }) {
  const depths = Array.from({ length: K.length + 1 }, (_, j) => j);
  const e = depths.map((j) => product(S.slice(0, j)));
  const r = depths.map((j) => 1 + sum(K.slice(0, j).map((k, i) => (k - 1) * D[i] * e[i])));
  const a = depths.map((j) => 0 - sum(P.slice(0, j).map((p, i) => p * e[i])));
  return { e, r, a };
}

/**
 * For each depth, from the last to the input: which of its numbers output h depends on, and what each of them reads of
 * the depth below. Padding is listed among what is read, but depends on nothing.
 */
export function levels(axes, h) {
  let level = [h];
  const found = [];
  for (const { K, S, D, P, H } of [...axes].reverse()) {
    const reads = new Map(level.map((g) => [g, Array.from({ length: K }, (_, k) => g * S + k * D - P)]));
    found.unshift(reads);
    level = [...new Set([...reads.values()].flat())].filter((u) => u >= 0 && u < H).sort((a, b) => a - b);
  }
  return [new Map(level.map((u) => [u, []])), ...found];
}
