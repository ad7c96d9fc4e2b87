/* The interactive figure: reads the controls, asks sampled.js for the numbers, and shows them as a sentence, a chart, the
   winners by number of negatives, and a table. The choice is kept in the address, so that it can be shared and survives
   a change of language. Words come with the page, ranks from ranks.js. */
(async () => {
  "use strict";
  const root = document.querySelector(".explorer");
  if (!root) return;
  const words = JSON.parse(root.querySelector("script[type='application/json']").textContent);
  const form = root.querySelector("form"), field = Object.fromEntries([...form.elements].map((e) => [e.name, e]));
  const part = (name) => root.querySelector(`.explorer-${name}`);
  const STEPS = 1000; // of the slider
  const POINTS = 24; // of a curve
  const METRICS = ["Recall", "MRR", "NDCG"], MOST_K = 100, FIRST = "gru4rec";
  const publishedRanks = await sampled.unpack(packedRanks);

  // --- text
  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
  const percent = (x) => `${(100 * x).toFixed(1)}\u00a0%`;
  const counted = ({ all, turned }) => ({ all, turned: words.turned[Math.min(turned, 2)].replace("#", turned) });
  const whole = (n) => String(n).replace(/\B(?=(\d{3})+$)/g, "\u202f");
  const nameOf = (run) => words.recommenders[run.recommender] + (run.settings ? `, ${words.settings[run.settings]}` : "");
  const element = (tag, attributes = {}, ...children) => {
    const svg = ["svg", "g", "path", "line", "text", "rect", "circle"].includes(tag);
    const node = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    node.append(...children);
    return node;
  };

  // --- what is chosen
  const decoded = new Map();
  function runsOf(dataset) {
    if (!decoded.has(dataset)) {
      decoded.set(dataset, publishedRanks[dataset].runs.map((run) => ({
        name: nameOf(run), ranks: sampled.decodeRanks(run.ranks), shares: sampled.decodeShares(run.shares),
      })));
    }
    return decoded.get(dataset);
  }
  const clip = (x, most) => Math.min(Math.max(Math.round(Number(x)) || 1, 1), most);
  const mostOf = (dataset) => publishedRanks[dataset].items - 1;
  function choice() {
    const dataset = field.dataset.value;
    return {
      dataset, recommender: Number(field.recommender.value), metric: field.metric.value, k: clip(field.k.value, MOST_K),
      n: clip(field.n.value, mostOf(dataset)), sampling: field.sampling.value, items: publishedRanks[dataset].items,
    };
  }
  const toSlider = (n, most) => Math.round((STEPS * Math.log(n)) / Math.log(most));
  const fromSlider = (at, most) => clip(most ** (at / STEPS), most);

  // --- numbers
  const SAME = 1e-9; // values closer than this are equal
  const NOBODY = -1;
  const places = (values) => values.map((v) => 1 + values.filter((w) => w > v + SAME).length);
  const best = (values) => values.indexOf(Math.max(...values));
  const winnerOf = (values) => {
    const i = best(values);
    return values.filter((v) => v > values[i] - SAME).length === 1 ? i : NOBODY;
  };
  function turned(full, now) {
    let all = 0, wrong = 0;
    for (let i = 0; i < full.length; i++) for (let j = 0; j < i; j++) {
      all += 1;
      if ((full[i] - full[j]) * (now[i] - now[j]) < 0 && Math.abs(now[i] - now[j]) > SAME) wrong += 1;
    }
    return { all, turned: wrong };
  }
  function sizes(most) {
    const found = Array.from({ length: POINTS }, (_, i) => fromSlider((STEPS * i) / (POINTS - 1), most));
    return [...new Set(found)];
  }
  /* Where the winner changes, to the exact n, by bisection between the points of the curve. */
  function winners(curve, at) {
    const found = [{ n: curve[0].n, winner: winnerOf(curve[0].values) }];
    for (let i = 1; i < curve.length; i++) {
      let low = curve[i - 1].n, high = curve[i].n;
      if (winnerOf(curve[i].values) === found.at(-1).winner) continue;
      while (high - low > 1) {
        const middle = Math.floor((low + high) / 2);
        if (winnerOf(at(middle)) === found.at(-1).winner) low = middle; else high = middle;
      }
      found.push({ n: high, winner: winnerOf(curve[i].values) });
    }
    return found;
  }

  // --- what is shown
  function showSentence(c, runs, full, now) {
    const metric = `${c.metric}@${c.k}`, i = c.recommender;
    const [truth, named] = [best(full), winnerOf(now)];
    const verdict = named === NOBODY ? words.shared : full[named] > full[truth] - SAME ? words.agree : words.differ;
    const lines = [
      fill(words.value, { n: whole(c.n), metric, recommender: runs[i].name, sampled: percent(now[i]), full: percent(full[i]) }),
      fill(verdict, { n: whole(c.n), sampled: runs[named]?.name, full: runs[truth].name }),
      fill(words.pairs, counted(turned(full, now))),
    ];
    part("sentence").replaceChildren(...lines.map((line) => element("p", {}, line)));
  }

  function showTable(c, runs, full, now) {
    const [before, after] = [places(full), places(now)];
    const rows = runs.map((run, i) => ({ run, i })).sort((x, y) => full[y.i] - full[x.i]).map(({ run, i }) => {
      const shift = before[i] - after[i];
      const text = shift === 0 ? words.same : fill(shift > 0 ? words.up : words.down, { count: Math.abs(shift) });
      const row = element("tr", i === c.recommender ? { class: "chosen" } : {}, element("th", { scope: "row" }, run.name));
      row.append(...[before[i], percent(full[i]), after[i], percent(now[i]), text].map((x) => element("td", {}, String(x))));
      if (shift) row.lastChild.className = shift > 0 ? "up" : "down";
      return row;
    });
    const heads = [words.recommender, words.place, words.full, words.place, words.sampled, words.shift];
    const head = element("tr", {}, ...heads.map((text) => element("th", { scope: "col" }, text)));
    const caption = element("caption", {}, fill(words.ranking, { n: whole(c.n) }));
    part("table").replaceChildren(element("table", {}, caption, element("thead", {}, head), element("tbody", {}, ...rows)));
  }

  const LEFT = 44, TOP = 12, BOTTOM = 46, HEIGHT = 340;
  function showChart(c, runs, full, curve) {
    const box = part("chart"), width = Math.max(box.clientWidth, 260), most = c.items - 1, right = width - 12;
    const x = (n) => LEFT + ((right - LEFT) * Math.log(n)) / Math.log(most);
    const y = (v) => HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * v;
    const label = fill(words.chart, { metric: `${c.metric}@${c.k}` });
    const svg = element("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT, role: "img", "aria-label": label });
    for (const v of [0, 0.2, 0.4, 0.6, 0.8, 1]) {
      svg.append(element("line", { class: "grid", x1: LEFT, x2: right, y1: y(v), y2: y(v) }),
        element("text", { x: LEFT - 8, y: y(v) + 4, "text-anchor": "end" }, `${Math.round(100 * v)}\u00a0%`));
    }
    for (let n = 1; n <= most; n *= 10) {
      svg.append(element("line", { class: "grid", x1: x(n), x2: x(n), y1: TOP, y2: y(0) }),
        element("text", { x: x(n), y: y(0) + 18, "text-anchor": "middle" }, whole(n)));
    }
    svg.append(element("text", { x: (LEFT + right) / 2, y: HEIGHT - 6, "text-anchor": "middle" }, words.axis));
    const path = (i) => "M" + curve.map((p) => `${x(p.n).toFixed(1)},${y(p.values[i]).toFixed(1)}`).join("L");
    const last = [best(full), c.recommender]; // drawn over the others
    const order = [...runs.keys()].filter((i) => !last.includes(i)).concat(last);
    for (const i of order) {
      const kind = i === c.recommender ? "curve chosen" : i === best(full) ? "curve winner" : "curve";
      svg.append(element("path", { class: kind, d: path(i) }, element("title", {}, runs[i].name)));
    }
    svg.append(element("line", { class: "here", x1: x(c.n), x2: x(c.n), y1: TOP, y2: y(0) }));
    const key = [["chosen", runs[c.recommender].name], ["winner", runs[best(full)].name]];
    part("key").replaceChildren(...(c.recommender === best(full) ? key.slice(0, 1) : key).map(([kind, text]) =>
      element("span", { class: kind }, text)));
    box.replaceChildren(svg);
  }

  function showWinners(runs, full, found) {
    const items = found.map(({ n, winner }) => {
      const text = winner === NOBODY ? words.nobody : winner === best(full) ? words.right : words.from;
      return element("li", text === words.right ? { class: "right" } : {},
        fill(text, { n: whole(n), winner: runs[winner]?.name }));
    });
    part("winners").replaceChildren(...items);
  }

  // --- when something changes
  let latest = 0;
  async function curveOf(c, runs, turn) {
    const curve = [];
    for (const n of sizes(c.items - 1)) {
      curve.push({ n, values: runs.map(sampled.expectation({ ...c, n })) });
      await new Promise((later) => setTimeout(later)); // the page stays responsive
      if (turn !== latest) return null;
    }
    return curve;
  }
  const drawn = { key: null, curve: null, winners: null };
  async function show() {
    const turn = (latest += 1), c = choice(), runs = runsOf(c.dataset);
    const full = runs.map((run) => sampled.full(run, c));
    const at = (n) => runs.map(sampled.expectation({ ...c, n })), now = at(c.n);
    showSentence(c, runs, full, now);
    showTable(c, runs, full, now);
    const key = [c.dataset, c.metric, c.k, c.sampling].join();
    if (drawn.key !== key) {
      root.setAttribute("aria-busy", "true");
      const curve = await curveOf(c, runs, turn);
      if (!curve) return;
      Object.assign(drawn, { key, curve, winners: winners(curve, at) });
    }
    showChart(c, runs, full, drawn.curve);
    showWinners(runs, full, drawn.winners);
    root.setAttribute("aria-busy", "false");
  }

  function setNegatives(n, most) {
    field.n.max = most;
    field.n.value = n;
    field.slider.value = toSlider(n, most);
    field.slider.setAttribute("aria-valuetext", whole(n));
    part("range").textContent = fill(words.range, { most: whole(most) });
  }
  function setDataset(dataset, recommender) {
    const runs = runsOf(dataset), first = publishedRanks[dataset].runs.findIndex((run) => run.recommender === FIRST);
    field.dataset.value = dataset;
    field.recommender.replaceChildren(...runs.map((run, i) => element("option", { value: i }, run.name)));
    field.recommender.value = runs[recommender] ? recommender : Math.max(first, 0);
  }

  // --- the address
  function remember(c) {
    const state = new URLSearchParams({ d: c.dataset, r: c.recommender, m: c.metric, k: c.k, n: c.n, s: c.sampling });
    history.replaceState(null, "", `#${state}`);
  }
  function recall() {
    const state = new URLSearchParams(location.hash.slice(1)), get = (name, known, otherwise) =>
      known.includes(state.get(name)) ? state.get(name) : otherwise;
    const dataset = get("d", Object.keys(publishedRanks), root.dataset.dataset);
    setDataset(dataset, state.has("r") ? Number(state.get("r")) : -1);
    field.metric.value = get("m", METRICS, "Recall");
    field.sampling.value = get("s", ["uniform", "uniform-replacement", "popularity"], "uniform");
    field.k.value = clip(state.get("k") || 20, MOST_K);
    setNegatives(clip(state.get("n") || 100, mostOf(dataset)), mostOf(dataset));
  }

  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", ({ target }) => {
    const most = mostOf(field.dataset.value);
    if (target === field.dataset) {
      setDataset(target.value, -1);
      setNegatives(clip(field.n.value, most), most);
    }
    if (target === field.slider) setNegatives(fromSlider(target.value, most), most);
    if (target === field.n && target.value) setNegatives(clip(target.value, most), most);
    if ((target === field.n || target === field.k) && !target.value) return; // while it is being typed
    remember(choice());
    show();
  });
  form.addEventListener("change", ({ target }) => { if (target === field.k) target.value = clip(target.value, MOST_K); });
  new ResizeObserver(() => {
    if (drawn.curve) { const c = choice(), runs = runsOf(c.dataset); showChart(c, runs, runs.map((r) => sampled.full(r, c)), drawn.curve); }
  }).observe(part("chart"));

  root.hidden = false;
  document.querySelectorAll(".explorer-static").forEach((figure) => { figure.hidden = true; });
  recall();
  show();
  document.getElementById(location.hash.slice(1))?.scrollIntoView(); // the page has become longer above it
})();
