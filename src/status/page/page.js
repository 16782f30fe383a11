// Shows what /events tells. Nothing is sent, and nothing that was told is ever taken for HTML.
"use strict";

const $ = (id) => document.getElementById(id);
const whole = new Intl.NumberFormat("en");
const LOST_AFTER_MS = 4000;

let source = null;
let lastHeard = 0;
let ended = false;

function count(number) {
  return whole.format(number);
}

function perSecond(rate) {
  if (!(rate >= 0.05)) return "0/s";
  return rate < 10 ? rate.toFixed(1) + "/s" : count(Math.round(rate)) + "/s";
}

function timeLeft(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 100) return Math.ceil(seconds) + " s";
  if (seconds < 5970) return Math.round(seconds / 60) + " min";
  return Math.round(seconds / 3600) + " h";
}

function clock(ms) {
  return new Date(ms).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
}

function text(element, value) {
  if (element.textContent !== value) element.textContent = value;
}

function make(name, className, content) {
  const element = document.createElement(name);
  if (className) element.className = className;
  if (content !== undefined) element.textContent = content;
  return element;
}

// Loaded, merged, dead and on the way, as shares of the whole.
function parts(one) {
  const finished = one.loaded + one.merged + one.dead_lettered;
  // What stands there before the records are counted is of an earlier pass.
  const total = one.expected === null ? 0 : Math.max(one.expected, one.read, finished);
  return { finished, total, flight: Math.max(0, one.read - finished), share: total > 0 ? finished / total : null };
}

function makeBar(className) {
  const bar = make("div", className);
  ["loaded", "merged", "dead", "flight"].forEach((name) => bar.append(make("i", name)));
  return bar;
}

function setBar(bar, one, seesTarget) {
  const { total, flight, share } = parts(one);
  const width = (number) => (total > 0 ? (100 * number) / total : 0) + "%";
  bar.children[0].style.width = width(one.loaded);
  bar.children[1].style.width = width(one.merged);
  bar.children[2].style.width = width(one.dead_lettered);
  bar.children[3].style.width = width(flight);
  if (share === null || !seesTarget) bar.removeAttribute("aria-valuenow");
  else bar.setAttribute("aria-valuenow", String(Math.floor(100 * share)));
}

// 100 only where all is done; of nothing at all there is none.
function percent(share, state) {
  if (share === null) return state === "done" ? "100%" : "–";
  return Math.floor(100 * share) + "%";
}

function sum(pipelines) {
  const all = { expected: 0, read: 0, transformed: 0, loaded: 0, merged: 0, dead_lettered: 0, records_per_second: 0, done: true };
  let known = pipelines.length > 0;
  for (const one of pipelines) {
    for (const key of ["read", "transformed", "loaded", "merged", "dead_lettered", "records_per_second"]) all[key] += one[key];
    if (one.expected === null) known = false;
    else all.expected += Math.max(one.expected, one.loaded + one.merged + one.dead_lettered);
    if (one.state !== "done") all.done = false;
  }
  if (!known) all.expected = null;
  return all;
}

function showOverall(seen, pipelines) {
  const all = sum(pipelines);
  const { finished, total, share } = parts(all);
  const known = all.expected !== null && seen.sees_target;
  text($("percent"), known && pipelines.length > 0 ? percent(share, all.done ? "done" : "") : "–");
  text($("of-expected"), known ? count(finished) + " of " + count(total) + " records"
    : seen.ended ? "it ended before the records were counted" : "records are still being counted");
  if (!seen.sees_target) text($("of-expected"), "this worker does not see the target: look at a loader's page");
  text($("rate"), seen.sees_target ? perSecond(all.records_per_second) : "–");
  const left = total - finished;
  const seconds = known && left > 0 && all.records_per_second >= 0.05 ? left / all.records_per_second : null;
  text($("left"), known && left === 0 && total > 0 ? "nothing" : timeLeft(seconds));
  text($("loaded"), seen.sees_target ? count(all.loaded) : "–");
  text($("merged"), count(all.merged));
  text($("dead"), count(all.dead_lettered));
  $("dead-figure").classList.toggle("some", all.dead_lettered > 0);
  setBar($("overall-bar"), all, seen.sees_target);
  document.title = (known && pipelines.length > 0 ? percent(share, "") + " · " : "") + "Regraft " + seen.about.command;
  showStage("extract", seen.flow.extract, count(all.read) + " read", true);
  showStage("transform", seen.flow.transform, count(all.transformed) + " through", true);
  showStage("load", seen.flow.load, count(finished) + " finished", seen.sees_target);
}

