// What all explorers share: the frame on the page, the state and its address, what is said to screen readers.

import { linkTo, readAddress, writeAddress } from "./address.js";
import { button, options, slider } from "./controls.js";
import { Impossible } from "./geometry.js";
import { make } from "./page.js";
import { decode, encode, startOf } from "./state.js";

const PATIENCE = 250; // milliseconds without a change before the address and the announcement follow

export class Explorer extends HTMLElement {
  connectedCallback() {
    if (this.frame) return;
    const { fields, heading } = this.constructor;
    this.start = decode(fields, this.getAttribute("start"), startOf(fields), true);
    this.state = decode(fields, readAddress(this.id), this.start);
    const title = make("p", { class: "explorer-heading", id: `${this.id}-heading` }, heading);
    this.tools = make(
      "div",
      { class: "explorer-tools" },
      button("Reset", () => this.change(this.start, "Reset.")),
      button("Copy link", () => this.copyLink()),
    );
    this.sliders = {};
    this.choices = {};
    this.views = make("div", { class: "explorer-views" });
    this.controls = make("div", { class: "explorer-controls" });
    this.rule = make("p", { class: "explorer-rule" });
    this.stage = make("div", { class: "explorer-stage" });
    this.sum = make("div", { class: "explorer-sum" });
    this.legend = make("p", { class: "explorer-legend" });
    this.status = make("p", { class: "explorer-status", role: "status", "aria-live": "polite" });
    this.frame = make("div", { class: "explorer-frame" });
    this.sum.addEventListener("pointerover", ({ target }) => {
      this.light(this.terms?.[target.closest("[data-term]")?.dataset.term]);
    });
    for (const part of [this.sum, this.stage]) part.addEventListener("pointerleave", () => this.light(null));
    this.build();
    this.frame.append(
      make("div", { class: "explorer-head" }, title, this.tools),
      ...(this.presetButtons ? [this.presetButtons] : []),
      this.views,
      this.controls,
      this.rule,
      this.stage,
      this.sum,
      this.legend,
      make("p", { class: "explorer-hint" }, this.constructor.hint),
      this.status,
    );
    this.setAttribute("role", "region");
    this.setAttribute("aria-labelledby", title.id);
    this.replaceChildren(this.frame);
    const figure = document.getElementById(this.getAttribute("replaces"));
    figure?.closest(".cell").classList.add("explorer-replaced");
    this.show();
  }

  /** Add a slider for each of the fields; its words are [letter as HTML, label]. */
  addSliders(words) {
    for (const [name, [letter, label]] of Object.entries(words)) {
      const { least, most } = this.constructor.fields[name];
      this.sliders[name] = slider({
        name,
        letter,
        label,
        least,
        most,
        onchange: (value) => this.change({ [name]: value }),
      });
      this.controls.append(this.sliders[name].element);
    }
  }

  /** Put grids on the stage, row by row; return the last row. */
  addRows(...rows) {
    for (const grids of rows) {
      this.stage.append(make("div", { class: "explorer-row" }, ...grids.map(({ element }) => element)));
    }
    return this.stage.lastElementChild;
  }

  /** Add the presets: from words to a state text. */
  addPresets(presets) {
    const names = Object.fromEntries(Object.keys(presets).map((name) => [name, name]));
    const onchange = (name) =>
      this.change(decode(this.constructor.fields, presets[name], this.start, true), `${name}.`);
    this.presetButtons = options({ label: "Examples", names, onchange }).element;
    this.presetButtons.querySelectorAll("button").forEach((one) => one.removeAttribute("aria-pressed"));
    this.presetButtons.prepend(make("span", { class: "explorer-caption" }, "Examples"));
  }

  /** Change a part of the state, as a reader's act; `words` are said before what follows from it. */
  change(part, words) {
    this.player?.stop();
    this.become({ ...this.state, ...part }, words);
  }

  /** Show another state; the address and the announcement follow when it stays. */
  become(state, words = "") {
    this.state = structuredClone(state);
    this.show();
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => {
      writeAddress(this.id, encode(this.constructor.fields, this.state, this.start));
      this.say(words);
    }, PATIENCE);
  }

  say(words = "") {
    this.status.textContent = `${words} ${this.announcement}`.trim();
  }

  /** Draw the state; where it is impossible, say why in one sentence and draw nothing. */
  show() {
    for (const [name, { set }] of Object.entries({ ...this.sliders, ...this.choices })) set(this.state[name]);
    try {
      this.draw();
      this.measure();
      this.impossible = false;
    } catch (error) {
      if (!(error instanceof Impossible)) throw error;
      const sentence = `${error.message[0].toUpperCase()}${error.message.slice(1)}.`;
      this.rule.textContent = sentence;
      this.announcement = sentence;
      this.impossible = true;
    }
    this.classList.toggle("explorer-impossible", this.impossible);
  }

  /** Tell the style sheet how many cells the widest row of grids has, so that they fit side by side if they can. */
  measure() {
    const columns = (item) =>
      Math.max(...[item, ...item.children].map((part) => +part.style.getPropertyValue("--columns") || 1));
    const rows = [...this.stage.querySelectorAll(".explorer-row")].map((row) => [...row.children].map(columns));
    this.stage.style.setProperty("--total", Math.max(1, ...rows.map((row) => row.reduce((sum, one) => sum + one, 0))));
    this.stage.style.setProperty("--items", Math.max(1, ...rows.map((row) => row.length)));
  }

  async copyLink() {
    clearTimeout(this.waiting);
    writeAddress(this.id, encode(this.constructor.fields, this.state, this.start));
    try {
      await navigator.clipboard.writeText(linkTo(this.id));
      this.status.textContent = "Link copied.";
    } catch {
      this.status.textContent = "The address of this page is the link.";
    }
    this.status.classList.add("is-shown");
    setTimeout(() => this.status.classList.remove("is-shown"), 2000);
  }

  /** Show a sum: what it is, its lines, its value and a note on it, and what else there is to say. */
  writeSum(head, written, value, note = "", more = []) {
    this.sum.innerHTML =
      `<p>${head}</p>` +
      written.map((line, k) => `<p class="line">${k ? "+" : "="} ${line}</p>`).join("") +
      `<p class="line">= <strong class="of-result">${value}</strong>${note}</p>` +
      more.map((line) => `<p>${line}</p>`).join("");
  }

  /** Add a choice between the names of a field. */
  addChoice(field, label, names) {
    this.choices[field] = options({ label, names, onchange: (value) => this.change({ [field]: value }) });
    this.views.append(this.choices[field].element);
  }

  /** Change which entry is explained; a pointer that stays where it is changes nothing. */
  pick(part) {
    if (Object.entries(part).some(([name, value]) => `${this.state[name]}` !== `${value}`)) this.change(part);
  }

  /** Light the cells of one term of the written sum. Explorers with sums fill this.terms and this.grids. */
  light(term) {
    this.querySelectorAll(".is-pair").forEach((lit) => lit.classList.remove("is-pair"));
    if (!term) return;
    this.sum.querySelector(`[data-term="${term.index}"]`)?.classList.add("is-pair");
    for (const [grid, [i, j]] of Object.entries(term.at)) this.grids[grid].cells[i][j].classList.add("is-pair");
  }

  /** Light the term to which a cell belongs, if there is one. */
  lightPlace(grid, place) {
    this.light(this.terms.find(({ at }) => `${at[grid]}` === `${place}`));
  }
}
