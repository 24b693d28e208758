"use strict";
// What a page can do beyond being read: sort its tables, close an enlarged picture with Escape.
const MINUS = "\u2212";

function valueOf(cell) {
  const text = cell.textContent.trim().replaceAll(MINUS, "-");
  const number = text.match(/^[(<>\s]*([+-]?(\d[\d,]*(\.\d+)?(e[+-]?\d+)?|∞))/);
  if (!number) return null;
  return number[2] === "∞" ? (number[1][0] === "-" ? -Infinity : Infinity) : parseFloat(number[1].replaceAll(",", ""));
}

function sortRows(body, place, order, byText) {
  const rows = [...body.rows].filter(row => row.cells.length > place && !row.classList.contains("apart"));
  rows.forEach((row, i) => { row.dataset.first ??= String(i); });
  const first = (a, b) => a.dataset.first - b.dataset.first;
  const byName = (a, b) => a.cells[place].textContent.localeCompare(b.cells[place].textContent, "en", { numeric: true });
  const byNumber = (a, b) => {
    const [x, y] = [valueOf(a.cells[place]), valueOf(b.cells[place])];
    if (x === null || y === null) return (x === null) - (y === null);         // what has no value comes last
    return order * (x === y ? 0 : x < y ? -1 : 1);
  };
  const compare = order === 0 ? first : byText ? (a, b) => order * byName(a, b) : byNumber;
  rows.sort((a, b) => compare(a, b) || first(a, b)).forEach(row => body.append(row));
}

for (const table of document.querySelectorAll("table:not(.fixed)")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, place) => {
    const name = head.querySelector(".key");
    const byText = place === 0 || head.classList.contains("text");
    const best = byText || name.textContent.includes("↓") ? 1 : -1;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "key";
    button.append(...name.childNodes);
    name.replaceWith(button);
    button.addEventListener("click", () => {
      const before = head.ariaSort === null ? 0 : head.ariaSort === "ascending" ? 1 : -1;
      const order = before === 0 ? best : before === best ? -best : 0;        // best first, worst first, as it was
      heads.forEach(other => other.removeAttribute("aria-sort"));
      if (order) head.setAttribute("aria-sort", order === 1 ? "ascending" : "descending");
      for (const body of table.tBodies) sortRows(body, place, order, byText);
    });
  });
}

document.addEventListener("keydown", event => {
  if (event.key !== "Escape") return;
  for (const box of document.querySelectorAll(".zoom input:checked")) box.checked = false;
});
