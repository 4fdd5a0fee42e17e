// Small things every page has: times that stay current, local time, copying, preferences at once, menus that close.
const root = document.documentElement;
for (const hidden of document.querySelectorAll("[data-needs-script]")) hidden.hidden = false;

const age = (s) => s < 60 ? `${Math.round(s)} s` : s < 3600 ? `${Math.floor(s / 60)} min` : s < 86400 ? `${Math.floor(s / 3600)} h` : `${Math.floor(s / 86400)} d`;
function clock(place) {
  const at = new Date(place.dateTime);
  if (place.dataset.when === "ago") {
    const seconds = (Date.now() - at) / 1000;
    const shown = seconds < -0.5 ? `in ${age(-seconds)}` : `${age(Math.max(0, seconds))} ago`;
    if (place.textContent !== shown) place.textContent = shown;
  } else if (root.dataset.zone === "local" && !place.dataset.done) {
    place.dataset.done = "1";
    place.textContent = at.toLocaleString("en-GB", { day: "2-digit", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit" }).replace(",", "");
    place.title = `${at.toISOString()} (local time shown)`;
  }
}
const tick = () => { for (const place of document.querySelectorAll("time[data-when]")) clock(place); };
setInterval(tick, 1000);
document.addEventListener("tq:refreshed", tick);
tick();

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy], [data-copy-from]");
  if (!button) return;
  const text = button.dataset.copy ?? document.getElementById(button.dataset.copyFrom)?.textContent ?? "";
  try { await navigator.clipboard.writeText(text); } catch { return; }
  document.getElementById("announcer").textContent = "Copied.";
  button.classList.add("done");
});

// One menu at a time; Escape and a click elsewhere close it and give the focus back.
const menus = () => document.querySelectorAll("details.menu[open]");
document.addEventListener("click", (event) => { for (const menu of menus()) if (!menu.contains(event.target)) menu.open = false; });
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of menus()) { menu.open = false; menu.querySelector("summary").focus(); }
});
document.addEventListener("toggle", (event) => {
  const menu = event.target;
  if (!menu.matches?.("details.menu[open]")) return;
  for (const other of menus()) if (other !== menu && !other.contains(menu)) other.open = false;
  menu.querySelector("form input:not([type=hidden]), form select, form button")?.focus({ preventScroll: true });
}, true);

// Preferences take effect at once, and are kept by the same form.
const form = document.querySelector("[data-preferences]");
function apply(name, value) {
  root.dataset[name] = value;
  document.dispatchEvent(new CustomEvent("tq:preference", { detail: name }));
}
document.addEventListener("change", (event) => {
  if (!form || event.target.form !== form || !event.target.name) return;
  apply(event.target.name, event.target.value);
  fetch(form.action, { method: "POST", body: new FormData(form), redirect: "manual" });
});
document.addEventListener("tq:theme", () => {
  const select = form?.elements.theme;
  if (!select) return;
  select.selectedIndex = (select.selectedIndex + 1) % select.options.length;
  select.dispatchEvent(new Event("change", { bubbles: true }));
});

// The live edge of a waterfall: a running segment grows until the server draws it anew.
setInterval(() => {
  if (root.hasAttribute("data-paused")) return;
  for (const edge of document.querySelectorAll("rect[data-live-edge]")) {
    const room = 1000 - Number(edge.getAttribute("x"));
    const width = Number(edge.getAttribute("width"));
    if (width < room) edge.setAttribute("width", Math.min(room, width * 1.01));
  }
}, 1000);
