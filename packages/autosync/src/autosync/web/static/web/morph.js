// hx-swap="morph": changes an element into what the server sent instead of replacing it, so that
// focus, scroll position, selection and open <details> stay where they are.
(() => {
  "use strict";
  // Rows and entries are known by what they link to.
  const keyOf = (node) => {
    if (node.nodeType !== Node.ELEMENT_NODE) return null;
    if (node.id) return node.id;
    return node.matches("tr, li") ? node.querySelector("a[href]")?.getAttribute("href") ?? null : null;
  };
  const alike = (one, other) => one.nodeType === other.nodeType && one.nodeName === other.nodeName;
  // The reader has opened it, and the server does not know.
  const isReaders = (node, name) => name === "open" && node.nodeName === "DETAILS";

  const attributes = (node, wanted) => {
    for (const { name, value } of [...wanted.attributes])
      if (!isReaders(node, name) && node.getAttribute(name) !== value) node.setAttribute(name, value);
    for (const { name } of [...node.attributes])
      if (!isReaders(node, name) && !wanted.hasAttribute(name)) node.removeAttribute(name);
  };

  const children = (parent, wantedParent) => {
    const wanted = [...wantedParent.childNodes];
    const keys = new Set(wanted.map(keyOf).filter(Boolean));
    const known = new Map();
    for (const child of parent.childNodes) {
      const key = keyOf(child);
      if (key && keys.has(key) && !known.has(key)) known.set(key, child);
    }
    const stays = (child) => known.get(keyOf(child)) === child;
    let here = parent.firstChild;
    for (const one of wanted) {
      const key = keyOf(one);
      let found = known.get(key);
      if (key) known.delete(key);
      else for (found = here; found && !(alike(found, one) && !keyOf(found)); found = found.nextSibling)
        if (stays(found)) { found = null; break; }
      if (!found || !alike(found, one)) {
        parent.insertBefore(one, here);
        continue;
      }
      while (here !== found && !stays(here)) {
        const gone = here;
        here = here.nextSibling;
        gone.remove();
      }
      if (here === found) here = here.nextSibling;
      else if (found.contains(document.activeElement)) {
        // Moved, it would lose the focus: those before it move instead.
        while (here !== found) {
          const later = here;
          here = here.nextSibling;
          parent.appendChild(later);
        }
        here = here.nextSibling;
      } else parent.insertBefore(found, here);
      morph(found, one);
    }
    while (here) {
      const gone = here;
      here = here.nextSibling;
      gone.remove();
    }
  };

  const morph = (node, wanted) => {
    if (node.isEqualNode(wanted)) return;
    if (node.nodeType !== Node.ELEMENT_NODE) {
      node.nodeValue = wanted.nodeValue;
      return;
    }
    attributes(node, wanted);
    children(node, wanted);
  };

  htmx.defineExtension("morph", {
    isInlineSwap: (style) => style === "morph",
    handleSwap: (style, target, fragment) => {
      if (style !== "morph") return false;
      const wanted = fragment.nodeType === Node.DOCUMENT_FRAGMENT_NODE ? fragment.firstElementChild : fragment;
      if (wanted && alike(target, wanted)) morph(target, wanted);
      return [target];
    },
  });
})();
