// The receptive field: layers on top of each other, along one axis.

import { button } from "./controls.js";
import { Explorer } from "./explorer.js";
import { field, levels, stack } from "./field.js";
import { make } from "./page.js";
import { count, counts } from "./state.js";
import { letter, number, plural } from "./words.js";

const PRESETS = {
  "Three 3s": "H.15_K.3.3.3_S.1.1.1_D.1.1.1_P.0.0.0_h.4",
  "Stride first": "H.17_K.3.3.3_S.2.1.1_D.1.1.1_P.0.0.0_h.2",
  "Stride last": "H.15_K.3.3.3_S.1.1.2_D.1.1.1_P.0.0.0_h.2",
  "Growing dilation": "H.31_K.3.3.3_S.1.1.1_D.1.2.4_P.1.2.4_h.15",
  Holes: "H.25_K.3.2_S.1.1_D.3.5_P.0.0_h.7",
  "VGG, two blocks": "H.32_K.3.3.2.3.3.2_S.1.1.2.1.1.2_D.1.1.1.1.1.1_P.1.1.0.1.1.0_h.4",
};

const LETTERS = {
  K: ["kernel length", 7],
  S: ["stride", 4],
  D: ["dilation", 6],
  P: ["padding", 6],
};
const MOST_LAYERS = 6;
const SVG = "http://www.w3.org/2000/svg";
const [LEFT, LEVEL, CELL] = [58, 46, 22]; // pixels: the words on the left, from level to level, the widest input

export class ReceptiveFieldExplorer extends Explorer {
  static heading = "Receptive-field explorer";
  static hint = "Change the layers in the table. Point at an output, or move the slider of h.";
  static fields = {
    H: count(15, 1, 64),
    K: counts([3, 3, 3], 1, LETTERS.K[1], MOST_LAYERS),
    S: counts([1, 1, 1], 1, LETTERS.S[1], MOST_LAYERS),
    D: counts([1, 1, 1], 1, LETTERS.D[1], MOST_LAYERS),
    P: counts([0, 0, 0], 0, LETTERS.P[1], MOST_LAYERS),
    h: count(0, 0, 99),
  };

  build() {
    this.addPresets(PRESETS);
    this.addSliders({ H: [letter("H"), "H, length of the input"], h: [letter("h"), "h, the output"] });
    this.body = make("tbody");
    const heads = [
      "layer",
      ...Object.keys(LETTERS).map((name) => `<var>${name}</var>`),
      letter("H", "out"),
      "step <b>e</b>",
      "size <b>r</b>",
      "start <b>a</b>",
      "",
    ];
    const head = make("thead", {}, make("tr", {}, ...heads.map((html) => make("th", { html, scope: "col" }))));
    this.table = make(
      "table",
      { class: "explorer-layers" },
      make("caption", { class: "explorer-hidden" }, "The layers and the field at each depth"),
      head,
      this.body,
    );
    this.more = button("Add a layer", () => this.addLayer());
    this.picture = document.createElementNS(SVG, "svg");
    this.picture.setAttribute("role", "img");
    this.picture.addEventListener("pointerover", (event) => this.pickOutput(event));
    this.picture.addEventListener("click", (event) => this.pickOutput(event));
    this.stage.append(this.picture);
    this.views.append(this.table, this.more);
    new ResizeObserver(() => this.axes && this.paint()).observe(this.stage);
  }

  pickOutput({ target }) {
    if (target.dataset.output) this.pick({ h: +target.dataset.output });
  }

  addLayer() {
    this.change(
      Object.fromEntries(
        Object.keys(LETTERS).map((name) => [name, [...this.state[name], name === "P" ? 0 : name === "K" ? 3 : 1]]),
      ),
    );
  }

  removeLayer(i) {
    this.change(
      Object.fromEntries(Object.keys(LETTERS).map((name) => [name, this.state[name].filter((_, k) => k !== i)])),
    );
    this.more.focus();
  }

  /** The lists may come from an address with unequal lengths: the shortest counts. */
  layers() {
    const J = Math.min(...Object.keys(LETTERS).map((name) => this.state[name].length));
    return Object.fromEntries(Object.keys(LETTERS).map((name) => [name, this.state[name].slice(0, J)]));
  }

