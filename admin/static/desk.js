// The agent's desk: shows what happens without being asked, and says so when a call comes.
import { connect, setNow, showFreshness, tick } from "./console.js";

const frame = document.getElementById("desk-frame");
const title = document.title;
setNow(Number(frame.dataset.now));

function show(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  const fresh = template.content.querySelector("#desk");
  const old = document.getElementById("desk");
  if (!fresh || !old || fresh.isEqualNode(old)) return;
  const active = document.activeElement;
  // what the agent is typing must not vanish under the hands
  if (old.contains(active) && active.matches("input") && fresh.dataset.state === old.dataset.state) return;
  old.replaceWith(fresh);
  window.htmx?.process(fresh);
  announce(fresh);
  tick(fresh);
}

function announce(desk) {
  const caller = desk.querySelector('[data-test="offer"] .caller-number')?.textContent.trim();
  document.title = caller ? `☎ ${caller}` : title;
}

async function poll() {
  const response = await fetch("/desk/parts");
  if (response.redirected || response.status === 401) location.href = "/login";
  if (response.ok) show(await response.text());
}

document.body.addEventListener("htmx:afterSwap", () => announce(document.getElementById("desk")));

connect(() => "/desk/ws", {
  message: (message) => {
    setNow(message.now);
    showFreshness(message.fresh ? "fresh" : "stale");
    if (message.html) show(message.html);
  },
  poll,
  lost: () => showFreshness("lost"),
});
