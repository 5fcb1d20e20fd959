// Keeps the board up to date: a server-sent event says that there is a newer report, and the board is asked for again.
"use strict";
(() => {
  const launch = document.body.dataset.launch;
  const board = document.getElementById("board");
  const lost = document.getElementById("lost");
  let asking = false, again = false, seen = Date.now();

  function alive() { seen = Date.now(); lost.hidden = true; }

  async function refresh() {
    if (asking) { again = true; return; }
    asking = true;
    try {
      const answer = await fetch(`/launches/${launch}/board`, { cache: "no-store" });
      if (!answer.ok) throw new Error(answer.status);
      const open = new Map([...board.querySelectorAll("details")].map((d) => [d.id, d.open]));
      board.innerHTML = await answer.text();
      for (const d of board.querySelectorAll("details")) if (open.has(d.id)) d.open = open.get(d.id);
      document.title = document.title.replace(/^[A-Z-]+/, board.querySelector("h1").textContent);
      start = Date.now();
      alive();
    } catch { /* the stream's error says it */ }
    asking = false;
    if (again) { again = false; refresh(); }
  }

  const stream = new EventSource(`/api/v1/launches/${launch}/events`);
  stream.addEventListener("report", refresh);
  stream.addEventListener("open", alive);
  stream.addEventListener("error", () => {
    lost.textContent = `Connection lost. This page shows what was known at ${new Date(seen).toLocaleTimeString()}.`;
    lost.hidden = false;
  });

  let start = Date.now();
  function tick() {
    const at = board.querySelector("[data-seconds]");
    if (!at) return;
    const left = Number(at.dataset.seconds) - Math.floor((Date.now() - start) / 1000);
    const s = Math.abs(left), d = Math.floor(s / 86400), h = Math.floor(s / 3600) % 24, m = Math.floor(s / 60) % 60;
    const two = (n) => String(n).padStart(2, "0");
    at.textContent = `T${left >= 0 ? "-" : "+"}${d ? d + "d " : ""}${two(h)}:${two(m)}:${two(s % 60)}`;
  }
  setInterval(tick, 1000);
  tick();
})();