  draw() {
    const layers = this.layers();
    this.found = field(layers);
    this.fillTable(layers);
    this.axes = stack(this.state.H, layers);
    const J = this.axes.length;
    const last = J ? this.axes[J - 1].out : this.state.H;
    this.fillLengths();
    this.h = Math.min(this.state.h, last - 1);
    this.sliders.h.input.max = last - 1;
    this.sliders.h.set(this.h);
    this.levels = levels(this.axes, this.h);
    this.paint();
    this.rule.textContent = "";
    this.write(layers, J);
  }

  fillTable({ K, ...rest }) {
    const layers = { K, ...rest };
    if (this.body.rows.length !== K.length + 1) {
      this.body.replaceChildren(this.row("input", null), ...K.map((_, i) => this.row(`${i}`, i)));
    }
    [...this.body.rows].forEach((row, j) => {
      for (const name of ["e", "r", "a"])
        row.querySelector(`[data-number="${name}"]`).textContent = number(this.found[name][j]);
      row.querySelector('[data-number="length"]').textContent = "";
      if (j) for (const name of Object.keys(LETTERS)) row.querySelector(`[name="${name}"]`).value = layers[name][j - 1];
    });
    this.more.disabled = K.length === MOST_LAYERS;
    this.body.querySelectorAll("button").forEach((one) => (one.disabled = K.length === 1));
  }

  fillLengths() {
    [this.state.H, ...this.axes.map(({ out }) => out)].forEach((length, j) => {
      this.body.rows[j].querySelector('[data-number="length"]').textContent = length;
    });
  }

  /** A row of the table: what may be set, and the numbers at this depth. */
  row(words, i) {
    const set = (name, input) => {
      const { least, most } = this.constructor.fields[name];
      const value = Math.round(Math.max(least, Math.min(most, input.valueAsNumber)));
      if (Number.isNaN(value)) return;
      const list = [...this.state[name]];
      list[i] = value;
      this.change({ [name]: list });
    };
    const fields = Object.entries(LETTERS).map(([name, [label, most]]) => {
      const input = make("input", {
        type: "number",
        name,
        min: this.constructor.fields[name].least,
        max: most,
        "aria-label": `${label} of layer ${i}`,
        oninput: ({ target }) => set(name, target),
        onblur: ({ target }) => (target.value = this.state[name][i]),
      });
      return make("td", {}, ...(i === null ? [] : [input]));
    });
    const numbers = ["length", "e", "r", "a"].map((name) => make("td", { "data-number": name }));
    const remove = button("\u00d7", () => this.removeLayer(i), { "aria-label": `Remove layer ${i}` });
    return make(
      "tr",
      {},
      make("th", { scope: "row" }, words),
      ...fields,
      ...numbers,
      make("td", {}, ...(i === null ? [] : [remove])),
    );
  }

  /** Draw the levels: the input at the bottom, the last layer at the top. */
  paint() {
    const { e, r, a } = this.found;
    const J = this.axes.length;
    const lengths = [this.state.H, ...this.axes.map(({ out }) => out)];
    const [begin, end] = [a[J] + this.h * e[J], a[J] + this.h * e[J] + r[J] - 1];
    const [left, right] = [Math.min(0, begin), Math.max(this.state.H - 1, end)];
    const width = Math.max(this.stage.clientWidth, 200);
    const unit = Math.min(CELL, (width - LEFT - 6) / (right - left + 1));
    const x = (j, g) => LEFT + (a[j] + g * e[j] + (r[j] - 1) / 2 - left + 0.5) * unit;
    const y = (j) => 14 + (J - j) * LEVEL;
    const parts = [];
    const add = (tag, attributes, words) => {
      const node = document.createElementNS(SVG, tag);
      for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
      if (words !== undefined) node.textContent = words;
      parts.push(node);
    };
    const radius = Math.min(6, Math.max(1.6, unit * 0.3));
    for (let j = J; j > 0; j -= 1) {
      for (const [g, below] of this.levels[j]) {
        for (const u of below) {
          const padding = u < 0 || u >= lengths[j - 1];
          add("line", { x1: x(j, g), y1: y(j), x2: x(j - 1, u), y2: y(j - 1), class: padding ? "way padded" : "way" });
          if (padding && j > 1) add("circle", { cx: x(j - 1, u), cy: y(j - 1), r: radius, class: "unit padded" });
        }
      }
    }
    for (let j = J; j >= 0; j -= 1) {
      add("text", { x: 0, y: y(j) + 4, class: "level" }, j ? `layer ${j - 1}` : "input");
      for (let g = 0; g < lengths[j] && j; g += 1) {
        const used = this.levels[j].has(g) ? " used" : "";
        add("circle", { cx: x(j, g), cy: y(j), r: radius, class: `unit${used}`, "data-unit": `${j},${g}` });
        if (j === J) {
          const reach = Math.max(e[J] * unit, 4);
          add("rect", {
            x: x(J, g) - reach / 2,
            y: y(J) - 14,
            width: reach,
            height: 28,
            class: "touch",
            "data-output": g,
          });
        }
      }
    }
    for (let u = left; u <= right; u += 1) {
      const kind = u < 0 || u >= this.state.H ? " padded" : this.levels[0].has(u) ? " used" : "";
      const size = Math.max(unit - 1.5, 1.5);
      add("rect", {
        x: x(0, u) - size / 2,
        y: y(0) - Math.min(size, 16) / 2,
        width: size,
        height: Math.min(size, 16),
        class: `pixel${kind}`,
        "data-unit": `0,${u}`,
      });
    }
    const [from, to, below] = [x(0, begin) - unit / 2, x(0, end) + unit / 2, y(0) + 17];
    add("path", { d: `M${from} ${below - 4}V${below}H${to}V${below - 4}`, class: "span" });
    add(
      "text",
      { x: Math.max(LEFT + 20, Math.min((from + to) / 2, width - 40)), y: below + 15, class: "label" },
      `size ${r[J]}`,
    );
    this.picture.setAttribute("width", width);
    this.picture.setAttribute("height", below + 20);
    this.picture.replaceChildren(...parts);
  }

