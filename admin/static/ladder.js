// The ladder of a call by keyboard: arrows move between messages, Home and End to the ends.
const step = { ArrowDown: 1, ArrowUp: -1 };

document.addEventListener("keydown", (event) => {
  const here = event.target.closest("[data-rung]");
  if (!here || event.altKey || event.ctrlKey || event.metaKey) return;
  const all = [...here.closest(".ladder").querySelectorAll("[data-rung]")];
  let to = all.indexOf(here) + (step[event.key] ?? 0);
  if (event.key === "Home") to = 0;
  else if (event.key === "End") to = all.length - 1;
  else if (!(event.key in step)) return;
  event.preventDefault();
  all[Math.min(Math.max(to, 0), all.length - 1)].focus();
});
