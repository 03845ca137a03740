// Pooling, forward and backward: the maximum or the average of each window.

import { Explorer } from "./explorer.js";
import { frameMarks, frameNotes, sizeRule, unreadWords } from "./frame.js";
import { outputOf, poolingPlane } from "./geometry.js";
import { Grid } from "./grid.js";
import { editor } from "./layer.js";
import { containing, largest, mean, pooled, pooledGradient, pooledTerms, windowPlaces } from "./pools.js";
import { choice, count, crop, place, table } from "./state.js";
import { matrix, numbered, pad, total } from "./sums.js";
import { array, at, factor, gradient, I_PAD, letter, lines, number, plural, spoken } from "./words.js";

const geometryOf = ({ H, W, K, S, P }) => poolingPlane(H, W, K, S, P);

const SLIDERS = {
  H: [letter("H"), "H, height of the input"],
  W: [letter("W"), "W, width of the input"],
  K: [letter("K"), "K, height and width of the window"],
  S: [letter("S"), "S, stride"],
  P: [letter("P"), "P, padding on each side"],
};

const PRESETS = {
  Touch: "H.4_W.6_K.2_S.2_P.0_of.O_at.0.1",
  Overlap: "H.5_W.6_K.3_S.1_P.0_of.I_at.2.2",
  Gaps: "H.5_W.8_K.2_S.3_P.0_of.O_at.0.1",
  Ties: "H.4_W.6_K.2_S.2_P.0_kind.max_I.0.0.2.2.5.1.0.0.2.2.1.5.3.1.0.4.7.7.1.3.4.0.7.2_of.O_at.0.1",
  Padding: "H.4_W.5_K.3_S.2_P.1_I.-1.-3.-2.-5.-4.-2.-6.-1.-3.-2.-4.-1.-5.-2.-6.-3.-2.-4.-1.-7_of.O_at.0.0",
};

export class PoolingExplorer extends Explorer {
  static heading = "Pooling explorer";
  static hint =
    "Point at an output, or walk there with the arrow keys: what it reads. Point at an input: what comes back to it.";
  static fields = {
    H: count(5, 1, 9),
    W: count(5, 1, 9),
    K: count(2, 1, 4),
    S: count(2, 1, 4),
    P: count(0, 0, 4),
    I: table(
      9,
      (i, j) => (3 * i + 5 * j + i * j + 1) % 7,
      ({ H, W }) => [H, W],
    ),
    G: table(17, (i, j) => ((2 * i + 3 * j) % 5) + 1, outputOf(geometryOf)),
    kind: choice("max", "average"),
    padding: choice("counts", "left-out"),
    of: choice("O", "I"),
    at: place(0, 0),
  };

  build() {
    this.addPresets(PRESETS);
    this.addSliders(SLIDERS);
    this.addChoice("kind", "Kind of pooling", { max: "Maximum", average: "Average" });
    this.addChoice("padding", "Padding in the average", { counts: "padding counts", "left-out": "padding left out" });
    const output = (at) => this.pick({ of: "O", at });
    const input = (at) => this.pick({ of: "I", at });
    const padded = ([u, v]) => {
      const [x, y] = [u - this.state.P, v - this.state.P];
      if (x >= 0 && x < this.state.H && y >= 0 && y < this.state.W) input([x, y]);
    };
    const grid = (name, title, color, onpick, onedit) => new Grid({ name, title, color, onpick, onedit });
    this.grids = {
      I: grid(
        "I_pad",
        "",
        "input",
        padded,
        editor(this, "I", () => this.state.P),
      ),
      O: grid("O", `output ${array("O")}`, "result", output),
      G: grid("G", `given ${array("G")}`, "given", output, editor(this, "G")),
      dI: grid("dI", gradient(array("I")), "result", input),
    };
    const { I, O, G, dI } = this.grids;
    this.addRows([I, O], [dI, G]);
  }

  draw() {
    const { state } = this;
    this.choices.padding.element.hidden = state.kind === "max" || !state.P;
    const geometry = geometryOf(state);
    const { rows, columns } = geometry;
    const I_pad = pad(crop(state.I, state.H, state.W), state.P, state.kind === "max" ? -Infinity : 0);
    const G = crop(state.G, rows.out, columns.out);
    const frame = frameMarks(geometry);
    const dI = matrix(state.H, state.W, (x, y) => pooledGradient(G, I_pad, geometry, state, x + state.P, y + state.P));
    this.rule.innerHTML = sizeRule(rows, "H", "") + sizeRule(columns, "W", "");
    this.legend.innerHTML = unreadWords(geometry, frame);
    this.grids.I.retitle(state.P ? `padded input ${I_PAD}` : `input ${array("I")}`);
    this.grids.I.draw(I_pad, { edits: frame.inside, notes: frameNotes(frame) });
    this.grids.O.draw(matrix(rows.out, columns.out, (h, w) => pooled(I_pad, geometry, state, h, w)));
    this.grids.G.draw(G, { edits: () => true });
    this.grids.dI.draw(dI);
    const size = state.of === "O" ? [rows.out, columns.out] : [state.H, state.W];
    const entry = state.at.map((index, axis) => Math.min(index, size[axis] - 1));
    if (state.of === "O") this.explainOutput(entry, geometry, I_pad, G, frame);
    else this.explainInput(entry, geometry, I_pad, G, frame);
  }

