// The page's language, and the readout under the pointer. Without this the page is complete, in English.
(() => {
  "use strict";
  const root = document.documentElement;
  const buttons = [...document.querySelectorAll("[data-language]")];

  function speak(language) {
    root.dataset.lang = language;
    root.lang = language;
    for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.language === language));
  }
  for (const button of buttons) {
    button.addEventListener("click", () => {
      speak(button.dataset.language);
      remember(button.dataset.language);
    });
  }
  // a page opened from a disk may have no storage
  function remember(language) { try { localStorage.setItem("forewarn-language", language); } catch { /* not kept */ } }
  function remembered() { try { return localStorage.getItem("forewarn-language"); } catch { return null; } }

  const wished = new URLSearchParams(location.search).get("lang") || remembered() || navigator.language || "en";
  speak(wished.toLowerCase().startsWith("zh") ? "zh-CN" : "en");

  // a link to an alert opens it
  function reveal() {
    const target = location.hash && document.getElementById(location.hash.slice(1));
    if (!target) return;
    if (target.tagName === "DETAILS") target.open = true;
    target.closest("details.rest")?.setAttribute("open", "");
    target.scrollIntoView({ block: "start" });
  }
  addEventListener("hashchange", reveal);
  reveal();

  const short = (value) => (value === null || value === undefined ? "–" : String(value));

  function follow(box) {
    const canvas = box.querySelector(".canvas");
    const cursor = box.querySelector(".cursor");
    const readout = box.querySelector(".readout");
    const start = Number(box.dataset.start), end = Number(box.dataset.end);
    let data = null;
    canvas.addEventListener("pointermove", (event) => {
      data ??= JSON.parse(box.dataset.chart);
      const place = canvas.getBoundingClientRect();
      const share = (event.clientX - place.left) / place.width;
      let nearest = 0;
      data.x.forEach((x, k) => { if (Math.abs(x - share) < Math.abs(data.x[nearest] - share)) nearest = k; });
      cursor.hidden = false;
      cursor.style.left = `${100 * data.x[nearest]}%`;
      const moment = new Date(1000 * (start + data.x[nearest] * (end - start)));
      const spread = data.a ? ` (${short(data.a[nearest])} … ${short(data.b[nearest])})` : "";
      const band = data.l[nearest] === null ? "" : ` · [${short(data.l[nearest])}, ${short(data.h[nearest])}]`;
      readout.textContent = `${clock(moment)} · ${short(data.v[nearest])}${spread}${band}`;
    });
    canvas.addEventListener("pointerleave", () => { cursor.hidden = true; readout.textContent = ""; });
  }

  const zone = document.body.dataset.zone;
  const parts = new Intl.DateTimeFormat("en-CA", {
    timeZone: zone, year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", hourCycle: "h23",
  });
  const clock = (moment) => parts.format(moment).replace(",", "");
  document.querySelectorAll(".plot-box").forEach(follow);
})();
