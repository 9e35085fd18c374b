// The live page: puts rendered parts where they belong, in their order.
import { connect, setNow, showFreshness, tick } from "./console.js";

const root = document.getElementById("live");
const freeze = document.getElementById("freeze");
const containers = {
  queue: document.getElementById("queues"),
  agent: document.getElementById("agents"),
  call: document.getElementById("calls"),
};
let seq = Number(root.dataset.seq);
let frozen = false;
let missed = false;

setNow(Number(root.dataset.now));

function element(part) {
  const template = document.createElement("template");
  template.innerHTML = part.html;
  return template.content.firstElementChild;
}

function place(container, fresh) {
  const order = fresh.dataset.order;
  const after = [...container.children].find((other) =>
    container === containers.call
      ? Number(other.dataset.order) > Number(order)
      : other.dataset.order.localeCompare(order) > 0,
  );
  container.insertBefore(fresh, after ?? null);
}

function put(part) {
  const fresh = element(part);
  const old = document.getElementById(part.id);
  if (old && (part.kind === "tiles" || old.dataset.order === fresh.dataset.order)) {
    old.replaceWith(fresh);
  } else {
    old?.remove();
    place(containers[part.kind], fresh);
    fresh.classList.add("arrived");
  }
  window.htmx?.process(fresh);
}

function apply(message) {
  setNow(message.now);
  if (frozen) {
    missed = missed || "parts" in message;
    return;
  }
  showFreshness(message.fresh ? "fresh" : "stale");
  seq = message.seq;
  if (!("parts" in message)) return;
  if (message.whole) {
    const kept = new Set(message.parts.map((part) => part.id));
    for (const container of Object.values(containers)) {
      [...container.children].forEach((child) => kept.has(child.id) || child.remove());
    }
  }
  message.gone.forEach((id) => document.getElementById(id)?.remove());
  message.parts.forEach(put);
  tick(root);
}

async function poll() {
  const response = await fetch("/live/parts", { headers: { Accept: "application/json" } });
  if (response.status === 401) location.href = "/login";
  if (response.ok) apply(await response.json());
}

freeze.addEventListener("click", async () => {
  frozen = !frozen;
  freeze.setAttribute("aria-pressed", String(frozen));
  if (frozen) {
    showFreshness("frozen");
  } else if (missed) {
    missed = false;
    await poll();
  }
});

connect(() => `/live/ws?after=${seq}`, {
  message: apply,
  poll,
  lost: () => frozen || showFreshness("lost"),
});