function showStage(name, rate, label, visible) {
  const stage = $("stage-" + name);
  text(stage.querySelector("[data-rate]"), visible ? perSecond(rate) : "–");
  text(stage.querySelector("[data-count]"), visible ? label : "not seen from here");
  stage.classList.toggle("moving", visible && rate >= 0.05);
}

const rows = new Map();

function makeRow(name) {
  const row = make("tr");
  const header = make("th", "", name);
  header.scope = "row";
  const state = make("td", "state");
  state.append(make("span", "chip"));
  const progress = make("td", "progress");
  const line = make("div");
  const bar = makeBar("bar");
  bar.setAttribute("role", "progressbar");
  bar.setAttribute("aria-label", "progress of " + name);
  bar.setAttribute("aria-valuemin", "0");
  bar.setAttribute("aria-valuemax", "100");
  line.append(bar, make("span", "share"));
  progress.append(line, make("div", "note"));
  row.append(header, state, progress);
  for (const label of ["read", "loaded", "merged", "dead letters", "lag", "rate", "left"]) {
    const cell = make("td", label === "dead letters" ? "number dead" : "number");
    cell.dataset.label = label;
    row.append(cell);
  }
  return row;
}

function showRow(row, one, seesTarget) {
  const chip = row.querySelector(".chip");
  text(chip, one.state.replace("_", " "));
  chip.dataset.state = one.state;
  const { share } = parts(one);
  setBar(row.querySelector(".bar"), one, seesTarget);
  text(row.querySelector(".share"), seesTarget ? percent(share, one.state) : "");
  text(row.querySelector(".note"), one.note || "");
  const cells = [
    count(one.read), seesTarget ? count(one.loaded) : "–", count(one.merged), count(one.dead_lettered), count(one.lag),
    one.state === "running" && seesTarget ? perSecond(one.records_per_second) : "–",
    one.state === "running" && seesTarget ? timeLeft(one.seconds_left) : "–",
  ];
  cells.forEach((value, index) => text(row.children[index + 3], value));
  row.querySelector(".dead").classList.toggle("some", one.dead_lettered > 0);
}

function showTypes(seen, pipelines) {
  const names = pipelines.map((one) => one.name);
  if ([...rows.keys()].join("\n") !== names.join("\n")) {
    rows.clear();
    names.forEach((name) => rows.set(name, makeRow(name)));
    if (names.length > 0) $("rows").replaceChildren(...rows.values());
  }
  pipelines.forEach((one) => showRow(rows.get(one.name), one, seen.sees_target));
}

// Fills a list anew only where something of it has changed, so that it can be read and selected.
function fill(list, nothing, items, makeItem) {
  nothing.hidden = items.length > 0;
  const now = JSON.stringify(items);
  if (list.dataset.shown === now) return;
  list.dataset.shown = now;
  list.replaceChildren(...items.map(makeItem));
}

function showReasons(seen, pipelines) {
  const byReason = new Map();
  for (const one of pipelines) {
    for (const [reason, number] of Object.entries(one.dead_letters || {})) {
      const known = byReason.get(reason) || { reason, number: 0, where: [] };
      known.number += number;
      known.where.push(one.name + " " + count(number));
      byReason.set(reason, known);
    }
  }
  const items = [...byReason.values()].sort((a, b) => b.number - a.number);
  const most = items.length > 0 ? items[0].number : 1;
  fill($("reasons"), $("no-reasons"), items, (item) => {
    const entry = make("li");
    const head = make("div", "head");
    head.append(make("span", "name", item.reason.replaceAll("_", " ")), make("span", "count", count(item.number)));
    const bar = make("div", "bar");
    const filled = make("i", "dead");
    filled.style.width = (100 * item.number) / most + "%";
    bar.append(filled);
    entry.append(head, bar, make("p", "where", item.where.join(", ")), make("p", "hint", seen.what_to_do[item.reason]));
    return entry;
  });
}

