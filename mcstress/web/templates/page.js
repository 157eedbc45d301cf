// Asks for the figures, again and again while anybody looks, and shows them.
"use strict";

const RUNNING_MS = 2000;
const RESTING_MS = 5000;
const ITEMS = JSON.parse(document.getElementById("items").textContent);
const shown = new Map();
const drawn = new Map();

// Locust's own switch between light and dark counts here too.
if (localStorage.theme) document.documentElement.dataset.theme = localStorage.theme;

function changed(name, value) {
  const text = JSON.stringify(value);
  if (shown.get(name) === text) return false;
  shown.set(name, text);
  return true;
}

// Every text becomes a text node: nothing that a service said is ever markup.
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value) made.setAttribute(name, value);
  made.append(...children.filter((child) => child !== null));
  return made;
}

const MARKS = { good: "✓\u00a0", held: "○\u00a0", fair: "≈\u00a0", bad: "✗\u00a0", none: "–\u00a0" };

function cell({ text, tone, href }) {
  if (tone) return element("span", { class: tone }, MARKS[tone] + text);
  if (href && /^https?:/.test(href)) return element("a", { href, rel: "noreferrer" }, text);
  return text;
}

// A figure may break between its interval and its counts, as in the report.
function breakable(content) {
  if (typeof content !== "string") return [content];
  return content.split(/(?<=\],) /).flatMap((part, at) => (at ? [element("wbr"), " ", part] : [part]));
}

function table({ columns, numeric, rows }) {
  const style = (number) => ({ class: numeric[number] && "figure" });
  const named = (number) => ({ ...style(number), "data-column": columns[number] });
  const head = columns.map((name, number) => element("th", style(number), name));
  const body = rows.map((row) =>
    element("tr", {}, ...row.map((one, number) => element("td", named(number), ...breakable(cell(one))))));
  return element("div", { class: "wide" }, element("table", { class: columns.length > 3 && "stacked" },
    element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...body)));
}

function listed({ text, mark }) {
  return element("td", {}, element("code", { class: mark }, text));
}

function example({ value, what, label, query, error, link, lists, ranks }, isOpen) {
  const rows = ranks.map((rank, at) => element("tr", {}, element("td", {}, String(at + 1)), ...rank.map(listed)));
  const head = ["rank", ...lists].map((name) => element("th", {}, name));
  const trace = link && element("a", { href: link, rel: "noreferrer" }, "trace");
  return element("div", { class: "card" },
    element("p", {}, element("b", {}, value, " ", element("span", { class: "interval" }, what)), label,
      ...(trace ? [", ", trace] : []), ...(query ? [element("br"), element("q", {}, query)] : []),
      ...(error ? [element("br"), element("span", { class: "bad" }, `✗ ${error}`)] : [])),
    rows.length ? element("details", { open: isOpen && "open" }, element("summary", {}, lists.join(", ")),
      element("div", { class: "wide" }, element("table", {},
        element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...rows)))) : null);
}

function group({ title, cards, is_open }) {
  const made = cards.map((one) => example(one, is_open));
  return [element("h3", {}, title), element("div", { class: "worst" }, ...made)];
}

function section({ key, examples, title, question, answer, lead, tables, notes }) {
  const asked = element("p", {}, element("span", { class: "question" }, question), " ",
    answer && element("span", { class: "answer" }, cell(answer)));
  return element("section", { id: key }, element("h2", {}, title), question ? asked : null,
    lead ? element("p", {}, element("b", {}, lead)) : null,
    ...tables.filter((one) => one.rows.length).map(table),
    notes.length ? element("ul", { class: "notes" }, ...notes.map((note) => element("li", {}, note)))
      : null, ...examples.flatMap(group));
}

function contents({ sections, series, words }) {
  const charts = series.filter(isFull).map(({ name }) => document.getElementById(`of-${name}`));
  const links = charts.filter(Boolean).map((one) => [`#${one.id}`, one.querySelector("h2").textContent]);
  const all = [["#top", "Verdict"], ...links, ...sections.map(({ key, title }) => [`#${key}`, title])];
  if (words.length) all.push(["#glossary", "Words"]);
  fill("contents", all.length > 1 ? all : [], ([href, text]) => element("a", { href }, text));
}

