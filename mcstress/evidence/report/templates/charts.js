// Saves the series of a chart as CSV: all that its plots were given, one table with a row a point.
"use strict";

const quoted = (text) => `"${text.replaceAll('"', '""')}"`;

// A spreadsheet would take such a text for a formula, and run what a service said.
const harmless = (text) => (/^[=+\-@\t\r]/.test(text) ? `'${text}` : text);

function csvCell(value, column) {
  if (value === null || value === undefined || Number.isNaN(value)) return "";
  if (["time", "begin", "end"].includes(column)) return new Date(value).toISOString();
  if (typeof value === "number") return String(value);
  return quoted(harmless(Array.isArray(value) ? value.join(" / ") : String(value)));
}

function csvOf(roots) {
  const sources = roots.flatMap((root) => [...root.references()])
    .filter((model) => model.type === "ColumnDataSource");
  const tables = [...new Set(sources)].map(({ data }) =>
    data instanceof Map ? data : new Map(Object.entries(data)));
  const columns = [...new Set(tables.flatMap((table) => [...table.keys()]))];
  const lines = [columns.map(quoted).join(",")];
  for (const table of tables) {
    const length = Math.max(0, ...[...table.values()].map((values) => values.length));
    for (let row = 0; row < length; row++) {
      lines.push(columns.map((name) => csvCell(table.get(name)?.[row], name)).join(","));
    }
  }
  return `${lines.join("\r\n")}\r\n`;
}

function save(text, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("button.csv");
  if (!button) return;
  const chart = button.closest("figure");
  const isIn = (root) => chart.contains(Bokeh.index.find_one(root)?.el ?? null);
  save(csvOf(Bokeh.documents.flatMap((one) => one.roots()).filter(isIn)), button.dataset.file);
});
