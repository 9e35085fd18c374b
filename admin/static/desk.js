// The agent's desk: shows what happens without being asked, and says so when a call comes.
import { connect, setNow, showFreshness, tick } from "./console.js";

const frame = document.getElementById("desk-frame");
const title = document.title;
setNow(Number(frame.dataset.now));

const touched = new WeakSet(); // fields that somebody typed or chose something in
let composing = false; // an input method is open: Chinese is being typed
let asking = 0; // buttons whose answers are on their way
let asked = 0; // how often one was pressed: what was fetched before is old
let held = ""; // what came meanwhile
let speaking = ""; // who does, in this agent's call
let kept = null; // what is carried over a request of a button

function place(element) {
  const form = element.closest("form");
  const leads = element.getAttribute("hx-post") ?? element.getAttribute("href") ?? form?.getAttribute("hx-post");
  const about = [...(form?.querySelectorAll("input[type=hidden]") ?? [])].map((field) => field.value);
  return [element.tagName, leads, element.name, ...about].join(" ");
}

// Notes and numbers that are being typed, and the focus, outlive each new drawing of the desk.
function remember(desk, done = null) {
  const active = document.activeElement;
  const fields = [...desk.querySelectorAll("input, select")].filter((field) => touched.has(field) && field.form !== done);
  return {
    values: new Map(fields.map((field) => [place(field), field.value])),
    focus: desk.contains(active) && !(done && active.form === done) ? place(active) : "",
    caret: active?.selectionStart ?? null,
  };
}

function restore(desk, before) {
  for (const field of desk.querySelectorAll("input, select, button, a")) {
    const value = before.values.get(place(field));
    if (value !== undefined && field.matches("input:not([type=hidden]), select")) {
      field.value = value;
      touched.add(field);
    }
    if (before.focus && before.focus === place(field) && !desk.contains(document.activeElement)) {
      field.focus();
      if (before.caret !== null) field.setSelectionRange?.(before.caret, before.caret);
    }
  }
}

function show(html) {
  held = composing || asking ? html : "";
  if (held) return;
  const template = document.createElement("template");
  template.innerHTML = html;
  const fresh = template.content.querySelector("#desk");
  const old = document.getElementById("desk");
  if (!fresh || !old || fresh.isEqualNode(old)) return;
  // a refusal stays until something else is done; news know nothing of it
  const refusal = old.querySelector(":scope > .banner.error");
  if (refusal && fresh.dataset.state === old.dataset.state) fresh.prepend(refusal);
  const before = remember(old);
  old.replaceWith(fresh);
  window.htmx?.process(fresh);
  restore(fresh, before);
  announce(fresh);
  tick(fresh);
}

// Who speaks changes several times a second: it is shown without drawing the desk anew.
function showSpeaking() {
  const line = document.querySelector('[data-test="speaks"]');
  if (!line) return;
  line.hidden = !speaking;
  line.querySelector("span").textContent = speaking;
}

function announce(desk) {
  const caller = desk.querySelector('[data-test="offer"] .caller-number')?.textContent.trim();
  document.title = caller ? `☎ ${caller}` : title;
}

async function poll() {
  const begun = asked;
  const response = await fetch("/desk/parts");
  if (response.redirected || response.status === 401) location.href = "/login";
  if (!response.ok) return;
  const html = await response.text();
  if (begun === asked) show(html);
  else if (asking) held = html; // it is fetched anew behind the answer
  else poll();
}

document.body.addEventListener("input", (event) => touched.add(event.target));
document.body.addEventListener("compositionstart", () => (composing = true));
document.body.addEventListener("compositionend", () => {
  composing = false;
  if (held) show(held);
});
// An answer is drawn where its button was: news wait until then, or it would be lost.
document.body.addEventListener("htmx:beforeRequest", () => {
  asking += 1;
  asked += 1;
});
document.body.addEventListener("htmx:afterRequest", () => {
  asking = Math.max(asking - 1, 0);
  if (!held || asking) return;
  held = "";
  poll(); // what waited may be older than the answer
});
document.body.addEventListener("htmx:beforeSwap", (event) => {
  const refused = event.detail.serverResponse.includes('class="banner error"');
  const form = event.detail.requestConfig.elt.closest("form");
  kept = remember(document.getElementById("desk"), refused ? null : form);
});
document.body.addEventListener("htmx:afterSwap", () => {
  const desk = document.getElementById("desk");
  if (kept) restore(desk, kept);
  kept = null;
  announce(desk);
});

connect(() => "/desk/ws", {
  message: (message) => {
    setNow(message.now);
    showFreshness(message.fresh ? "fresh" : "stale");
    if (message.html) show(message.html);
    if ("speaking" in message) speaking = message.speaking;
    showSpeaking();
  },
  poll,
  lost: () => showFreshness("lost"),
});