function card({ question, value, interval, below }) {
  return element("div", { class: "card" }, element("small", {}, question),
    element("b", {}, value, " ", element("span", { class: "interval" }, interval)),
    element("em", {}, cell(below)));
}

function report({ id, verdict, files }) {
  const links = files.map(({ title, href }) => element("a", { href, target: "_blank" }, title));
  return element("li", {}, `Run ${id}: `, cell(verdict), ...links);
}

function fill(id, value, make) {
  if (changed(id, value)) document.getElementById(id).replaceChildren(...value.map(make).flat());
}

function showState({ stage, headline, verdict }) {
  const state = document.getElementById("state");
  const words = { ready: "ready", running: "running", ending: "ending" };
  state.className = `verdict ${verdict ? verdict.tone : "none"}`;
  state.firstElementChild.textContent = verdict ? verdict.text : words[stage];
  state.lastElementChild.textContent = headline;
}

const isFull = ({ data }) => Object.values(data)[0].length > 0;

// JSON knows no NaN, and Bokeh would take null for 0.
const column = (values) => values.map((value) => (value === null ? NaN : value));

// Filled before it is first drawn: some of Bokeh's ranges never settle over nothing.
function fillIn(models, { name, data, factors, ends, others, ticks, height, min_width }) {
  const find = (suffix) => models.get_model_by_name(name + suffix);
  for (const [key, value] of Object.entries({ height, min_width })) {
    if (value !== null) find(" plot")[key] = value;
  }
  for (const [suffix, names] of [[" range", factors], [" reversed", [...factors].reverse()]]) {
    const range = find(suffix);
    if (range) range.factors = names;
  }
  for (const [suffix, end] of Object.entries(ends)) find(suffix).end = end;
  for (const [suffix, values] of Object.entries(ticks)) find(suffix).ticks = values;
  for (const [suffix, columns] of [...Object.entries(others), ["", data]]) {
    const filled = Object.entries(columns).map(([key, values]) => [key, column(values)]);
    find(suffix).data = Object.fromEntries(filled);
  }
}

async function plot(series) {
  const { name } = series;
  const place = document.getElementById(`chart-${name}`);
  const box = place.closest(".chart");
  box.hidden = !isFull(series);
  if (box.hidden || !changed(`series ${name}`, series)) return;
  if (drawn.has(name)) {
    fillIn(drawn.get(name), series);
  } else {
    const models = Bokeh.require("document").Document.from_json(ITEMS[name].doc);
    drawn.set(name, models);
    fillIn(models, series);
    await Bokeh.embed.add_document_standalone(models, place);
  }
}

async function show(content) {
  showState(content);
  fill("marks", content.marks, card);
  fill("cards", content.cards, card);
  fill("facts", content.facts, ({ name, parts }) =>
    [element("dt", {}, name), element("dd", {}, ...parts.map(cell))]);
  fill("sections", content.sections.map((one) => (
    { ...one, examples: content.examples.filter((each) => each.section === one.key) })), section);
  contents(content);
  document.getElementById("glossary").hidden = !content.words.length;
  fill("words", content.words, ({ name, meaning }) => [element("dt", {}, name), element("dd", {}, meaning)]);
  document.getElementById("reports").hidden = !content.reports.length;
  if (changed("reports", content.reports)) {
    document.querySelector("#reports ul").replaceChildren(...content.reports.map(report));
  }
  document.getElementById("charts").hidden = !content.series.some(isFull);
  for (const series of content.series) await plot(series);
}

function trouble(text) {
  const place = document.getElementById("trouble");
  place.textContent = text;
  place.hidden = !text;
}

async function ask() {
  const response = await fetch("figures", { cache: "no-store" });
  const json = response.headers.get("Content-Type")?.startsWith("application/json");
  if (response.redirected || !json) throw new Error("Locust asks for a login: reload this page");
  return response.json();
}

async function refresh() {
  let wait = RUNNING_MS;
  try {
    if (!document.hidden) {
      const content = await ask();
      await show(content);
      if (content.stage === "ready" || content.stage === "finished") wait = RESTING_MS;
      trouble("");
    }
  } catch (error) {
    const gone = error instanceof TypeError && error.message.includes("fetch");
    trouble(gone ? "No answer from Locust; trying again. The figures below are the last." : error.message);
  }
  setTimeout(refresh, wait);
}

refresh();
