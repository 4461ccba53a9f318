"use strict";
/* The line numbers beside the JSON follow what is typed. A mark stays until the next save. */
(() => {
  const text = document.querySelector(".numbered-text textarea");
  const numbers = document.querySelector(".numbered-text .numbers");
  if (!text || !numbers) return;

  text.addEventListener("input", () => {
    const lines = text.value.split("\n").length;
    const shown = numbers.children.length;
    for (let number = shown; number > lines; number--) {
      numbers.lastElementChild.remove();
      numbers.lastChild?.remove();
    }
    for (let number = shown + 1; number <= lines; number++) {
      const one = document.createElement("span");
      one.textContent = number;
      numbers.append(one, "\n");
    }
    text.rows = Math.max(lines + 1, 8);
  });
})();
