// The gradients of the convolution layer: an entry gathers what comes back to it, an entry of G scatters.

import { Explorer } from "./explorer.js";
import { frameMarks, frameNotes, sizeRule, unreadWords } from "./frame.js";
import { outputOf, span } from "./geometry.js";
import { Grid } from "./grid.js";
import { editor, LAYER, layerOf, SLIDERS } from "./layer.js";
import { make } from "./page.js";
import { choice, crop, place, table } from "./state.js";
import { biasTerms, filterTerms, inputTerms, matrix, numbered, scatterTerms, total } from "./sums.js";
import { array, at, gradient, I_PAD, letter, lines, number, speak, spoken, start } from "./words.js";

const PRESETS = {
  Overlap: "H.4_W.5_Kh.3_Kw.3_P.0_S.1_D.1_view.gather_of.I_at.2.2",
  Strided: "H.5_W.6_Kh.3_Kw.2_P.1_S.2_D.1_view.gather_of.F_at.1.0",
  Remainder: "H.6_W.6_Kh.3_Kw.3_P.0_S.2_D.1_view.gather_of.I_at.5.2",
  Dilated: "H.5_W.6_Kh.2_Kw.3_P.0_S.1_D.2_view.scatter_g.1.1",
};

const WHOLE = { F: array("F"), I: I_PAD, B: array("B") };
const SPOKEN = { F: "F", I: "the padded input", B: "the bias" };

export class GradientExplorer extends Explorer {
  static heading = "Gradient explorer";
  static hint = "Point at an entry, or walk there with the arrow keys. Input, filter and G may be changed.";
  static fields = {
    ...LAYER,
    G: table(
      15,
      (i, j) => ((2 * i + 3 * j + 4) % 7) - 3,
      outputOf((state) => layerOf(state).geometry),
    ),
    view: choice("gather", "scatter"),
    of: choice("F", "I", "B"),
    at: place(0, 0),
    g: place(0, 0),
  };

  build() {
    this.addPresets(PRESETS);
    this.addSliders(SLIDERS);
    const spreads = `Scatter: an entry of ${array("G")} spreads`;
    this.addChoice("view", "View", { gather: "Gather: an entry collects", scatter: spreads });
    const gather = (of) => (at) => (this.state.view === "gather" ? this.pick({ of, at }) : this.lightPlace(of, at));
    const grid = (name, title, color, onpick, onedit) => new Grid({ name, title, color, onpick, onedit });
    this.grids = {
      I: grid(
        "I_pad",
        `padded input ${I_PAD}`,
        "input",
        gather("I"),
        editor(this, "I", () => this.state.P),
      ),
      F: grid("F", `filter ${array("F")}`, "filter", gather("F"), editor(this, "F")),
      G: grid("G", `given ${array("G")}`, "given", (g) => this.pickG(g), editor(this, "G")),
      dI: grid("dI_pad", "", "result", gather("I")),
      dF: grid("dF", "", "result", gather("F")),
      dB: grid("dB", "", "result", gather("B")),
    };
    const { I, F, G, dI, dF, dB } = this.grids;
    this.wanted = make("p", { class: "explorer-caption" });
    this.addRows([I, F, G], [dI, dF, dB]).before(this.wanted);
  }

  pickG(g) {
    if (this.state.view === "scatter") this.pick({ g });
    else this.lightPlace("G", g);
  }

  draw() {
    const { geometry, I_pad, F } = layerOf(this.state);
    const { rows, columns } = geometry;
    const G = crop(this.state.G, rows.out, columns.out);
    const frame = frameMarks(geometry);
    this.rule.innerHTML = sizeRule(rows, "H", "h") + sizeRule(columns, "W", "w");
    this.legend.innerHTML = unreadWords(geometry, frame);
    this.grids.I.draw(I_pad, { edits: frame.inside, notes: frameNotes(frame) });
    this.grids.F.draw(F, { edits: () => true });
    this.grids.G.draw(G, { edits: () => true });
    if (this.state.view === "gather") this.gather(geometry, I_pad, F, G, frame);
    else this.scatter(geometry, I_pad, F, G, frame);
  }

  /** Draw the three gradients and mark them. */
  drawGradients([dI, dF, dB], share, frame, marks) {
    const { padding, remainder, gap } = frame;
    const words = { dI: gradient(I_PAD), dF: gradient(array("F")), dB: gradient(array("B")) };
    for (const [name, numbers] of Object.entries({ dI, dF, dB })) {
      this.grids[name].draw(numbers, name === "dI" ? { notes: frameNotes(frame) } : {});
      this.grids[name].retitle(words[name] + (share && `<span class="explorer-hidden">, ${share}</span>`));
    }
    this.wanted.innerHTML = share || "The gradients";
    for (const name of Object.keys(this.grids)) {
      const ground = ["I", "dI"].includes(name) ? { padding, remainder, gap } : {};
      this.grids[name].mark({ ...ground, ...marks[name] });
    }
  }

  gather(geometry, I_pad, F, G, frame) {
    const terms = {
      F: (i, j) => filterTerms(G, I_pad, geometry, i, j),
      I: (i, j) => inputTerms(G, F, geometry, i, j),
      B: () => biasTerms(G, geometry),
    };
    const size = { F: [F.length, F[0].length], I: [I_pad.length, I_pad[0].length], B: [1, 1] };
    const of = this.state.of;
    const entry = this.state.at.map((index, axis) => Math.min(index, size[of][axis] - 1));
    const sums = (name) => matrix(...size[name], (i, j) => total(terms[name](i, j)));
    this.terms = numbered(terms[of](...entry));
    const marks = { [of]: { active: [entry] }, [`d${of}`]: { active: [entry] } };
    for (const name of ["G", "F", "I"]) {
      if (name !== of) marks[name] = { window: this.terms.flatMap((term) => (term.at[name] ? [term.at[name]] : [])) };
    }
    this.drawGradients([sums("I"), sums("F"), sums("B")], "", frame, marks);
    this.grids[`d${of}`].stop(entry);
    this.writeGather(of, entry, geometry);
  }

