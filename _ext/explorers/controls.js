// Sliders, choices and buttons.

import { make } from "./page.js";

/** A slider with its letter and its value. onchange(value) runs while it moves. */
export function slider({ name, letter, label, least, most, onchange }) {
  const shown = make("span", { class: "explorer-value", "aria-hidden": true });
  const input = make("input", {
    type: "range",
    name,
    min: least,
    max: most,
    step: 1,
    "aria-label": label,
    oninput: () => onchange(input.valueAsNumber),
  });
  const element = make(
    "label",
    { class: "explorer-slider", title: label },
    make("span", { html: letter }),
    input,
    shown,
  );
  const set = (value) => {
    input.value = value;
    shown.textContent = value;
    input.style.setProperty("--part", (value - least) / (most - least || 1));
  };
  return { element, input, set };
}

/** Buttons of which one is pressed; `names` maps each value to its words. */
export function options({ label, names, onchange }) {
  const buttons = Object.entries(names).map(([value, words]) =>
    make("button", { type: "button", value, "aria-pressed": false, html: words, onclick: () => onchange(value) }),
  );
  const element = make("div", { class: "explorer-options", role: "group", "aria-label": label }, ...buttons);
  const set = (value) => buttons.forEach((button) => button.setAttribute("aria-pressed", button.value === value));
  return { element, buttons, set };
}

/** A button. */
export const button = (words, onclick, attributes = {}) =>
  make("button", { type: "button", onclick, ...attributes }, words);
