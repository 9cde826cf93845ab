// A link to something on another page of a long conversation: ask for the page that has it.
(() => {
  "use strict";
  const go = () => {
    const wanted = location.hash.slice(1);
    const pages = Number(document.getElementById("talk")?.dataset.pages ?? 1);
    const here = new URL(location.href);
    if (!wanted || pages < 2 || document.getElementById(wanted) || here.searchParams.get("to") === wanted) return;
    here.searchParams.delete("page");
    here.searchParams.set("to", wanted);
    location.replace(here);
  };
  addEventListener("hashchange", go);
  go();
})();
