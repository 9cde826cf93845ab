// Keeps an open page current: feed lines are added as they come, and parts that show progress
// (hx-trigger="autosync:refresh from:body") fetch themselves. Without it the page reads the same.
(() => {
  "use strict";
  const feed = document.getElementById("feed");
  const badge = document.getElementById("live");
  const address = feed?.dataset.stream ?? document.body.querySelector("[data-stream]")?.dataset.stream;
  const CHARTS_WAIT = 3000;

  // At most one refresh per wait, and always one after the last event.
  const announcer = (name) => {
    let timer = null;
    return (wait) => {
      if (timer) return;
      timer = setTimeout(() => {
        timer = null;
        if (document.hidden) return;
        document.body.dispatchEvent(new CustomEvent(name));
      }, wait);
    };
  };
  const progress = announcer("autosync:refresh");
  const charts = announcer("autosync:charts"); // drawn from all rows, so less often
  const refresh = (wait) => { progress(wait); charts(Math.max(wait, CHARTS_WAIT)); };

  const say = (text, lost) => {
    badge.hidden = false;
    badge.classList.toggle("lost", lost);
    if (badge.textContent !== text) badge.textContent = text;
  };

  const add = (html) => {
    const box = document.createElement("template");
    box.innerHTML = html;
    const line = box.content.firstElementChild;
    if (!feed || !line || document.getElementById(line.id)) return;
    line.classList.add("new");
    const later = [...feed.children].find((other) => Number(other.dataset.id) < Number(line.dataset.id));
    feed.insertBefore(line, later ?? null);
    while (feed.children.length > Number(feed.dataset.length)) feed.lastElementChild.remove();
    document.getElementById("feed-empty").hidden = true;
  };

  let after = Number(feed?.dataset.after ?? 0);
  const connect = () => {
    const url = new URL(address, location.href);
    if (feed) url.searchParams.set("after", after);
    const source = new EventSource(url);
    source.onopen = () => { say("live", false); refresh(500); };
    source.onerror = () => {
      say("reconnecting", true);
      // After an answer that is no stream the browser gives up; we do not.
      if (source.readyState === EventSource.CLOSED) setTimeout(connect, 5000);
    };
    source.addEventListener("feed", (event) => {
      after = Math.max(after, Number(event.lastEventId));
      add(event.data);
      refresh(1000);
    });
    source.addEventListener("progress", () => refresh(500));
    addEventListener("pagehide", () => source.close(), { once: true });
  };
  if (address && window.EventSource) connect();

  document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(100); });
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });

  // The words in <time> grow old.
  const units = [[60, "s"], [60, "min"], [24, "h"], [Infinity, "d"]];
  setInterval(() => {
    for (const time of document.querySelectorAll("time[datetime]")) {
      let age = (Date.now() - Date.parse(time.dateTime)) / 1000;
      if (!(age >= 2)) continue;
      for (const [size, unit] of units) {
        if (age < size) { time.textContent = `${age < 10 && unit !== "s" ? age.toFixed(1) : Math.round(age)} ${unit} ago`; break; }
        age /= size;
      }
    }
  }, 5000);
})();
