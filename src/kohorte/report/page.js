"use strict";
// Tables are sorted by a click on the head of a column, and saved as they stand.
const value = (cell) => cell.dataset.v ?? cell.textContent;
for (const head of document.querySelectorAll("table.sheet thead th")) {
  head.querySelector("button").addEventListener("click", () => {
    const body = head.closest("table").tBodies[0];
    const ascending = head.getAttribute("aria-sort") !== "ascending";
    const sign = ascending ? 1 : -1;
    const numeric = head.classList.contains("number");
    for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
    const key = (row) => value(row.cells[head.cellIndex]);
    const rows = [...body.rows].sort((a, b) => {
      const [x, y] = [key(a), key(b)];
      if (x === "" || y === "") return (x === "") - (y === ""); // what is missing comes last
      return sign * (numeric ? Number(x) - Number(y) : x.localeCompare(y, "en", { numeric: true }));
    });
    body.append(...rows);
  });
}
// What a spreadsheet would take for a formula has an apostrophe before it, as in the files.
const isNumber = (text) => /^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$|^[-+]?(inf|nan)$/i.test(text);
const isFormula = (text) => /^'*[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]/.test(text);
const guarded = (text) => (isFormula(text) && !isNumber(text) ? `'${text}` : text);
const quoted = (text) => (/[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
for (const button of document.querySelectorAll("button.save")) {
  button.addEventListener("click", () => {
    const rows = [...document.getElementById(button.dataset.table).rows];
    const lines = rows.map((row) => [...row.cells].map((cell) => quoted(guarded(value(cell)))).join(","));
    const file = new Blob([lines.join("\n") + "\n"], { type: "text/csv" });
    const link = document.createElement("a");
    link.href = URL.createObjectURL(file);
    link.download = button.dataset.file;
    link.click();
    URL.revokeObjectURL(link.href);
  });
}
// A printed page has what is folded on the screen, but for the long tables.
let unfolded = [];
window.addEventListener("beforeprint", () => {
  unfolded = [...document.querySelectorAll("#settings details, #provenance details")];
  unfolded = unfolded.filter((part) => !part.open);
  for (const part of unfolded) part.open = true;
});
window.addEventListener("afterprint", () => {
  for (const part of unfolded) part.open = false;
});
