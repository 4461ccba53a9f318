"use strict";
/* While the page awaits something (data-awaits), ask for it again and show what is new in
   the parts that name their address (data-fresh). Without JavaScript the page reloads. */
(() => {
  const SLOWEST = 15000;
  const LONGEST = 15 * 60 * 1000;
  const begun = Date.now();
  let pause = 1000;

  async function look() {
    if (!document.hidden) await refresh();
    if (!document.querySelector("[data-awaits]") || Date.now() - begun > LONGEST) return;
    pause = Math.min(pause * 1.15, SLOWEST);
    setTimeout(look, pause);
  }

  async function refresh() {
    try {
      const address = document.querySelector("[data-fresh]").dataset.fresh;
      const answer = await fetch(address, { cache: "no-store" });
      if (!answer.ok) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      document.querySelectorAll("[data-fresh]").forEach((part) => show(part, page.getElementById(part.id)));
    } catch {
      // The network is away; the next round may find it.
    }
  }

  /* What a part says, with each time as a moment and not as a distance from now. */
  function said(part) {
    const copy = part.cloneNode(true);
    copy.querySelectorAll("time").forEach((time) => time.replaceWith(time.dateTime));
    return copy.textContent;
  }

  function show(part, fresh) {
    if (said(part) === (fresh ? said(fresh) : "")) return;
    if (part.contains(document.activeElement)) part.focus();
    part.replaceChildren(...(fresh?.childNodes ?? []));
  }

  if (document.querySelector("[data-awaits]")) setTimeout(look, pause);
})();