  mark(frame, marks) {
    const { padding, remainder, gap } = frame;
    for (const [name, grid] of Object.entries(this.grids)) {
      grid.mark({ ...(name === "I" ? { padding, remainder, gap } : {}), ...marks[name] });
    }
  }

  explainOutput([h, w], geometry, I_pad, G, frame) {
    const { kind, padding, P } = this.state;
    const window = windowPlaces(geometry, h, w);
    const inner = ([u, v]) => [u - P, v - P];
    const terms = window.map(([u, v]) => ({ line: u, at: { I: [u, v] }, factors: [I_pad[u][v]], value: I_pad[u][v] }));
    this.terms = numbered(terms);
    const name = `${array("O")}${at([h, w])}`;
    const given = `<span class="of-given">${factor(G[h][w])}</span>`;
    const written = lines(this.terms, ["input"], kind === "max" ? ", " : " + ");
    const where = `Output row ${h}, column ${w}`;
    const lit = { O: { active: [[h, w]] }, G: { active: [[h, w]] } };
    if (kind === "max") {
      const { value, winner, ties } = largest(I_pad, geometry, h, w);
      this.mark(frame, { ...lit, I: { window, winner: [winner], tie: ties }, dI: { window: [inner(winner)] } });
      const shared = '<i class="swatch tie"></i> as large, but later in row-major order';
      if (ties.length) this.legend.innerHTML += `${this.legend.innerHTML && " &ensp; "}${shared}`;
      const tie = ties.length
        ? ` at ${ties.length + 1} places; the first in row-major order wins, ${array("I")}${at(inner(winner))}`
        : ` at ${array("I")}${at(inner(winner))}`;
      this.writeSum(`${name} = max(${written.join(", ")})`, [], number(value), tie, [
        `${array("G")}${at([h, w])} = ${given} goes to ${array("I")}${at(inner(winner))}, and nothing to the others`,
      ]);
      const tied = ties.length ? `, shared by ${ties.length + 1} inputs, of which the first wins` : "";
      this.announcement =
        `${where} is the maximum ${spoken(value)}${tied}. It stands in row ${inner(winner)[0]}, column ${inner(winner)[1]} ` +
        `of the input, which gets all of G, ${spoken(G[h][w])}.`;
    } else {
      const { value, sum, divisor } = mean(I_pad, geometry, h, w, padding);
      this.mark(frame, { ...lit, I: { window }, dI: { window: window.map(inner) } });
      this.writeSum(
        `${name} = (${written.join(" + ")}) / ${divisor}`,
        [`${number(sum)} / ${divisor}`],
        number(value),
        "",
        [
          `each number of the window gets ${array("G")}${at([h, w])} / ${divisor} = ${given} / ${divisor} = ${number(G[h][w] / divisor)}`,
        ],
      );
      this.announcement =
        `${where} is the average ${spoken(value)}: ${spoken(sum)} divided by ${divisor}. ` +
        `Each number of its window gets ${spoken(G[h][w] / divisor)}.`;
    }
    (document.activeElement?.closest("[data-grid]")?.dataset.grid === "G" ? this.grids.G : this.grids.O).stop([h, w]);
  }

  explainInput([x, y], geometry, I_pad, G, frame) {
    const [u, v] = [x + this.state.P, y + this.state.P];
    const around = containing(geometry, u, v);
    this.terms = numbered(pooledTerms(G, I_pad, geometry, this.state, u, v));
    const value = total(this.terms);
    const wins = this.terms.map((term) => term.at.G);
    const others = around.filter((one) => !wins.some((win) => `${win}` === `${one}`));
    this.mark(frame, {
      I: { active: [[u, v]] },
      dI: { active: [[x, y]] },
      O: { window: wins, tie: others },
      G: { window: wins, tie: others },
    });
    const beaten = '<i class="swatch tie"></i> contains it, but another number is the largest';
    if (others.length) this.legend.innerHTML += `${this.legend.innerHTML && " &ensp; "}${beaten}`;
    const name = `${gradient(array("I"))}${at([x, y])}`;
    const max = this.state.kind === "max";
    const count = max
      ? `in ${plural(around.length, "window")}, the winner of ${wins.length}`
      : `in ${plural(around.length, "window")}`;
    const written = lines(this.terms, ["given"], " + ", (term) => (max ? "" : ` / ${term.divisor}`));
    if (!written.length) written.push("an empty sum");
    this.writeSum(`${name}: ${array("I")}${at([x, y])} is ${count}`, written, number(value));
    this.announcement = `The gradient by input row ${x}, column ${y} is ${spoken(value)}. The input is ${count}.`;
    this.grids.dI.stop([x, y]);
  }
}