  write({ K, S, D, P }, J) {
    const { e, r, a } = this.found;
    const [begin, end] = [a[J] + this.h * e[J], a[J] + this.h * e[J] + r[J] - 1];
    const read = this.levels[0].size;
    const centre = (begin + end) / 2;
    const whole = (words) => `<span class="whole">${words}</span>`;
    const sizes = K.map((k, i) => whole(`(${k} \u2212 1)\u00b7${D[i]}\u00b7${e[i]}`));
    const starts = P.map((p, i) => whole(`${p}\u00b7${e[i]}`));
    const outside = Math.max(0, -begin) + Math.max(0, end - this.state.H + 1);
    const inside = r[J] - outside;
    const holes = inside - read;
    const notes = [
      `${plural(read, "input")} read`,
      ...(outside > 0 ? [`${outside} in the padding`] : []),
      ...(holes > 0 ? [`${holes} never read`] : []),
    ];
    const where = Number.isInteger(centre)
      ? `input ${number(centre)}`
      : `between inputs ${number(centre - 0.5)} and ${number(centre + 0.5)}`;
    this.sum.innerHTML =
      `<p>step <b>e</b>[${J}] = ${S.join("\u00b7")} = <strong>${e[J]}</strong></p>` +
      `<p>size <b>r</b>[${J}] = 1 + \u2211 (<b>k</b> \u2212 1)\u00b7<b>d</b>\u00b7<b>e</b> = 1 + ${sizes.join(" + ")} = <strong class="of-input">${r[J]}</strong></p>` +
      `<p>start <b>a</b>[${J}] = \u2212\u2211 <b>p</b>\u00b7<b>e</b> = \u2212(${starts.join(" + ")}) = <strong>${number(a[J])}</strong></p>` +
      `<p>Output ${letter("h")} = ${this.h} sees from ${number(a[J])} + ${this.h}\u00b7${e[J]} = <strong>${number(begin)}</strong> ` +
      `to ${number(begin)} + ${r[J]} \u2212 1 = <strong>${number(end)}</strong>; its centre is <strong>${where}</strong>.</p>` +
      `<p>${notes.join(", ")}.</p>`;
    this.announcement =
      `Output ${this.h} sees inputs ${number(begin)} to ${number(end)}, size ${r[J]}, centre ${where}. ${notes.join(", ")}. ` +
      `Neighbours are ${e[J]} apart.`;
    this.picture.setAttribute(
      "aria-label",
      `${plural(J, "layer")} above ${plural(this.state.H, "input")}. ${this.announcement}`,
    );
    this.legend.innerHTML =
      '<i class="swatch used"></i> read' +
      (outside > 0 ? ' &ensp; <i class="swatch padding"></i> padding' : "") +
      (holes > 0 ? ' &ensp; <i class="swatch"></i> inside the field, never read' : "");
  }
}
