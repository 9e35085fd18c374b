// Recording players: waveform of both sides, seek, speed, keys.
import { clockText } from "./console.js";

function draw(canvas, lanes, share) {
  const width = canvas.clientWidth;
  const height = canvas.height;
  const ratio = window.devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * ratio)) canvas.width = Math.round(width * ratio);
  const style = getComputedStyle(canvas);
  const colours = [style.getPropertyValue("--lane-a"), style.getPropertyValue("--lane-b")];
  const rest = style.getPropertyValue("--lane-rest");
  const pen = canvas.getContext("2d");
  pen.clearRect(0, 0, canvas.width, height);
  lanes.forEach((peaks, lane) => {
    const laneHeight = height / lanes.length;
    const middle = laneHeight * (lane + 0.5);
    const step = canvas.width / peaks.length;
    peaks.forEach((peak, bar) => {
      const tall = Math.max(Math.sqrt(peak) * laneHeight * 0.92, 1.5);
      pen.fillStyle = bar / peaks.length < share ? colours[lane] : rest;
      pen.fillRect(bar * step, middle - tall / 2, Math.max(step * 0.7, 1), tall);
    });
  });
}

const STEP_S = 5;
let heard = null; // the player that was started last: keys are for it

// The keys of a telephone that listens to messages.
document.addEventListener("keydown", (event) => {
  if (!heard || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input:not([type=range]), select, textarea, [contenteditable]")) return;
  const audio = heard.querySelector("audio");
  const speeds = [...heard.querySelectorAll("[data-speed]")];
  const now = speeds.findIndex((choice) => choice.getAttribute("aria-pressed") === "true");
  if (event.key === "1") audio.currentTime = Math.max(audio.currentTime - STEP_S, 0);
  else if (event.key === "3") audio.currentTime = Math.min(audio.currentTime + STEP_S, audio.duration || 0);
  else if (event.key === "4") speeds[Math.max(now - 1, 0)]?.click();
  else if (event.key === "6") speeds[Math.min(now + 1, speeds.length - 1)]?.click();
  else return;
  event.preventDefault();
});

for (const player of document.querySelectorAll(".player[data-src]")) {
  const audio = player.querySelector("audio");
  if (!audio) continue;
  const button = player.querySelector("[data-play]");
  const seek = player.querySelector("[data-seek]");
  const position = player.querySelector("[data-position]");
  const canvas = player.querySelector("canvas");
  let lanes = [];
  let length = 0;

  const duration = () => (Number.isFinite(audio.duration) ? audio.duration : length);
  const show = () => {
    const share = duration() ? audio.currentTime / duration() : 0;
    if (document.activeElement !== seek || !audio.paused) seek.value = String(Math.round(share * 1000));
    position.textContent = `${clockText(audio.currentTime)} / ${clockText(duration())}`;
    draw(canvas, lanes, share);
  };

  fetch(player.dataset.waveform, { headers: { Accept: "application/json" } })
    .then((response) => (response.ok ? response.json() : Promise.reject(response.status)))
    .then((found) => {
      lanes = found.channels;
      length = found.duration_s;
      show();
    })
    .catch(() => canvas.remove());

  button.addEventListener("click", () => (audio.paused ? audio.play() : audio.pause()));
  for (const event of ["timeupdate", "loadedmetadata", "seeked", "ended"]) audio.addEventListener(event, show);
  for (const event of ["play", "pause"]) {
    audio.addEventListener(event, () => {
      if (!audio.paused) heard = player;
      player.classList.toggle("playing", !audio.paused);
      button.setAttribute("aria-label", audio.paused ? button.dataset.playText : button.dataset.pauseText);
    });
  }
  seek.addEventListener("input", () => {
    audio.currentTime = (Number(seek.value) / 1000) * duration();
    show();
  });
  for (const choice of player.querySelectorAll("[data-speed]")) {
    choice.addEventListener("click", () => {
      audio.playbackRate = Number(choice.dataset.speed);
      player.querySelectorAll("[data-speed]").forEach((other) =>
        other.setAttribute("aria-pressed", String(other === choice)),
      );
    });
  }
  // A conversation in parts is heard to its end, at the speed that was chosen.
  audio.addEventListener("ended", () => {
    const parts = [...document.querySelectorAll(".player[data-src]")].filter(
      (other) => other.dataset.whole === player.dataset.whole && other.querySelector("audio"),
    );
    const next = parts[parts.indexOf(player) + 1];
    if (!next) return;
    next.querySelector(`[data-speed="${audio.playbackRate}"]`)?.click();
    next.querySelector("audio").play();
  });
  new ResizeObserver(show).observe(canvas);
}
