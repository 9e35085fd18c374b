// What every page does: timers, keys, theme, messages of refused requests.
// Timers show control's clock: pages say what time it was there when they were made.

let offset = -Infinity; // seconds to add to the browser's clock to get control's

export function setNow(now) {
  // the message that travelled fastest tells best; a slow one must not turn timers back
  const measured = now - Date.now() / 1000;
  if (measured > offset || measured < offset - 2) offset = measured;
}

export function clockText(seconds) {
  const whole = Math.max(Math.floor(seconds), 0);
  const two = (number) => String(number).padStart(2, "0");
  const [hours, minutes, left] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return hours ? `${hours}:${two(minutes)}:${two(left)}` : `${minutes}:${two(left)}`;
}

export function tick(root = document) {
  const now = Date.now() / 1000 + offset;
  for (const timer of root.querySelectorAll("time[data-since]")) {
    const seconds = now - Number(timer.dataset.since);
    const text = clockText(seconds);
    if (timer.textContent !== text) timer.textContent = text;
    if (timer.dataset.limit) timer.classList.toggle("over", seconds > Number(timer.dataset.limit));
  }
  for (const timer of root.querySelectorAll("time[data-until]")) {
    timer.textContent = clockText(Number(timer.dataset.until) - now);
  }
}

export function toast(text, kind = "error") {
  const note = document.createElement("p");
  note.className = `toast ${kind}`;
  note.textContent = text;
  document.getElementById("toasts").append(note);
  setTimeout(() => note.remove(), 7000);
}

// A socket that comes back by itself; `poll` serves while it is away.
export function connect(address, { message, poll, lost }) {
  let wait = 500;
  let timer = 0;
  let heard = Date.now();
  let socket = null;
  const open = () => {
    socket = new WebSocket(new URL(address(), location.href.replace(/^http/, "ws")));
    socket.onmessage = (event) => {
      heard = Date.now();
      wait = 500;
      message(JSON.parse(event.data));
    };
    socket.onclose = () => {
      lost();
      clearTimeout(timer);
      timer = setTimeout(open, wait);
      wait = Math.min(wait * 2, 8000);
      poll().catch(() => {});
    };
  };
  setInterval(() => {
    // a beat is due every few seconds; silence means that the network is gone
    if (Date.now() - heard > 12000 && socket?.readyState === WebSocket.OPEN) socket.close();
    if (socket?.readyState !== WebSocket.OPEN) poll().catch(() => {});
  }, 3000);
  open();
}

export function showFreshness(kind) {
  const badge = document.getElementById("freshness");
  if (!badge) return;
  const text = document.body.dataset[kind === "fresh" ? "live" : kind];
  badge.className = `badge ${kind === "lost" ? "stale" : kind}`;
  if (badge.textContent !== text) badge.textContent = text;
  document.body.classList.toggle("is-stale", kind === "stale" || kind === "lost");
}

function isTyping(target) {
  return target.closest("input, select, textarea, [contenteditable]") !== null;
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    document.querySelectorAll("details.menu[open]").forEach((menu) => menu.removeAttribute("open"));
    if (isTyping(event.target)) event.target.blur();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  const wanted = [...document.querySelectorAll("[data-key]")].find(
    (element) => element.dataset.key === event.key.toLowerCase() && element.offsetParent !== null,
  );
  if (!wanted) return;
  event.preventDefault();
  if (wanted.matches("input, select")) wanted.focus();
  else wanted.click();
});

document.addEventListener("click", (event) => {
  document.querySelectorAll("details.menu[open]").forEach((menu) => {
    if (!menu.contains(event.target)) menu.removeAttribute("open");
  });
});

document.getElementById("theme")?.addEventListener("click", () => {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const now = root.dataset.theme === "auto" ? (dark ? "dark" : "light") : root.dataset.theme;
  root.dataset.theme = now === "dark" ? "light" : "dark";
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `hf_theme=${root.dataset.theme}; Path=/; Max-Age=31536000; SameSite=Strict${secure}`;
});

document.body.addEventListener("htmx:responseError", (event) => toast(event.detail.xhr.responseText));
document.body.addEventListener("htmx:sendError", () => toast(document.body.dataset.lost));
document.body.addEventListener("htmx:afterSwap", () => {
  tick();
  label();
});

// On a small screen the pages stand in one row: show the one that is open.
document.querySelector(".side [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

// Where a row is a block, each cell says what it is: as its template does, else as its column.
function label() {
  for (const table of document.querySelectorAll("table.blocks")) {
    const heads = [...table.querySelectorAll("thead th")].map((head) => head.textContent.trim());
    for (const row of table.tBodies[0]?.rows ?? []) {
      [...row.cells].forEach((cell, place) => {
        if (!("label" in cell.dataset) && heads[place] && !cell.matches(".does")) cell.dataset.label = heads[place];
      });
    }
  }
}

// Servers end a connection that sends too much, and a browser shows that as a fault of its own.
document.addEventListener("change", (event) => {
  const most = Number(event.target.dataset?.most);
  if (!most || !event.target.files) return;
  const large = [...event.target.files].some((file) => file.size > most);
  event.target.setCustomValidity(large ? event.target.dataset.tooLarge : "");
  event.target.reportValidity();
});

setNow(Number(document.body.dataset.now));
setInterval(tick, 500);
tick();
label();
