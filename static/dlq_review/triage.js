"use strict";
/* Keys for triage. Everything they do is also a link or a button on the page. */
(() => {
  const rows = () => [...document.querySelectorAll("[data-row]")];
  const busy = (event) =>
    event.ctrlKey || event.metaKey || event.altKey ||
    event.target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]");
  const current = () => document.querySelector("[data-row].is-current");

  function step(by) {
    const all = rows();
    if (!all.length) return document.querySelector(`.neighbours [rel=${by > 0 ? "next" : "prev"}]`)?.click();
    const at = all.indexOf(current());
    const next = all[Math.min(Math.max(at + by, 0), all.length - 1)];
    all.forEach((row) => row.classList.toggle("is-current", row === next));
    next.querySelector("a").focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest" });
  }

  /* What is ticked comes first, then the current row; never another row. */
  function targetOf(key) {
    const ticked = document.querySelector("[data-row] input[type=checkbox]:checked");
    const forAll = document.querySelector(`[data-ticked="${key}"]`);
    if (ticked && forAll) return forAll;
    const all = [...document.querySelectorAll(`[data-key="${key}"]:not(:disabled)`)];
    return all.find((one) => current()?.contains(one)) ?? all.find((one) => !one.closest("[data-row]"));
  }

  function act(key) {
    const target = targetOf(key);
    if (!target) return;
    if (target.matches("textarea, input")) target.focus();
    else target.click();
    target.closest("details[open]")?.querySelector("input:not([type=hidden])")?.focus();
  }

  /* The letter behind g names a link of the menu, which narrow pages show. */
  let waits = 0;
  const goes = () => Date.now() < waits;

  function go(letter) {
    waits = 0;
    if (letter === "f") keys.f();
    else document.querySelector(`[data-go="${letter}"]`)?.click();
  }

  function close() {
    const field = document.activeElement?.closest("textarea, input:not([type=checkbox]), select");
    if (field && !field.closest(".popup[open], .filter[open], .menu[open]")) return field.blur();
    const open = document.querySelector(".popup[open], .filter[open], .menu[open]");
    open?.removeAttribute("open");
    open?.querySelector("summary").focus();
  }

  const keys = {
    j: () => step(1),
    k: () => step(-1),
    x: () => {
      if (!current()) step(1);
      current()?.querySelector("input[type=checkbox]")?.click();
    },
    g: () => { waits = Date.now() + 1500; },
    "[": () => document.querySelector("[rel=prev]")?.click(),
    "]": () => document.querySelector("[rel=next]")?.click(),
    e: () => act("e"),
    R: () => act("R"),
    u: () => act("u"),
    "#": () => act("#"),
    n: () => act("n"),
    a: () => act("a"),
    Enter: () => current()?.querySelector("a").click(),
    "/": () => (document.querySelector("#searchbar") ?? document.querySelector("#find"))?.focus(),
    f: () => document.querySelector("#find")?.focus(),
    "?": () => document.querySelector("#keys")?.togglePopover(),
    Escape: close,
  };

  document.addEventListener("keydown", (event) => {
    if (goes() && !busy(event) && /^[a-z]$/.test(event.key)) {
      event.preventDefault();
      return go(event.key);
    }
    if (!keys[event.key] || (busy(event) && event.key !== "Escape")) return;
    if (event.key === "Enter" && (!current() || event.target.closest("a, button, summary"))) return;
    if (event.key !== "Escape") event.preventDefault();
    keys[event.key]();
  });

  /* The page of an operation that runs is asked for again, until it does not run. */
  async function follow() {
    if (!document.querySelector("[data-live]")) return;
    if (!document.hidden) await refresh();
    setTimeout(follow, 2000);
  }

  async function refresh() {
    try {
      const answer = await fetch(location.href, { cache: "no-store" });
      if (!answer.ok || answer.redirected) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const shown = document.querySelector("#content"), fresh = page.querySelector("#content");
      const title = (part) => part.querySelector("h1").textContent;
      if (title(shown) !== title(fresh)) return shown.replaceWith(fresh);
      // The buttons stay the same ones, so that no press of them is ever lost.
      const below = (part) => [...part.children].filter((one) => !one.matches(".head"));
      below(shown).forEach((one) => one.remove());
      shown.append(...below(fresh));
    } catch {
      // The network is away; the next round may find it.
    }
  }

  follow();
})();
