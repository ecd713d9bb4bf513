/* Every page works without this. With it, a page keeps itself fresh without taking anything from the hands of who reads it,
   says when it can no longer do so, chooses all rows at once, and draws the trend from the table beneath it. */
(() => {
  "use strict";
  const EVERY_MS = 5000;
  const live = () => document.getElementById("live");
  const writes = (node) => node?.matches?.("textarea, select, input:not([type=checkbox], [type=radio], [type=submit])");

  /* What a person has begun to write or to choose, and the server does not know yet. */
  const begun = (node) => {
    if (!node.matches?.("input, textarea, select")) return false;
    if (node.matches("[type=checkbox], [type=radio]")) return node.checked !== node.defaultChecked;
    if (node.matches("select")) return [...node.options].some((option) => option.selected !== option.defaultSelected);
    return node.type !== "hidden" && node.value !== node.defaultValue;
  };

  /* No refresh while somebody writes, has a form open, or is about to press what lets a plan run: that must not move or change. */
  const held = () =>
    document.hidden ||
    writes(document.activeElement) ||
    document.querySelector("dialog[open], .act[open], [data-hold]:hover, [data-hold]:focus-within") !== null ||
    !getSelection().isCollapsed;

  const refresh = () => {
    if (live() && !held()) htmx.trigger(live(), "refresh");
  };

  if (window.Idiomorph) {
    Object.assign(Idiomorph.defaults.callbacks, {
      beforeNodeMorphed: (old) => !(old.nodeType === 1 && (begun(old) || old.hasAttribute("data-keep"))),
      beforeAttributeUpdated: (name, node) => !(name === "open" && node.matches("details, dialog")),
    });
    Idiomorph.defaults.ignoreActiveValue = true;
  }

  const tell = (words) => {
    const note = document.getElementById("lost");
    note.hidden = !words;
    note.textContent = words;
  };
  const lost = () => tell(`This page stands still since ${live().dataset.asOf}: the dashboard does not answer.`);

  document.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr } = event.detail;
    if (new URL(xhr.responseURL).pathname !== location.pathname) {
      event.detail.shouldSwap = false;
      location.reload(); // logged out meanwhile
    }
  });
  document.addEventListener("htmx:afterSwap", () => {
    tell("");
    document.getElementById("favicon").href = live().dataset.icon;
    prepare();
  });
  for (const trouble of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) document.addEventListener(trouble, lost);
  setInterval(refresh, EVERY_MS);
  document.addEventListener("visibilitychange", refresh);

  /* ---- one tick for all rows ------------------------------------------------------------------------------------------ */
  const prepare = () => document.getElementById("pick-all")?.removeAttribute("hidden");
  document.addEventListener("change", (event) => {
    if (event.target.id !== "pick-all") return;
    for (const pick of document.querySelectorAll(".pick")) pick.checked = event.target.checked;
  });

  /* ---- a form under a button closes with Escape, and with a click elsewhere ---------------------------------------------- */
  const close = (act) => {
    act.open = false;
    act.querySelector("summary").focus();
  };
  document.addEventListener("keydown", (event) => {
    const act = event.key === "Escape" && event.target.closest(".act[open]");
    if (act) close(act);
  });
  document.addEventListener("click", (event) => {
    for (const act of document.querySelectorAll(".act[open]")) if (!act.contains(event.target)) act.open = false;
  });

  /* ---- the trend: numbers from the table, colours from the sheet ----------------------------------------------------------- */
  const charts = [];
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const draw = (figure) => {
    figure.closest("[hidden]")?.removeAttribute("hidden");
    const table = document.getElementById(figure.dataset.trend);
    const rows = [...table.tBodies[0].rows].reverse();
    const heads = [...table.tHead.rows[0].cells];
    const drawn = heads.map((head, at) => ({ head, at })).filter(({ head }) => head.dataset.ink);
    const numbers = (at) => rows.map((row) => (row.cells[at].dataset.v === "" ? null : Number(row.cells[at].dataset.v)));
    const times = numbers(0);
    const hours = times.at(-1) - times[0] < 2 * 86400;
    const at_words = (at) => new Date(at * 1000).toISOString().slice(...(hours ? [11, 16] : [5, 10]));
    const axis = { stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: "12px system-ui" };
    const series = drawn.map(({ head }) => ({
      label: head.textContent.trim(),
      stroke: colour(head.dataset.ink),
      width: 2,
      points: { size: 5 },
      spanGaps: true,
    }));
    const options = { width: figure.clientWidth, height: 240, series: [{ label: "at", value: (_, at) => (at === null ? "--" : at_words(at)) }, ...series], axes: [{ ...axis, values: (_, times) => times.map((at) => at_words(at)) }, { ...axis, size: 44 }] };
    options.tzDate = (at) => uPlot.tzDate(new Date(at * 1000), "Etc/UTC");
    options.scales = { y: { range: (_, low, high) => [0, Math.max(high ?? 1, 1) * 1.08] } };
    figure.replaceChildren();
    charts.push(new uPlot(options, [numbers(0), ...drawn.map(({ at }) => numbers(at))], figure));
  };
  const drawAll = () => {
    for (const chart of charts.splice(0)) chart.destroy();
    if (window.uPlot) document.querySelectorAll("[data-trend]").forEach(draw);
  };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  addEventListener("resize", () => charts.forEach((chart) => chart.setSize({ width: chart.root.parentElement.clientWidth, height: 240 })));

  prepare();
  drawAll();
})();
