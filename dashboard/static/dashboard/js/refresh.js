// Fetches this page again and exchanges what has changed: `[data-live-region]` whole, rows of a list one by one.
// Holds still while somebody selects, types, reads in an open menu or has paused; a feed also under the pointer or the focus.
const root = document.documentElement, LEAST_SECONDS = 5;
let timer = 0, isBusy = false, waiting = null;
const regions = () => [...document.querySelectorAll("[data-live-region]")];
const rows = () => document.querySelector("table[data-rows] tbody");
const isWorthIt = () => rows() || regions().some((place) => place.dataset.liveRegion !== "banners");
const seconds = () => Math.max(LEAST_SECONDS, Number(root.dataset.interval || 0));

function isHeld(place) {
  const focus = place.contains(document.activeElement) ? document.activeElement : null;
  if (place.hasAttribute("data-held") || place.querySelector("details.menu[open], input:checked")) return true;
  return focus?.matches("input, select, textarea, button, summary");
}
for (const feed of document.querySelectorAll("[data-hold]")) {
  const place = feed.closest("[data-live-region]");
  const look = () => place.toggleAttribute("data-held", place.matches(":hover, :focus-within"));
  for (const name of ["pointerenter", "pointerleave", "focusin", "focusout"]) place.addEventListener(name, () => setTimeout(look));
}
function schedule() {
  clearTimeout(timer);
  timer = setTimeout(() => (isWorthIt() ? refresh() : schedule()), seconds() * 1000);
}
async function refresh() {
  if (isBusy || document.hidden || root.hasAttribute("data-paused")) return schedule();
  isBusy = true;
  try {
    const answer = await fetch(location.href, { headers: { "X-Refresh": "1" } });
    if (answer.ok && !answer.redirected) exchange(new DOMParser().parseFromString(await answer.text(), "text/html"));
  } catch { /* the connection's state says it */ } finally { isBusy = false; schedule(); }
}
function exchange(fresh) {
  const { version } = fresh.body.dataset;
  if (version && version !== document.body.dataset.version) return document.dispatchEvent(new CustomEvent("tq:outdated", { detail: version }));
  for (const place of regions()) {
    const other = fresh.querySelector(`[data-live-region="${place.dataset.liveRegion}"]`);
    if (!other || isHeld(place) || other.innerHTML === place.dataset.seen) continue;
    const opened = [...place.querySelectorAll("details[open]:not(.menu) > summary")].map((summary) => summary.textContent);
    const links = () => [...place.querySelectorAll("a, [tabindex]")];
    const focused = links().indexOf(document.activeElement);
    const html = other.innerHTML;
    place.replaceChildren(...document.adoptNode(other).childNodes);
    place.dataset.seen = html;
    if (focused >= 0) links()[focused]?.focus({ preventScroll: true });
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
document.addEventListener("tq:preference", ({ detail }) => { if (detail === "interval") schedule(); });
document.addEventListener("tq:back", refresh);
document.addEventListener("tq:changed", refresh);
document.addEventListener("visibilitychange", () => { if (!document.hidden && isWorthIt()) refresh(); });
schedule();
