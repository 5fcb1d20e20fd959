// Keeps the board up to date: an event says that there is a newer report, and the board is asked for again. Only what
// differs is changed, so that focus, selection, open lists and what a screen reader follows stay where they are.
"use strict";
(() => {
  const { launch, fragment } = document.body.dataset;
  const board = document.getElementById("board");
  const lost = document.getElementById("lost");
  const CALM_MS = 1000, SILENCE_MS = 45000, RETRY_MS = 5000;
  let asking = false, again = false, hurry = false, resting = null, seen = Date.now(), counted = Date.now();

  function alive() {
    seen = Date.now();
    if (lost.hidden) return;
    lost.hidden = true;
    lost.textContent = "";
    document.body.classList.remove("stale");
    call();
  }

  // The window is called by the answer, and a lost answer by a question mark.
  function call() {
    const headline = document.getElementById("headline");
    if (!headline) return;
    const answer = `${lost.hidden ? "" : "?"}${headline.dataset.verdict}`;
    document.title = document.title.replace(/^\S+/, answer);
  }

  function dead() {
    if (!lost.hidden) return;
    lost.textContent = `✗ Connection lost since ${new Date(seen).toLocaleTimeString()}: this is what was known then.`;
    lost.hidden = false;
    // What is not known any more is not shown in green.
    document.body.classList.add("stale");
    call();
  }

  // Makes one node like another.
  function morph(from, to) {
    if (from.nodeType !== to.nodeType || from.nodeName !== to.nodeName || from.id !== to.id) {
      from.replaceWith(to.cloneNode(true));
      return;
    }
    if (from.nodeType !== Node.ELEMENT_NODE) {
      if (from.nodeValue !== to.nodeValue) from.nodeValue = to.nodeValue;
      return;
    }
    // A reader may open and close a list; only a new verdict does it for them.
    const keep = from.nodeName === "DETAILS" && from.dataset.verdict === to.dataset.verdict;
    for (const { name } of [...from.attributes])
      if (!to.hasAttribute(name) && !(keep && name === "open")) from.removeAttribute(name);
    for (const { name, value } of to.attributes)
      if (from.getAttribute(name) !== value && !(keep && name === "open")) from.setAttribute(name, value);
    const old = [...from.childNodes], fresh = [...to.childNodes];
    fresh.forEach((node, i) => { if (old[i]) morph(old[i], node); else from.append(node.cloneNode(true)); });
    old.slice(fresh.length).forEach((node) => node.remove());
  }

  // Asks for the board again: now, or after a pause if there is no hurry.
  async function refresh(now) {
    if (asking || document.hidden || (resting && !now)) {
      again = true;
      hurry ||= Boolean(now);
      return;
    }
    clearTimeout(resting);
    resting = null;
    asking = true;
    again = hurry = false;
    try {
      const answer = await fetch(fragment, { cache: "no-store", signal: AbortSignal.timeout(10000) });
      if (!answer.ok) throw new Error(answer.status);
      const fresh = board.cloneNode(false);
      fresh.innerHTML = await answer.text();
      morph(board, fresh);
      counted = Date.now();
      call();
      tick();
      alive();
      document.dispatchEvent(new Event("launchgate:drawn"));
    } catch { again = true; hurry = false; dead(); }
    asking = false;
    if (hurry) refresh(true);
    else resting = setTimeout(() => { resting = null; if (again) refresh(); }, lost.hidden ? CALM_MS : RETRY_MS);
  }

  // Whether an event tells of another answer than the one that is shown.
  function differs(data) {
    const shown = document.getElementById("headline")?.dataset.verdict;
    try { return shown !== undefined && JSON.parse(data).verdict !== shown; } catch { return false; }
  }

  function listen() {
    const stream = new EventSource(`/api/v1/launches/${launch}/events`);
    stream.addEventListener("report", ({ data }) => { seen = Date.now(); refresh(differs(data)); });
    stream.addEventListener("alive", () => { seen = Date.now(); if (!lost.hidden) refresh(); });
    stream.addEventListener("error", () => {
      dead();
      // A browser tries again by itself when a connection breaks, and gives up when it is refused.
      if (stream.readyState === EventSource.CLOSED) setTimeout(listen, RETRY_MS);
    });
  }

  function tick() {
    const at = document.getElementById("countdown");
    if (!at) return;
    const left = Number(at.dataset.seconds) - Math.floor((Date.now() - counted) / 1000);
    const s = Math.abs(left), two = (n) => String(n).padStart(2, "0");
    const days = Math.floor(s / 86400), clock = [Math.floor(s / 3600) % 24, Math.floor(s / 60) % 60, s % 60];
    at.textContent = `T${left >= 0 ? "-" : "+"}${days ? `${days}d ` : ""}${clock.map(two).join(":")}`;
  }

  document.addEventListener("visibilitychange", () => { if (!document.hidden && again) refresh(true); });
  document.addEventListener("launchgate:ordered", () => refresh(true));
  setInterval(() => { tick(); if (Date.now() - seen > SILENCE_MS) dead(); }, 1000);
  tick();
  // The list of launches has no stream of its own.
  if (launch) listen();
  else setInterval(() => refresh(), RETRY_MS);
})();
