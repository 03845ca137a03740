// How a window slides along an axis. The sentences of errors are those of lectcode/shapes.py.

export class Impossible extends Error {}

/** How many rows a window of K rows covers if they lie D apart: K'. */
export const span = (K, D) => (K - 1) * D + 1;

/** An axis of H rows with P rows of padding at each end, and the windows of K rows on it. */
export function axis(H, K, S, P, D = 1) {
  const padded = H + 2 * P;
  const free = padded - span(K, D);
  if (free < 0) {
    const dilated = D > 1 ? ` (dilated ${span(K, D)})` : "";
    throw new Impossible(
      `a kernel of length ${K}${dilated} does not fit in the padded input of length ` +
        `${P} + ${H} + ${P} = ${padded}: the output would be empty`,
    );
  }
  return { H, K, S, P, D, padded, free, out: Math.floor(free / S) + 1, remainder: free % S };
}

/** Both axes of a picture; an error says which one it is about. */
export function plane(H, W, K_h, K_w, S, P, D = 1) {
  return { rows: along("height", () => axis(H, K_h, S, P, D)), columns: along("width", () => axis(W, K_w, S, P, D)) };
}

/** Both axes of a picture that is pooled: every window must meet the input. */
export function poolingPlane(H, W, K, S, P) {
  for (const name of ["height", "width"]) {
    if (P >= K) {
      throw new Impossible(
        `padding must be smaller than the dilated kernel, ${K} along the ${name}, got padding=(${P}, ${P}): ` +
          "every window must meet the input",
      );
    }
  }
  return plane(H, W, K, K, S, P);
}

function along(name, build) {
  try {
    return build();
  } catch (error) {
    throw error instanceof Impossible ? new Impossible(`along the ${name}, ${error.message}`) : error;
  }
}

/** The rows of the padded axis that window h reads. */
export const reads = ({ K, S, D }, h) => Array.from({ length: K }, (_, k) => h * S + k * D);

/** For each row of the padded axis: "read", "remainder" (after the last window) or "gap" (between windows). */
export function uses(axis) {
  const read = new Set(Array.from({ length: axis.out }, (_, h) => reads(axis, h)).flat());
  return Array.from({ length: axis.padded }, (_, u) => {
    if (read.has(u)) return "read";
    return u >= axis.padded - axis.remainder ? "remainder" : "gap";
  });
}

/** The size of the output that build(state) leads to, or nothing where no window fits. */
export const outputOf = (build) => (state) => {
  try {
    const { rows, columns } = build(state);
    return [rows.out, columns.out];
  } catch (error) {
    if (error instanceof Impossible) return [0, 0];
    throw error;
  }
};
