/* Sampled metrics in closed form, in the browser: the same laws as audit_lib/evaluation/sampled.py, whose numbers tests hold these
   against. A target has `a` items above it, ties included, among the N = V - 1 others. Of n sampled negatives X are above:
   hypergeometric (uniform), or binomial with share a / N (uniform with replacement) or with the target's own share of the
   support (popularity). The metric's expectation is the sum of P(X = x) * gain(x + 1) over x < K. A target outside the
   catalogue has V items above it and no share, and is a miss whatever is sampled. */
const sampled = (() => {
  "use strict";

  const GAINS = { Recall: () => 1, MRR: (rank) => 1 / rank, NDCG: (rank) => 1 / Math.log2(rank + 1) };
  const CELL = 0.01, PARTS = 32, LIMIT = 25; // of the cells of shares, see book/press/explorer.py
  const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const DIGIT = Object.fromEntries([...ALPHABET].map((letter, i) => [letter, i]));

  // --- the published histograms
  function numbers(text) {
    const found = [];
    let number = 0, scale = 1;
    for (const letter of text) {
      const digit = DIGIT[letter];
      number += (digit % 32) * scale;
      scale *= 32;
      if (digit < 32) { found.push(number); number = 0; scale = 1; }
    }
    return found;
  }

  /* { value, count }: how often each number of items above occurs, in ascending order. */
  function decodeRanks(text) {
    const code = numbers(text), value = [], count = [];
    for (let i = 0, last = -1; i < code.length; i += 2) {
      last += code[i] + 1;
      value.push(last);
      count.push(code[i + 1] + 1);
    }
    return { value, count };
  }

  /* { value, count }: how often each share of the support occurs, by cells of its log odds; 0 by itself. */
  function decodeShares(text) {
    const [zeros, ...code] = numbers(text), value = [0], count = [zeros];
    for (let i = 0, cell = -1; i < code.length; i += 3) {
      cell += code[i] + 1;
      value.push(1 / (1 + Math.exp(CELL * (cell + (code[i + 2] + 0.5) / PARTS) - LIMIT)));
      count.push(code[i + 1] + 1);
    }
    return { value, count };
  }

  // --- log factorials, by Stirling's series; the table grows as it is asked for
  const logs = [0, 0];
  function logFactorial(n) {
    for (let m = logs.length; m <= n; m++) {
      if (m < 32) { logs.push(logs[m - 1] + Math.log(m)); continue; }
      const x = m + 1, y = 1 / (x * x);
      logs.push((x - 0.5) * Math.log(x) - x + 0.5 * Math.log(2 * Math.PI)
        + (1 / 12 - y * (1 / 360 - y * (1 / 1260 - y / 1680))) / x);
    }
    return logs[n];
  }
  const logChoose = (n, k) => logFactorial(n) - logFactorial(k) - logFactorial(n - k);

  const NOTHING = 1e-17;

  // --- sum of P(X = x) * gains[x], from the likeliest x outwards to where nothing is left
  function outwards(low, high, mode, atMode, ratio, gains) {
    const start = Math.min(Math.max(mode, low), high), first = Math.exp(atMode(start));
    let total = first * gains[start];
    for (let x = start, p = first; x < high && p > NOTHING; x++) total += (p *= ratio(x)) * gains[x + 1];
    for (let x = start, p = first; x > low && p > NOTHING; x--) total += (p /= ratio(x - 1)) * gains[x - 1];
    return total;
  }

  function hypergeometric(a, n, pool, gains) {
    const low = Math.max(0, a + n - pool), high = Math.min(gains.length - 1, a, n);
    if (low > high) return 0;
    const mode = Math.floor(((a + 1) * (n + 1)) / (pool + 2)), all = logChoose(pool, n);
    return outwards(low, high, mode, (x) => logChoose(a, x) + logChoose(pool - a, n - x) - all,
      (x) => ((a - x) * (n - x)) / ((x + 1) * (pool - a - n + x + 1)), gains);
  }

  function binomial(p, n, gains) {
    if (p <= 0) return gains[0];
    if (p >= 1) return n < gains.length ? gains[n] : 0;
    const odds = p / (1 - p);
    return outwards(0, Math.min(gains.length - 1, n), Math.floor((n + 1) * p),
      (x) => logChoose(n, x) + x * Math.log(p) + (n - x) * Math.log1p(-p),
      (x) => ((n - x) / (x + 1)) * odds, gains);
  }

  // --- means over all predictions
  function gainsOf(metric, k) {
    return Array.from({ length: k }, (_, x) => GAINS[metric](x + 1));
  }

  /* The metric over the whole catalogue. run: { ranks, shares }, decoded. */
  function full(run, { metric, k }) {
    return mean(run.ranks, (a) => (a < k ? GAINS[metric](a + 1) : 0));
  }

  /* A function from a run to its expected sampled metric. What runs have in common is computed once.
     items: V. sampling: uniform, uniform-replacement or popularity. */
  function expectation({ metric, k, n, sampling, items }) {
    const gains = gainsOf(metric, k), pool = items - 1, known = new Float64Array(items).fill(NaN);
    if (sampling === "popularity") {
      return (run) => mean(run.shares, (p) => binomial(p, n, gains), targetsOf(run.ranks));
    }
    const law = sampling === "uniform" ? (a) => hypergeometric(a, n, pool, gains) : (a) => binomial(a / pool, n, gains);
    return (run) => mean(run.ranks, (a) => {
      if (a > pool) return 0;
      if (Number.isNaN(known[a])) known[a] = law(a);
      return known[a];
    });
  }

  const targetsOf = ({ count }) => count.reduce((sum, n) => sum + n, 0);

  function mean({ value, count }, f, targets = targetsOf({ count })) {
    let total = 0;
    for (let i = 0; i < value.length; i++) total += count[i] * f(value[i]);
    return total / targets;
  }

  return { decodeRanks, decodeShares, full, expectation };
})();
