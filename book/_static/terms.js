// The definition of a glossary term, by mouse or keyboard: it stays while pointed at, and Escape puts it away.
(() => {
  "use strict";
  const tip = document.createElement("span");
  tip.className = "term-tip";
  tip.id = "term-tip";
  tip.role = "tooltip";
  tip.hidden = true;
  document.body.append(tip);
  let shown = null;
  let timer = 0;

  const hide = () => {
    clearTimeout(timer);
    if (!shown) return;
    shown.removeAttribute("aria-describedby");
    shown = null;
    tip.hidden = true;
  };
  const later = () => { clearTimeout(timer); timer = setTimeout(hide, 200); };
  const show = (term) => {
    hide();
    shown = term;
    tip.textContent = term.dataset.definition;
    tip.hidden = false;
    term.setAttribute("aria-describedby", tip.id);
    const [at, own, edge] = [term.getClientRects()[0], tip.getBoundingClientRect(), 8];
    const left = Math.max(edge, Math.min(at.left, document.documentElement.clientWidth - own.width - edge));
    const below = at.bottom + own.height + edge < window.innerHeight;
    tip.style.left = `${left + window.scrollX}px`;
    tip.style.top = `${(below ? at.bottom + 6 : at.top - own.height - 6) + window.scrollY}px`;
  };

  document.querySelectorAll("a.term").forEach((term) => {
    term.dataset.definition = term.title;
    term.removeAttribute("title"); // the browser's own would come second
    term.addEventListener("mouseenter", () => show(term));
    term.addEventListener("focus", () => show(term));
    term.addEventListener("mouseleave", later);
    term.addEventListener("blur", hide);
  });
  tip.addEventListener("mouseenter", () => clearTimeout(timer));
  tip.addEventListener("mouseleave", later);
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });
})();
