// Says in words what the chosen crontab means. The application's own script stands in the page, which our policy forbids.
"use strict";
{
  const meanings = JSON.parse(document.getElementById("readable-crontabs")?.textContent || "{}");
  const select = document.getElementById("id_crontab");
  const help = document.querySelector(".field-crontab .help");
  const original = document.getElementById("crontab-help")?.textContent || "";
  document.querySelector(".field-crontab_translation")?.setAttribute("hidden", "");
  select?.addEventListener("change", () => {
    if (help) help.textContent = `${original} ${meanings[select.value] || ""}`.trim();
  });
}
