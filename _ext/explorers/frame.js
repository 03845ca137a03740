// The padded input and the size of the output, in marks and words: padding, and what no window reads.

import { uses } from "./geometry.js";
import { places } from "./sums.js";
import { letter, plural } from "./words.js";

/** H_out = floor((H + 2P - K) / S) + 1 with the numbers, as HTML. */
export function sizeRule({ H, K, S, P, D, out, remainder }, height, below) {
  const kernel = D === 1 ? letter("K", below) : `((${letter("K", below)} \u2212 1)${letter("D")} + 1)`;
  const spanned = D === 1 ? `${K}` : `((${K} \u2212 1)\u00b7${D} + 1)`;
  const sum = `\u230a(${letter(height)} + 2${letter("P")} \u2212 ${kernel}) / ${letter("S")}\u230b + 1`;
  const numbers = `\u230a(${H} + 2\u00b7${P} \u2212 ${spanned}) / ${S}\u230b + 1`;
  const rest = remainder ? `, remainder ${remainder}` : "";
  return `<span class="explorer-size">${letter(height, "out")} = ${sum} <span>= ${numbers} = <strong>${out}</strong>${rest}</span></span>`;
}

/** The places of the padded input that are padding, and those that no window reads. */
export function frameMarks({ rows, columns }) {
  const [alongRows, alongColumns] = [uses(rows), uses(columns)];
  const inside = (i, j) => i >= rows.P && i < rows.P + rows.H && j >= columns.P && j < columns.P + columns.H;
  const use = (i, j) => [alongRows[i], alongColumns[j]];
  const all = places(rows.padded, columns.padded);
  return {
    inside,
    use,
    padding: all.filter(([i, j]) => !inside(i, j)),
    remainder: all.filter(([i, j]) => use(i, j).includes("remainder")),
    gap: all.filter(([i, j]) => use(i, j).includes("gap") && !use(i, j).includes("remainder")),
  };
}

/** Words about a place of the padded input, for screen readers. */
export const frameNotes =
  ({ inside, use }) =>
  (i, j) =>
    [inside(i, j) ? "" : "padding", use(i, j).every((word) => word === "read") ? "" : "never read"]
      .filter(Boolean)
      .join(", ");

/** A sentence on what no window reads, as HTML. */
export function unreadWords({ rows, columns }, { gap }) {
  const parts = [];
  const rest = [
    [rows.remainder, "row"],
    [columns.remainder, "column"],
  ].filter(([n]) => n);
  if (rest.length) {
    parts.push(
      `<i class="swatch remainder"></i> never read, the remainder: ${rest.map(([n, what]) => plural(n, what)).join(" and ")}`,
    );
  }
  if (gap.length) parts.push('<i class="swatch gap"></i> never read, between the windows');
  if (rows.P) parts.unshift('<i class="swatch padding"></i> padding');
  return parts.join(" &ensp; ");
}
