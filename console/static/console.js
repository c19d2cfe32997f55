// Keyboard shortcuts and the theme. Nothing here talks to a server.
"use strict";

const COOKIE = "hpts_theme";
const THEMES = ["light dark", "light", "dark"];

function isTyping(target) {
  return target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName);
}

function changeTheme() {
  const root = document.documentElement;
  const now = getComputedStyle(root).colorScheme;
  const next = THEMES[(THEMES.indexOf(now) + 1) % THEMES.length];
  root.style.colorScheme = next;
  window.Quasar?.Dark.set(next === "light dark" ? "auto" : next === "dark");
  document.cookie = `${COOKIE}=${next === "light dark" ? "" : next}; path=/; max-age=31536000; samesite=lax`;
}

let isGoing = false;

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape" && event.target.id === "search") event.target.blur();
  if (isTyping(event.target) || document.querySelector("dialog[open], .q-dialog")) return;
  if (event.key === "/") {
    event.preventDefault();
    document.getElementById("search")?.focus();
  } else if (event.key === "?") {
    document.getElementById("shortcuts")?.showModal();
  } else if (event.key === "g") {
    isGoing = true;
    setTimeout(() => (isGoing = false), 1500);
    return;
  } else if (isGoing) {
    document.querySelector(`nav a[data-key="${CSS.escape(event.key)}"]`)?.click();
  }
  isGoing = false;
});

document.addEventListener("click", (event) => {
  if (event.target.closest?.('[data-act="theme"]')) changeTheme();
});

// On a narrow screen the sections scroll sideways: show the one that this page is in.
const waiting = new MutationObserver(() => {
  const here = document.querySelector("nav a[aria-current]");
  if (here === null) return;
  waiting.disconnect();
  const side = here.closest(".side");
  side.scrollLeft = here.offsetLeft - side.clientWidth / 2 + here.clientWidth / 2;
});
waiting.observe(document, { childList: true, subtree: true });
