// Shows whether the page is live, tells about new alerts, and keeps the place of who sent a form. All else is markup for htmx.
"use strict";

(() => {
  const TOAST_MS = 12000;
  const MOST_TOASTS = 3;

  const live = document.getElementById("live");
  const show = (state) => {
    if (live.dataset.state === state) return;
    live.dataset.state = state;
    live.querySelector(".name").textContent = live.dataset[state];
  };
  document.body.addEventListener("htmx:sse:after:connection", () => show("on"));
  document.body.addEventListener("htmx:sse:before:connection", (event) => {
    if (event.detail.connection.attempt > 0) show("off");
  });
  for (const name of ["htmx:sse:error", "htmx:sse:close"]) document.body.addEventListener(name, () => show("off"));

  // What answers a form takes its place, button and all: who works by keyboard, or hears the page, goes on there.
  // Why it was not done stands above all forms: on a phone out of sight.
  let sentTo = null;
  document.addEventListener("submit", (event) => {
    sentTo = event.target.dataset.hxTarget ?? null;
  });
  document.body.addEventListener("htmx:after:swap", () => {
    if (sentTo === null || document.activeElement !== document.body) return;
    const answer = document.querySelector(sentTo);
    answer?.focus({ preventScroll: true });
    answer?.querySelector('[role="alert"]')?.scrollIntoView({ block: "center" });
    sentTo = null;
  });

  const toasts = document.getElementById("toasts");
  const toast = (alert) => {
    const language = toasts.dataset.lang;
    const link = document.createElement("a");
    link.className = `toast tone-${alert.severity}`;
    link.href = `/alerts/${encodeURIComponent(alert.id)}`;
    for (const [tag, text] of [
      ["span", toasts.dataset.title],
      ["strong", alert.title[language]],
      ["span", alert.explanation[language]],
    ]) {
      link.appendChild(document.createElement(tag)).textContent = text;
    }
    toasts.append(link);
    while (toasts.children.length > MOST_TOASTS) toasts.firstChild.remove();
    setTimeout(() => link.remove(), TOAST_MS);
  };
  document.body.addEventListener("alert", (event) => {
    const alert = JSON.parse(event.detail.data);
    const held = alert.state === "suppressed" || alert.state === "shelved";
    if (!held && (alert.change === "opened" || alert.change === "escalated")) toast(alert);
  });
})();
