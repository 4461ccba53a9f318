// Ask again, ever more slowly, until the request is settled or nobody looks any more.
const SLOWEST = 15000;
const LONGEST = 15 * 60 * 1000;
const begun = Date.now();
let pause = 1000;

async function look() {
  if (!document.hidden) await refresh();
  const status = document.getElementById("status");
  if ("final" in status.dataset || Date.now() - begun > LONGEST) return;
  pause = Math.min(pause * 1.3, SLOWEST);
  setTimeout(look, pause);
}

async function refresh() {
  try {
    const answer = await fetch(location.href, { cache: "no-store" });
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById("status");
    const shown = document.getElementById("status");
    if (fresh && fresh.textContent !== shown.textContent) shown.replaceWith(fresh);
  } catch {
    // The network is away; the next round may find it.
  }
}

setTimeout(look, pause);
