// Fetches this page again and exchanges what has changed: `[data-live-region]` whole, rows of a list one by one.
// Holds still while somebody selects, types, reads in an open menu or has paused.
const root = document.documentElement;
const interval = document.getElementById("interval");
let timer = 0, isBusy = false, waiting = null;
const regions = () => [...document.querySelectorAll("[data-live-region]")];
const rows = () => document.querySelector("table[data-rows] tbody");
const seconds = () => Number(interval?.value || 5);

function isHeld(place) {
  return place.contains(document.activeElement) && document.activeElement !== document.body && document.activeElement.matches("input, select, textarea, button, summary")
    || place.querySelector("details.menu[open], input:checked") || (place.matches(":hover") && place.querySelector(".feed"));
}
function schedule() {
  clearTimeout(timer);
  timer = setTimeout(refresh, seconds() * 1000);
}
async function refresh() {
  if (isBusy || document.hidden || root.hasAttribute("data-paused") || !(regions().length || rows())) return schedule();
  isBusy = true;
  try {
    const answer = await fetch(location.href, { headers: { "X-Refresh": "1" } });
    if (answer.ok && !answer.redirected) exchange(new DOMParser().parseFromString(await answer.text(), "text/html"));
  } catch { /* the connection's state says it */ } finally { isBusy = false; schedule(); }
}
function exchange(fresh) {
  for (const place of regions()) {
    const other = fresh.querySelector(`[data-live-region="${place.dataset.liveRegion}"]`);
    if (!other || isHeld(place) || other.innerHTML === place.dataset.seen) continue;
    const opened = [...place.querySelectorAll("details[open]:not(.menu) > summary")].map((summary) => summary.textContent);
    const html = other.innerHTML;
    place.replaceChildren(...document.adoptNode(other).childNodes);
    place.dataset.seen = html;
    for (const summary of place.querySelectorAll("details:not(.menu) > summary")) if (opened.includes(summary.textContent)) summary.parentElement.open = true;
  }
  const mine = rows();
  if (mine) exchangeRows(mine, fresh);
  document.dispatchEvent(new CustomEvent("tq:refreshed"));
}
function exchangeRows(mine, fresh) {
  const known = new Map([...mine.children].map((row) => [row.dataset.row, row]));
  const newcomers = [];
  const other = fresh.querySelector("table[data-rows] tbody");
  if (!other || mine.querySelector("input:checked")) return;
  for (const row of [...other.children]) {
    const old = known.get(row.dataset.row);
    if (!old) { newcomers.push(row); continue; }
    if (old.contains(document.activeElement)) continue;
    if (old.innerHTML !== row.innerHTML) { row.className = old.className; old.replaceWith(document.adoptNode(row)); }
  }
  waiting = fresh;
  const bar = document.querySelector("[data-newcomers]");
  if (!bar) return;
  bar.hidden = !newcomers.length;
  bar.querySelector("button").textContent = `${newcomers.length}${newcomers.length >= 50 ? "+" : ""} new – show`;
}
document.addEventListener("click", (event) => {
  if (!event.target.closest("[data-show-newcomers]") || !waiting) return;
  rows().replaceChildren(...document.adoptNode(waiting.querySelector("table[data-rows] tbody")).children);
  document.querySelector("[data-newcomers]").hidden = true;
  document.querySelector("[data-nothing]")?.remove();
});
interval?.addEventListener("change", schedule);
document.addEventListener("tq:back", refresh);
document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
schedule();
