// In what order the search shows pages with equal matches: those that teach, other prose, then what is looked up. And what
// it quotes of a page is prose: no code, and no cell of a table. Sphinx puts this file before its own script of the search.
var Scorer = {
  score: ([page, , , , score]) =>
    score + (/^notebooks\/0[0-5]_|^book\/glossary/.test(page) ? 2 : /^book\/(ledger|status|licences|bibliography|commands)/.test(page) ? -2 : 0),
  objNameMatch: 11, objPartialMatch: 6, objPrio: { 0: 15, 1: 5, 2: -5 }, objPrioDefault: 0, // the rest as Sphinx has it
  title: 15, partialTitle: 7, term: 5, partialTerm: 2,
};

document.addEventListener("DOMContentLoaded", () => {
  if (typeof Search === "undefined") return;
  const whole = Search.htmlToText;
  Search.htmlToText = (html, anchor) => {
    const page = new DOMParser().parseFromString(html, "text/html");
    page.querySelectorAll(".cell_input, .highlight, [role='main'] table").forEach((part) => part.remove());
    return whole(page.documentElement.outerHTML, anchor);
  };
});
