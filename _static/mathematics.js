/* How MathJax typesets a page: what the reader sees comes first, the rest follows in small portions, so that a long
   chapter on a slow machine can be read and scrolled at once. Formulas are not stops of the Tab key (a chapter has
   hundreds), but boxes that scroll sideways are, so that the keyboard reaches their ends. */
(() => {
  "use strict";
  const FIRST = 4;
  const PORTION = 12;
  let first;

  const isNear = (element) => {
    const box = element.getBoundingClientRect();
    return box.bottom > 0 && box.top < 1.2 * innerHeight && box.height > 0;
  };

  const pause = () => new Promise((resolve) => setTimeout(resolve));

  const untouched = () =>
    [...document.querySelectorAll(".math")].filter(
      (element) => !element.parentElement.closest(".math") && !element.querySelector("mjx-container"),
    );

  // The first formulas of a page are those that a reader meets first: they are typeset while the rest still arrives.
  async function typesetFirst() {
    while (document.readyState === "loading" && untouched().length < FIRST) await pause();
    await MathJax.typesetPromise(untouched().slice(0, FIRST));
  }

  async function typesetInPortions() {
    await first;
    const formulas = untouched();
    const near = formulas.filter(isNear);
    const far = formulas.filter((element) => !near.includes(element));
    for (const group of [near, far]) {
      while (group.length) {
        await MathJax.typesetPromise(group.splice(0, PORTION));
        await pause();
      }
    }
    watchBoxes();
  }

  const reach = (box) => {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  };

  // A box is looked at again when it gets another size: in a narrower window, in a solution that opens.
  const sizes = new ResizeObserver((changes) => changes.forEach(({ target }) => reach(target)));

  function watchBoxes() {
    for (const box of document.querySelectorAll("div.math, div.highlight pre, .pst-scrollable-table-container, .text_html")) {
      reach(box);
      sizes.observe(box);
    }
  }

  window.MathJax ??= {};
  MathJax.chtml = { ...MathJax.chtml, scale: 0.93 }; // letters as high as those around them would look larger, and be wider
  MathJax.startup = {
    typeset: false,
    ready() {
      MathJax.startup.defaultReady();
      first = typesetFirst();
    },
    pageReady: typesetInPortions,
  };
  MathJax.options = { ...MathJax.options, menuOptions: { settings: { inTabOrder: false } } };
  // A page without formulas loads no MathJax, but its listings scroll too.
  addEventListener("load", watchBoxes);
})();
