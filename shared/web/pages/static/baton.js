// Times in the reader's own zone, and pages that refresh themselves. Everything works without this file.
(() => {
  "use strict";
  const zoned = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
  const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });

  function localize(root) {
    for (const time of root.querySelectorAll("time[datetime]")) {
      const moment = new Date(time.dateTime);
      if (isNaN(moment)) continue;
      time.textContent = zoned.format(moment);
      time.title = exact.format(moment);
    }
  }

  // Make `old` like `fresh`, keeping what the reader is at: focus, scroll, open details, half-filled forms.
  function morph(old, fresh) {
    if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName) {
      old.replaceWith(document.importNode(fresh, true));
      return;
    }
    if (old.nodeType !== Node.ELEMENT_NODE) {
      if (old.data !== fresh.data) old.data = fresh.data;
      return;
    }
    for (const { name } of [...old.attributes])
      if (!fresh.hasAttribute(name) && name !== "open") old.removeAttribute(name);
    for (const { name, value } of fresh.attributes)
      if (name !== "open" && old.getAttribute(name) !== value) old.setAttribute(name, value);
    if (!/^(INPUT|TEXTAREA|SELECT)$/.test(old.nodeName)) morphChildren(old, fresh);
  }

  function morphChildren(old, fresh) {
    const wanted = new Set([...fresh.children].map((child) => child.id).filter(Boolean));
    const known = new Map();
    for (const child of [...old.children]) {
      if (!child.id) continue;
      if (wanted.has(child.id)) known.set(child.id, child);
      else child.remove();
    }
    let place = old.firstChild;
    for (const child of fresh.childNodes) {
      const mine = child.id ? known.get(child.id) : place && !place.id && place.nodeName === child.nodeName ? place : null;
      if (!mine) {
        old.insertBefore(document.importNode(child, true), place);
        continue;
      }
      if (mine === place) place = place.nextSibling;
      else old.insertBefore(mine, place);
      morph(mine, child);
    }
    while (place) {
      const next = place.nextSibling;
      place.remove();
      place = next;
    }
  }

  localize(document);
  const zone = document.getElementById("zone");
  if (zone) zone.textContent = `Times are in your zone (${Intl.DateTimeFormat().resolvedOptions().timeZone}).`;

  function openTarget() {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target && target.nodeName === "DETAILS") target.open = true;
  }
  addEventListener("hashchange", openTarget);
  openTarget();

  const main = document.getElementById("main");
  const pause = document.getElementById("pause");
  const updated = document.getElementById("updated");
  if (!main || !main.dataset.refresh || !pause || !updated) return;
  let timer = 0, failures = 0, paused = sessionStorage.getItem("paused") === "yes";

  function schedule() {
    clearTimeout(timer);
    if (paused || document.hidden || !main.dataset.refresh) return;
    timer = setTimeout(refresh, Number(main.dataset.refresh) * 1000 * Math.min(2 ** failures, 20));
  }

  async function refresh() {
    try {
      const answer = await fetch(location.pathname + location.search, { cache: "no-store" });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.getElementById("main");
      if (!answer.ok || answer.redirected || !fresh) throw new Error(answer.status);
      localize(page);
      morph(main, fresh);
      morph(updated, page.getElementById("updated"));
      document.title = page.title;
      failures = 0;
    } catch {
      failures += 1;
      if (!updated.classList.contains("stale")) updated.append(" (cannot be refreshed)");
      updated.classList.add("stale");
    }
    schedule();
  }

  function show() {
    pause.textContent = paused ? "Resume updates" : "Pause updates";
  }
  pause.hidden = false;
  pause.addEventListener("click", () => {
    paused = !paused;
    sessionStorage.setItem("paused", paused ? "yes" : "no");
    show();
    schedule();
  });
  document.addEventListener("visibilitychange", () => (document.hidden ? schedule() : refresh()));
  show();
  schedule();
})();
