// A table of numbers that can be read, walked through with the arrow keys, pointed at, lit and edited.

import { make } from "./page.js";
import { CELL } from "./state.js";
import { brief, number, spoken } from "./words.js";

const STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
let made = 0;

export class Grid {
  /**
   * name: one word for tests and styles; title: HTML; color: "input", "filter", "given" or "result";
   * onpick(place, grid): a reader points at, taps or focuses a cell; onedit(place, value): types another number.
   */
  constructor({ name, title, color, onpick, onedit }) {
    Object.assign(this, { name, onpick, onedit });
    const id = `explorer-grid-${(made += 1)}`;
    this.title = make("div", { class: "explorer-grid-title", id });
    this.table = make("div", {
      role: "grid",
      "aria-labelledby": id,
      onkeydown: (event) => this.move(event),
      onfocusin: (event) => this.pick(event),
      onclick: (event) => this.pick(event),
      onpointerover: (event) => event.pointerType === "mouse" && this.pick(event),
    });
    this.element = make("div", { class: `explorer-grid of-${color}`, "data-grid": name }, this.title, this.table);
    this.name = name;
    this.retitle(title);
  }

  retitle(title) {
    if (this.title.innerHTML !== title) this.title.innerHTML = title;
  }

  /** Show numbers; edits(i, j) says which may be edited; notes(i, j) gives words about a cell, such as "padding"; shaded: the larger, the darker. */
  draw(numbers, { edits = () => false, notes = () => "", shaded = false } = {}) {
    const strongest = Math.max(...numbers.flat().map(Math.abs)) || 1;
    const [rows, columns] = [numbers.length, numbers[0].length];
    const form = `${rows} ${columns} ${numbers.map((row, i) => row.map((_, j) => +edits(i, j)))}`;
    if (form !== this.form) this.build(rows, columns, edits);
    this.form = form;
    numbers.forEach((row, i) =>
      row.forEach((value, j) => {
        const cell = this.cells[i][j];
        const note = notes(i, j);
        cell.dataset.value = value;
        const label = `row ${i}, column ${j}${note && `, ${note}`}`;
        const input = cell.firstElementChild;
        const text = brief(value);
        cell.style.setProperty("--length", text.length + /[a-z]/i.test(text)); // a letter is as wide as two digits
        if (shaded) cell.style.setProperty("--shade", `${(36 * Math.abs(value)) / strongest}%`);
        if (!input) cell.textContent = text;
        else if (input !== document.activeElement) input.value = number(value);
        if (input) input.setAttribute("aria-label", label);
        else cell.setAttribute("aria-label", `${label}: ${spoken(value)}`);
      }),
    );
  }

  build(rows, columns, edits) {
    const [r, c] = this.tabStop ?? [0, 0];
    this.element.style.setProperty("--columns", columns);
    this.cells = Array.from({ length: rows }, (_, i) =>
      Array.from({ length: columns }, (_, j) => {
        const cell = make("div", { role: "gridcell", class: "cell", "data-place": `${i},${j}` });
        if (!edits(i, j)) cell.tabIndex = -1;
        else cell.append(this.field([i, j]));
        return cell;
      }),
    );
    const single = rows * columns === 1; // the one place of B needs no numbers at its sides
    const index = (role, k) => (single ? make("span") : make("span", { role }, `${k}`));
    const heads = this.cells[0].map((_, j) => index("columnheader", j));
    const body = this.cells.map((row, i) => make("div", { role: "row" }, index("rowheader", i), ...row));
    const top = make("div", { ...(!single && { role: "row" }), class: "heads" }, make("span"), ...heads);
    this.table.replaceChildren(top, ...body);
    this.stop([Math.min(r, rows - 1), Math.min(c, columns - 1)]);
  }

  /** The field of a cell that may be edited: it takes whole numbers, and puts back the old one for anything else. */
  field(place) {
    const commit = (input) => {
      const value = Number(input.value.replace("\u2212", "-"));
      const usable = input.value.trim() && Number.isInteger(value) && value >= CELL.least && value <= CELL.most;
      if (usable) this.onedit(place, value);
      else input.value = number(+input.parentElement.dataset.value);
    };
    return make("input", {
      type: "text",
      inputmode: "text",
      autocomplete: "off",
      maxlength: 5,
      tabindex: -1,
      onfocus: (event) => event.target.select(),
      oninput: ({ target }) => /^[-\u2212]?\d+$/.test(target.value) && commit(target),
      onblur: ({ target }) => commit(target),
    });
  }

  /** The control of a place that takes the focus. */
  control([i, j]) {
    return this.cells[i][j].firstElementChild ?? this.cells[i][j];
  }

  /** Make a place the one that the tab key reaches. */
  stop(place) {
    if (this.tabStop && this.cells[this.tabStop[0]]?.[this.tabStop[1]]) this.control(this.tabStop).tabIndex = -1;
    this.tabStop = place;
    this.control(place).tabIndex = 0;
  }

  pick(event) {
    const cell = event.target.closest("[data-place]");
    if (!cell) return;
    const place = cell.dataset.place.split(",").map(Number);
    if (event.type !== "pointerover") this.stop(place);
    if (event.type === "click" && !cell.firstElementChild) cell.focus();
    this.onpick?.(place, this);
  }

  move(event) {
    const [i, j] = this.tabStop;
    const input = event.target.closest("input");
    const [last, end] = [this.cells.length - 1, this.cells[0].length - 1];
    let to = null;
    if (STEPS[event.key]) to = [i + STEPS[event.key][0], j + STEPS[event.key][1]];
    else if (event.key === "Home") to = [event.ctrlKey ? 0 : i, 0];
    else if (event.key === "End") to = [event.ctrlKey ? last : i, end];
    else if (event.key === "Enter" && input) to = [Math.min(i + 1, last), j];
    if (!to || (input && !leaves(input, event.key))) return;
    event.preventDefault();
    const place = [Math.max(0, Math.min(to[0], last)), Math.max(0, Math.min(to[1], end))];
    this.stop(place);
    this.control(place).focus();
  }

  /** Light cells: from a class to a list of places. All other marks go. */
  mark(marks) {
    const classes = new Map();
    for (const [name, marked] of Object.entries(marks)) {
      for (const [i, j] of marked) classes.set(`${i},${j}`, `${classes.get(`${i},${j}`) ?? ""} ${name}`);
    }
    for (const cell of this.cells.flat()) {
      const wanted = `cell${classes.get(cell.dataset.place) ?? ""}`;
      if (cell.className !== wanted) cell.className = wanted;
      if (wanted.includes("active")) cell.setAttribute("aria-selected", true);
      else cell.removeAttribute("aria-selected");
    }
  }
}

/** Does a key leave the field? Up and down always; left and right only at its ends or where all is selected. */
function leaves(input, key) {
  const { selectionStart: start, selectionEnd: end, value } = input;
  if (start === 0 && end === value.length) return true;
  if (key === "ArrowLeft" || key === "Home") return end === 0;
  if (key === "ArrowRight" || key === "End") return start === value.length;
  return true;
}
