// A button that walks on by itself; for readers who asked for less motion, one step at a time.

import { button } from "./controls.js";

const PACE = 800; // milliseconds from step to step

/** Return the button. next() takes a step and says whether there is another; a reader's own act calls stop(). */
export function player(next) {
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const element = button(calm ? "Next window" : "Play", () => (calm ? next() : timer ? stop() : play()));
  let timer;
  const walk = () => next() || stop();
  const play = () => {
    element.textContent = "Pause";
    timer = setInterval(walk, PACE);
    walk();
  };
  const stop = () => {
    clearInterval(timer);
    timer = undefined;
    if (!calm) element.textContent = "Play";
  };
  return { element, stop };
}
