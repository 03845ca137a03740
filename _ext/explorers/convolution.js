// The convolution layer, forward.

import { Explorer } from "./explorer.js";
import { frameMarks, frameNotes, sizeRule, unreadWords } from "./frame.js";
import { Grid } from "./grid.js";
import { editor, LAYER, layerOf, SLIDERS } from "./layer.js";
import { make } from "./page.js";
import { player } from "./player.js";
import { place } from "./state.js";
import { matrix, numbered, outputTerms, total } from "./sums.js";
import { array, at, factor, I_PAD, lines, number, speak, spoken, start } from "./words.js";

// A bright square in a dark picture.
const SQUARE = matrix(7, 7, (i, j) => +(i > 1 && i < 5 && j > 1 && j < 5))
  .flat()
  .join(".");

const PRESETS = {
  Edge: `H.7_W.7_Kh.3_Kw.3_P.0_S.1_D.1_B.0_I.${SQUARE}_F.0.-1.0.-1.4.-1.0.-1.0_at.0.1`,
  Blur: `H.7_W.7_Kh.3_Kw.3_P.0_S.1_D.1_B.0_I.${SQUARE}_F.1.2.1.2.4.2.1.2.1_at.0.1`,
  Same: "H.5_W.6_Kh.3_Kw.3_P.1_S.1_D.1_B.0_F.0.0.0.0.1.0.0.0.0_at.2.3",
  Strided: "H.6_W.7_Kh.3_Kw.2_P.0_S.2_D.1_B.0_at.1.1",
  Dilated: "H.7_W.7_Kh.3_Kw.3_P.0_S.1_D.2_B.0_at.0.1",
};

export class ConvolutionExplorer extends Explorer {
  static heading = "Convolution explorer";
  static hint =
    "Point at an output, or walk there with the arrow keys. Every other number may be changed, except the padding.";
  static fields = { ...LAYER, at: place(0, 0) };

  build() {
    this.addPresets(PRESETS);
    this.addSliders(SLIDERS);
    this.player = player(() => this.next());
    this.tools.prepend(this.player.element);
    const light = (key) => (place) => this.lightPlace(key, place);
    const edits = { I: editor(this, "I", () => this.state.P), F: editor(this, "F"), B: (_, B) => this.change({ B }) };
    this.grids = {
      I: new Grid({
        name: "I_pad",
        title: `padded input ${I_PAD}`,
        color: "input",
        onedit: edits.I,
        onpick: light("I"),
      }),
      F: new Grid({ name: "F", title: `filter ${array("F")}`, color: "filter", onedit: edits.F, onpick: light("F") }),
      B: new Grid({ name: "B", title: `bias ${array("B")}`, color: "filter", onedit: edits.B }),
      O: new Grid({ name: "O", title: `output ${array("O")}`, color: "result", onpick: (at) => this.pick({ at }) }),
    };
    const { I, F, B, O } = this.grids;
    this.addRows([I, { element: make("div", { class: "explorer-column" }, F.element, B.element) }, O]);
  }

  /** Go to the next output, row by row, from the last to the first; return whether there is one after it. */
  next() {
    if (this.impossible) return false;
    const { rows, columns } = layerOf(this.state).geometry;
    const [h, w] = this.shown;
    const place = (h * columns.out + w + 1) % (rows.out * columns.out);
    this.become({ ...this.state, at: [Math.floor(place / columns.out), place % columns.out] });
    return place + 1 < rows.out * columns.out;
  }

  draw() {
    const { geometry, I_pad, F } = layerOf(this.state);
    const { rows, columns } = geometry;
    const { B } = this.state;
    const [h, w] = [Math.min(this.state.at[0], rows.out - 1), Math.min(this.state.at[1], columns.out - 1)];
    this.shown = [h, w];
    const O = matrix(rows.out, columns.out, (i, j) => total(outputTerms(F, I_pad, geometry, i, j)) + B);
    const { padding, remainder, gap, ...frame } = frameMarks(geometry);
    this.terms = numbered(outputTerms(F, I_pad, geometry, h, w));
    this.rule.innerHTML = sizeRule(rows, "H", "h") + sizeRule(columns, "W", "w");
    const shaded = this.hasAttribute("shaded"); // the numbers are a picture
    this.grids.I.draw(I_pad, { edits: frame.inside, notes: frameNotes(frame), shaded });
    this.grids.F.draw(F, { edits: () => true });
    this.grids.B.draw([[B]], { edits: () => true });
    this.grids.O.draw(O, { shaded });
    this.grids.I.mark({ padding, remainder, gap, window: this.terms.map(({ at: { I } }) => I) });
    this.grids.F.mark({ window: this.terms.map(({ at: { F } }) => F) });
    this.grids.O.mark({ active: [[h, w]] });
    this.grids.O.stop([h, w]);
    this.legend.innerHTML = unreadWords(geometry, { padding, gap });
    this.write(h, w, geometry, O[h][w]);
  }

  write(h, w, { rows, columns }, value) {
    const reads = `${I_PAD}[${start(h, rows, "k", "h")}, ${start(w, columns, "k", "w")}]`;
    this.writeSum(
      `${array("O")}${at([h, w])} = \u2211 ${array("F")}[<var>k</var><sub>h</sub>, <var>k</var><sub>w</sub>] \u00b7 ${reads} + ${array("B")}`,
      [...lines(this.terms, ["filter", "input"]), `<span class="of-filter">${factor(this.state.B)}</span>`],
      number(value),
    );
    this.announcement =
      `Output row ${h}, column ${w} is ${spoken(value)}: ${speak(this.terms)}, plus bias ${spoken(this.state.B)}. ` +
      `The window begins at row ${h * rows.S}, column ${w * columns.S} of the padded input.`;
  }
}
