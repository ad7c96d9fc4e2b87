// Tables whose columns sort, by mouse and by keyboard. Without JavaScript they are tables as before.
(() => {
  "use strict";
  const lang = document.documentElement.lang || "en";
  const collator = new Intl.Collator(lang, { numeric: true, sensitivity: "base" });
  const hint = { en: "Sort by this column", es: "Ordenar por esta columna" }[lang] || "";

  // The number that a cell begins with: "52.4 %", "1,234", "12 345", "−0.03", ".3428", "0.52 – 0.54"; NaN for other text.
  const number = (text) => {
    const plain = text.trim().replace(/\u2212/g, "-").replace(/(\d)[,\u202f\u00a0](?=\d{3}(?!\d))/g, "$1");
    const found = plain.match(/^[<>≈~]?\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)(?=$|[\s\u00a0%×–()\[\]·/]|[a-zµ]+$)/i);
    return found ? parseFloat(found[1]) : NaN;
  };
  const empty = (text) => /^[\s–—-]*$/.test(text);

  const column = (rows, index) => rows.map((row) => (row.cells[index] ? row.cells[index].textContent : ""));
  const isNumeric = (texts) => {
    const filled = texts.filter((text) => !empty(text));
    return filled.length > 0 && filled.every((text) => !Number.isNaN(number(text)));
  };

  const order = (rows, index, descending) => {
    const texts = new Map(rows.map((row) => [row, row.cells[index].textContent.trim()]));
    const numeric = isNumeric([...texts.values()]);
    return [...rows].sort((one, two) => {
      const [a, b] = [texts.get(one), texts.get(two)];
      if (empty(a) || empty(b)) return empty(a) - empty(b); // what is missing comes last, either way
      const found = numeric ? number(a) - number(b) : collator.compare(a, b);
      return descending ? -found : found;
    });
  };

  const prepare = (table) => {
    const body = table.tBodies[0];
    const head = table.tHead && table.tHead.rows.length === 1 ? table.tHead.rows[0] : null;
    if (!head || table.tBodies.length !== 1 || table.querySelector("[rowspan]:not([rowspan='1']), [colspan]:not([colspan='1'])")) return;
    const rows = [...body.rows];
    const numeric = [...head.cells].map((cell, index) => isNumeric(column(rows, index)));
    if (rows.length < 3 || !(numeric.some(Boolean) || table.classList.contains("sorts"))) return;
    table.classList.add("sortable");
    [...head.cells].forEach((cell, index) => {
      if (empty(cell.textContent)) return;
      const button = document.createElement("button");
      button.type = "button";
      button.title = hint;
      const words = cell.children.length === 1 && cell.firstElementChild.matches("p") ? cell.firstElementChild : cell;
      button.append(...words.childNodes);
      cell.replaceChildren(button);
      cell.scope = "col";
      button.addEventListener("click", () => {
        const now = cell.getAttribute("aria-sort"); // numbers begin with the largest, words with the first
        const first = numeric[index] ? "descending" : "ascending";
        const second = numeric[index] ? "ascending" : "descending";
        const next = now === null ? first : now === first ? second : null;
        [...head.cells].forEach((other) => other.removeAttribute("aria-sort"));
        if (next) cell.setAttribute("aria-sort", next);
        body.append(...(next ? order(rows, index, next === "descending") : rows)); // the third time, as it was
      });
    });
  };

  // A table that is wider than the page is set in smaller type. If it still is, it scrolls, which not every machine shows.
  const wide = { en: "Wide table: it scrolls sideways →", es: "Tabla ancha: se desplaza en horizontal →" }[lang] || "→";
  const scrolls = (box) => ["auto", "scroll"].includes(getComputedStyle(box).overflowX);
  const say = (table) => {
    let box = table;
    while (box && !box.matches(".bd-article") && !scrolls(box)) box = box.parentElement;
    const fits = () => box.scrollWidth <= box.clientWidth + 1;
    if (!box || box.matches(".bd-article") || fits()) return;
    table.classList.add("tight");
    if (fits()) return;
    const note = document.createElement("p");
    note.className = "scroll-hint";
    note.textContent = wide;
    box.before(note);
  };

  document.querySelectorAll(".bd-article table").forEach(prepare);
  document.querySelectorAll(".bd-article table").forEach(say);
})();