function showTroubles(seen) {
  fill($("troubles"), $("no-troubles"), seen.troubles, (trouble) => {
    const entry = make("li");
    const meta = make("p", "meta");
    const chip = make("span", "chip", trouble.tried_again ? "tried again" : "given up");
    chip.dataset.state = trouble.tried_again ? "waiting" : "failed";
    const where = [trouble.stage, trouble.pipeline].filter(Boolean).join(" of ");
    const times = trouble.times > 1 ? count(trouble.times) + " times, last at " : "";
    meta.append(chip, make("span", "", where || "the run"), make("time", "", times + clock(trouble.at_micros / 1000)));
    entry.append(meta, make("p", "message", trouble.message), make("p", "hint", trouble.what_to_do));
    return entry;
  });
}

function showBanner(seen) {
  const banner = $("banner");
  banner.hidden = !seen.ended && !seen.waits_for;
  if (seen.ended) {
    banner.dataset.kind = seen.ended.exit_code === 0 ? "done" : "failed";
    text(banner, "Ended with exit code " + seen.ended.exit_code + ": " + seen.ended.summary + ".");
  } else if (seen.waits_for) {
    banner.dataset.kind = "waiting";
    text(banner, "Waiting: " + seen.waits_for);
  }
}

function show(seen) {
  const pipelines = Object.entries(seen.pipelines).map(([name, one]) => ({ name, ...one }));
  ended = Boolean(seen.ended);
  text($("about"), [seen.about.command, "prefix " + seen.about.prefix, "since " + clock(seen.about.started_at_ms), "version " + seen.about.version].join(" · "));
  text($("seen"), "as of " + clock(seen.at_ms));
  showBanner(seen);
  showOverall(seen, pipelines);
  showTypes(seen, pipelines);
  showReasons(seen, pipelines);
  showTroubles(seen);
}

function connection(state, words) {
  $("connection").dataset.state = state;
  text($("connection-text"), words);
}

function connect() {
  if (source) source.close();
  source = new EventSource("events");
  source.onmessage = (event) => {
    lastHeard = Date.now();
    show(JSON.parse(event.data));
    connection(ended ? "ended" : "live", ended ? "ended" : "live");
  };
  // The browser comes back by itself, unless the answer was none that it understands.
  source.onerror = () => {
    if (!ended) connection("lost", "connection lost, trying again …");
    if (source.readyState === EventSource.CLOSED) setTimeout(connect, 2000);
  };
}

const THEMES = ["system", "light", "dark"];
const THEME_WORDS = { system: "as the system has them", light: "light", dark: "dark" };
const THEME_SIGNS = { system: "◐", light: "☀", dark: "☾" };

function setTheme(theme) {
  if (theme === "system") document.documentElement.removeAttribute("data-theme");
  else document.documentElement.dataset.theme = theme;
  const button = $("theme");
  button.setAttribute("aria-label", "Colours: " + THEME_WORDS[theme]);
  button.title = button.getAttribute("aria-label");
  button.dataset.theme = theme;
  text(button, THEME_SIGNS[theme]);
}

function rememberedTheme() {
  try {
    const theme = localStorage.getItem("regraft-theme");
    return THEMES.includes(theme) ? theme : "system";
  } catch {
    return "system";
  }
}

$("theme").addEventListener("click", () => {
  const theme = THEMES[(THEMES.indexOf($("theme").dataset.theme) + 1) % THEMES.length];
  setTheme(theme);
  try {
    localStorage.setItem("regraft-theme", theme);
  } catch {
    // A browser that remembers nothing shows it all the same.
  }
});

setTheme(rememberedTheme());
connect();
setInterval(() => {
  if (!ended && lastHeard > 0 && Date.now() - lastHeard > LOST_AFTER_MS) connection("lost", "no news since " + clock(lastHeard));
}, 1000);
