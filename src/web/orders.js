// Orders by people: a token or a client certificate says who they are, the buttons of the board say what can be ordered, and a dialog asks for
// what an order takes. The daemon decides; whatever it refuses is told in its words.
"use strict";
(() => {
  const KEPT = "launchgate-token";
  const { launch } = document.body.dataset, dev = "dev" in document.body.dataset;
  // Who shows a certificate that counts need not type anything; a token that is typed all the same wins.
  const known = "known" in document.body.dataset;
  const by = (id) => document.getElementById(id);
  const who = by("who"), token = by("token"), acting = by("acting"), leave = by("leave");
  const ask = by("ask"), fields = by("ask-fields"), refused = by("ask-refused");
  let me = null, order = null;

  const credentials = () => {
    const given = sessionStorage.getItem(KEPT) ?? "";
    if (known && !given) return {};
    return dev ? { "X-Launchgate-Person": given } : { Authorization: `Bearer ${given}` };
  };

  async function told(answer) {
    const { message, hint } = await answer.json().catch(() => ({ message: `the daemon answered ${answer.status}` }));
    return hint ? `${message} (${hint})` : message;
  }

  // Shows the buttons of what this person may do, now and whenever the board is drawn anew.
  function show() {
    for (const button of document.querySelectorAll(".order")) {
      const { deed, people } = button.dataset;
      const may = me && me.deeds.includes(deed) && (people === undefined || people.split(" ").includes(me.identity));
      button.classList.toggle("may", Boolean(may));
    }
  }

  async function enter() {
    me = null;
    const given = sessionStorage.getItem(KEPT);
    if (known || given) {
      try {
        const answer = await fetch("/api/v1/whoami", { headers: credentials(), cache: "no-store" });
        if (answer.ok) me = await answer.json();
        // A certificate that may only read is no mistake.
        const why = me || !given ? "" : `✗ ${await told(answer)}`;
        acting.textContent = me ? `You act as ${me.identity}.` : why;
        if (!me && given && answer.status < 500) {
          sessionStorage.removeItem(KEPT);
          // A token that does not count is gone; a certificate is still there.
          if (known) {
            await enter();
            acting.textContent = `${why} ${acting.textContent}`;
            return;
          }
        }
      } catch { acting.textContent = "✗ The daemon does not answer."; }
    } else acting.textContent = "";
    for (const part of who.querySelectorAll("label, input, [type=submit]")) part.hidden = Boolean(me);
    leave.hidden = !me || !given;
    show();
  }

  who.addEventListener("submit", (event) => {
    event.preventDefault();
    sessionStorage.setItem(KEPT, token.value.trim());
    token.value = "";
    enter();
  });
  leave.addEventListener("click", () => { sessionStorage.removeItem(KEPT); enter().then(() => token.focus()); });

  function field({ name, label, required, hint }) {
    const row = document.createElement("p"), title = document.createElement("label"), input = document.createElement("input");
    input.id = `ask-${name}`;
    input.name = name;
    input.required = required;
    input.maxLength = 500;
    input.autocomplete = "off";
    title.htmlFor = input.id;
    title.textContent = required ? label : `${label} (optional)`;
    row.append(title, input);
    if (hint) {
      const help = document.createElement("span");
      help.id = `${input.id}-hint`;
      help.className = "fine";
      help.textContent = hint;
      input.setAttribute("aria-describedby", help.id);
      row.append(help);
    }
    return row;
  }

  async function give({ path, body, label }) {
    const { identity } = me;
    const answer = await fetch(`/api/v1/launches/${launch}/${path}`, {
      method: "POST",
      headers: { ...credentials(), "Content-Type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(15000),
    });
    if (!answer.ok) throw new Error(await told(answer));
    acting.textContent = `You act as ${identity}. Done: ${label}.`;
    document.dispatchEvent(new Event("launchgate:ordered"));
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest(".order");
    if (!button) return;
    order = { ...button.dataset, body: JSON.parse(button.dataset.body), label: button.textContent };
    if ("atOnce" in order) {
      give(order).catch((error) => { acting.textContent = `✗ ${error.message}`; });
      return;
    }
    by("ask-title").textContent = `${order.label}?`;
    by("ask-says").textContent = order.says ?? "";
    fields.replaceChildren(...JSON.parse(button.dataset.fields).map(field));
    refused.hidden = true;
    ask.classList.toggle("grave", button.classList.contains("grave"));
    ask.showModal();
  });
  by("ask-cancel").addEventListener("click", () => ask.close());

  ask.querySelector("form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const confirm = ask.querySelector("[type=submit]");
    if (confirm.disabled) return;
    for (const { name, value } of fields.querySelectorAll("input")) {
      const [key, inner] = name.split("."), text = value.trim();
      if (inner) order.body[key] = { ...order.body[key], [inner]: text };
      else if (text) order.body[key] = text;
      else delete order.body[key];
    }
    confirm.disabled = true;
    try {
      await give(order);
      ask.close();
      // The button may be gone with the next drawing, and the focus is not to be lost with it.
      acting.focus({ preventScroll: true });
    } catch (error) {
      refused.textContent = `✗ ${error.message}`;
      refused.hidden = false;
    }
    confirm.disabled = false;
  });

  document.addEventListener("launchgate:drawn", show);
  who.hidden = false;
  enter();
})();