  writeGather(of, entry, { rows, columns }) {
    const value = total(this.terms);
    const hw = `[${letter("h")}, ${letter("w")}]`;
    const steps = ({ S }, h) => `${S > 1 ? S : ""}${letter(h)}`;
    const shift = (k, axis, h) => `${steps(axis, h)}${k ? ` + ${k * axis.D}` : ""}`;
    const quotient = (u, axis, h) => {
      const distance = `${u} \u2212 ${steps(axis, h)}`;
      return axis.D > 1 ? `(${distance})/${axis.D}` : distance;
    };
    const other = {
      F: () => ` \u00b7 ${I_PAD}[${shift(entry[0], rows, "h")}, ${shift(entry[1], columns, "w")}]`,
      I: () => ` \u00b7 ${array("F")}[${quotient(entry[0], rows, "h")}, ${quotient(entry[1], columns, "w")}]`,
      B: () => "",
    };
    const name = `${gradient(WHOLE[of])}${of === "B" ? "" : at(entry)}`;
    const kinds = { F: ["given", "input"], I: ["given", "filter"], B: ["given"] };
    const written = lines(this.terms, kinds[of]);
    if (!written.length) written.push("an empty sum: no window reads this entry");
    const [x, y] = [entry[0] - rows.P, entry[1] - columns.P];
    const inside = x >= 0 && x < rows.H && y >= 0 && y < columns.H;
    const note =
      of !== "I" ? "" : inside ? ` = ${gradient(array("I"))}${at([x, y])}` : ", dropped: the frame is no input";
    this.writeSum(`${name} = \u2211 ${array("G")}${hw}${other[of]()}`, written, number(value), note);
    const most = of === "I" ? Math.min(rows.out, Math.ceil(span(rows.K, rows.D) / rows.S)) : rows.out;
    this.sum.style.setProperty("--lines", most + 2); // so that the page below stays where it is
    const where = of === "B" ? "" : ` at row ${entry[0]}, column ${entry[1]}`;
    const outputs = this.terms.length === 1 ? "1 output" : `${this.terms.length} outputs`;
    this.announcement = `The gradient by ${SPOKEN[of]}${where} is ${spoken(value)}, from ${outputs}: ${speak(this.terms)}.`;
  }

  scatter(geometry, I_pad, F, G, frame) {
    const { rows, columns } = geometry;
    const [h, w] = [Math.min(this.state.g[0], rows.out - 1), Math.min(this.state.g[1], columns.out - 1)];
    const { toF, toI } = scatterTerms(G, F, I_pad, geometry, h, w);
    this.terms = numbered([...toF, ...toI]);
    const share = (height, width, name, terms) => {
      const numbers = matrix(height, width, () => 0);
      for (const {
        at: {
          [name]: [i, j],
        },
        value,
      } of terms)
        numbers[i][j] += value;
      return numbers;
    };
    const [Is, Fs] = [toI.map((term) => term.at.dI), toF.map((term) => term.at.dF)];
    const lit = { G: { active: [[h, w]] }, dI: { window: Is }, dF: { window: Fs }, dB: { window: [[0, 0]] } };
    this.drawGradients(
      [share(rows.padded, columns.padded, "dI", toI), share(rows.K, columns.K, "dF", toF), [[G[h][w]]]],
      `What ${array("G")}${at([h, w])} alone adds to the gradients`,
      frame,
      { ...lit, I: { window: Is }, F: { window: Fs } },
    );
    this.grids.G.stop([h, w]);
    this.writeScatter(h, w, geometry, G[h][w], this.terms.slice(0, toF.length), this.terms.slice(toF.length));
  }

  writeScatter(h, w, { rows, columns }, value, toF, toI) {
    const k = `${letter("k", "h")}, ${letter("k", "w")}`;
    const uv = `${start(h, rows, "k", "h")}, ${start(w, columns, "k", "w")}`;
    const list = (terms, kinds) =>
      lines(terms, kinds, ", ")
        .map((line) => `<p class="line">${line}</p>`)
        .join("");
    this.sum.style.setProperty("--lines", 3 + 2 * rows.K);
    this.sum.innerHTML =
      `<p>${array("G")}${at([h, w])} = <span class="of-given">${number(value)}</span> adds to</p>` +
      `<p>${gradient(array("F"))}[${k}]: &ensp;${array("G")}${at([h, w])} \u00b7 ${I_PAD}[${uv}]</p>${list(toF, ["given", "input"])}` +
      `<p>${gradient(I_PAD)}[${uv}]: &ensp;${array("G")}${at([h, w])} \u00b7 ${array("F")}[${k}]</p>${list(toI, ["given", "filter"])}` +
      `<p>${gradient(array("B"))}: &ensp;<span class="of-given">${number(value)}</span></p>`;
    this.announcement =
      `G at row ${h}, column ${w} is ${spoken(value)}. It adds ${spoken(value)} times its window to the gradient of F, ` +
      `${spoken(value)} times F to the gradient of the padded input from row ${h * rows.S}, column ${w * columns.S}, ` +
      `and ${spoken(value)} to the gradient of the bias.`;
  }
}
