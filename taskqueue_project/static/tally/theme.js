// The theme chosen in the dashboard holds here too, and the other way round: one cookie for both.
"use strict";
{
  const wanted = document.cookie.match(/(?:^|; )tally_theme=(auto|light|dark)/);
  if (wanted) {
    localStorage.setItem("theme", wanted[1]);
    document.documentElement.dataset.theme = wanted[1];
  }
  new MutationObserver(() => {
    const theme = document.documentElement.dataset.theme;
    document.cookie = `tally_theme=${theme}; path=/; max-age=31536000; samesite=lax`;
  }).observe(document.documentElement, { attributeFilter: ["data-theme"] });
}
