// The convolution layer, forward: one picture, one filter, one bias.

import { Explorer } from "./explorer.js";
import { plane, uses } from "./geometry.js";
import { Grid } from "./grid.js";
import { matrix, outputTerms, pad, total } from "./layers.js";
import { count, crop, place, table } from "./state.js";
import { array, at, factor, I_PAD, letter, lines, number, plural, speak, spoken } from "./words.js";

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
  B: count(0, -99, 99),
  I: table(9, (i, j) => (3 * i + 5 * j + i * j) % 7 % 5, ({ H, W }) => [H, W]),
  F: table(5, (i, j) => ((2 * i + 3 * j + 1) % 5) - 2, ({ Kh, Kw }) => [Kh, Kw]),
};

/** The geometry and the arrays of a layer's state. */
export function layerOf({ H, W, Kh, Kw, P, S, D, I, F }) {
  const geometry = plane(H, W, Kh, Kw, S, P, D);
  return { geometry, I_pad: pad(crop(I, H, W), P), F: crop(F, Kh, Kw) };
}

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
  const all = matrix(rows.padded, columns.padded, (i, j) => [i, j]).flat();
  return {
    inside,
    use,
    padding: all.filter(([i, j]) => !inside(i, j)),
    remainder: all.filter(([i, j]) => use(i, j).includes("remainder")),
    gap: all.filter(([i, j]) => use(i, j).includes("gap") && !use(i, j).includes("remainder")),
  };
}

/** Words about a place of the padded input, for screen readers. */
export const frameNotes = ({ inside, use }) => (i, j) =>
  [inside(i, j) ? "" : "padding", use(i, j).every((word) => word === "read") ? "" : "never read"].filter(Boolean).join(", ");

/** A sentence on what no window reads, as HTML. */
export function unreadWords({ rows, columns }, { gap }) {
  const parts = [];
  const rest = [[rows.remainder, "row"], [columns.remainder, "column"]].filter(([n]) => n);
  if (rest.length) {
    parts.push(`<i class="swatch remainder"></i> never read, the remainder: ${rest.map(([n, what]) => plural(n, what)).join(" and ")}`);
  }
  if (gap.length) parts.push('<i class="swatch gap"></i> never read, between the windows');
  if (rows.P) parts.unshift('<i class="swatch padding"></i> padding');
  return parts.join(" &ensp; ");
}

export class ConvolutionExplorer extends Explorer {
  static heading = "Convolution explorer";

  static fields = { ...LAYER, at: place(0, 0) };

  static presets = {
    Edge: `H.7_W.7_Kh.3_Kw.3_P.0_S.1_D.1_B.0_I.${SQUARE()}_F.0.-1.0.-1.4.-1.0.-1.0_at.0.0`,
    Blur: `H.7_W.7_Kh.3_Kw.3_P.0_S.1_D.1_B.0_I.${SQUARE()}_F.1.2.1.2.4.2.1.2.1_at.0.0`,
    Same: "H.5_W.6_Kh.3_Kw.3_P.1_S.1_D.1_B.0_F.0.0.0.0.1.0.0.0.0_at.2.3",
    Strided: "H.6_W.7_Kh.3_Kw.2_P.0_S.2_D.1_B.0_at.1.1",
    Dilated: "H.7_W.7_Kh.3_Kw.3_P.0_S.1_D.2_B.0_at.0.1",
  };

  build() {
    this.addPresets(this.constructor.presets);
    this.addSliders(SLIDERS);
    const edit = (name, move) => ([i, j], value) => {
      const numbers = structuredClone(this.state[name]);
      numbers[i - move()][j - move()] = value;
      this.change({ [name]: numbers });
    };
    this.grids = {
      I: new Grid({ name: "I_pad", title: `padded input ${I_PAD}`, color: "input", onedit: edit("I", () => this.state.P) }),
      F: new Grid({ name: "F", title: `filter ${array("F")}`, color: "filter", onedit: edit("F", () => 0) }),
      B: new Grid({ name: "B", title: `bias ${array("B")}`, color: "filter", onedit: (_, B) => this.change({ B }) }),
      O: new Grid({ name: "O", title: `output ${array("O")}`, color: "result", onpick: (place) => this.pick(place) }),
    };
    const small = document.createElement("div");
    small.className = "explorer-column";
    small.append(this.grids.F.element, this.grids.B.element);
    this.stage.append(this.grids.I.element, small, this.grids.O.element);
  }

  pick(place) {
    if (`${place}` !== `${this.shown}`) this.change({ at: place });
  }

  draw() {
    const { geometry, I_pad, F } = layerOf(this.state);
    const { rows, columns } = geometry;
    const { B } = this.state;
    const [h, w] = [Math.min(this.state.at[0], rows.out - 1), Math.min(this.state.at[1], columns.out - 1)];
    this.shown = [h, w];
    const O = matrix(rows.out, columns.out, (i, j) => total(outputTerms(F, I_pad, geometry, i, j)) + B);
    const frame = frameMarks(geometry);
    this.terms = outputTerms(F, I_pad, geometry, h, w);
    this.rule.innerHTML = sizeRule(rows, "H", "h") + sizeRule(columns, "W", "w");
    this.grids.I.draw(I_pad, { edits: frame.inside, notes: frameNotes(frame) });
    this.grids.F.draw(F, { edits: () => true });
    this.grids.B.draw([[B]], { edits: () => true });
    this.grids.O.draw(O);
    const { padding, remainder, gap } = frame;
    this.grids.I.mark({ padding, remainder, gap, window: this.terms.map(({ at: { I } }) => I) });
    this.grids.F.mark({ window: this.terms.map(({ at: { F } }) => F) });
    this.grids.B.mark({});
    this.grids.O.mark({ active: [[h, w]] });
    this.grids.O.stop([h, w]);
    this.write(h, w, geometry, O[h][w]);
    this.legend.innerHTML = unreadWords(geometry, frame);
  }

  write(h, w, { rows, columns }, value) {
    const step = (index, { S }, k, D) => `${index}\u00b7${S} + ${D > 1 ? `${D}` : ""}${letter("k", k)}`;
    const head = `${array("O")}${at([h, w])} = \u2211 ${array("F")}[${letter("k", "h")}, ${letter("k", "w")}] \u00b7 ${I_PAD}[${step(h, rows, "h", rows.D)}, ${step(w, columns, "w", columns.D)}] + ${array("B")}`;
    const sum = lines(this.terms, ["filter", "input"], [`<span class="of-filter">${factor(this.state.B)}</span>`]);
    this.sum.innerHTML =
      `<p>${head}</p>` +
      sum.map((line, k) => `<p class="line">${k ? "+" : "="} ${line}</p>`).join("") +
      `<p class="line">= <strong class="of-result">${number(value)}</strong></p>`;
    this.announcement =
      `Output row ${h}, column ${w} is ${spoken(value)}: ${speak(this.terms)}, plus bias ${spoken(this.state.B)}. ` +
      `The window begins at row ${h * rows.S}, column ${w * columns.S} of the padded input.`;
  }
}

/** A bright square in a dark picture. */
function SQUARE() {
  return matrix(7, 7, (i, j) => +(i > 1 && i < 5 && j > 1 && j < 5)).flat().join(".");
}
