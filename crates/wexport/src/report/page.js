"use strict";
const collator = new Intl.Collator(undefined, { numeric: true });
const body = document.querySelector("#exports tbody");
const rows = [...body.rows];
const texts = rows.map((row) => row.textContent.toLowerCase());
const search = document.querySelector("#search");
const shown = document.querySelector("#shown");
const filter = () => {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  rows.forEach((row, index) => {
    const isShown = words.every((word) => texts[index].includes(word));
    row.hidden = !isShown;
    count += isShown;
  });
  shown.textContent = `${count} of ${rows.length}`;
};
search.addEventListener("input", filter);
filter();
document.querySelectorAll("#exports th").forEach((head, column) => {
  const key = (row) => row.cells[column].dataset.key ?? row.cells[column].textContent;
  const isNumber = head.classList.contains("number") || head.classList.contains("timeline");
  head.querySelector("button").addEventListener("click", () => {
    const isDescending = head.getAttribute("aria-sort") === "ascending";
    document.querySelectorAll("#exports th").forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", isDescending ? "descending" : "ascending");
    const order = isDescending ? -1 : 1;
    const compare = (one, other) => isNumber ? one - other : collator.compare(one, other);
    const sorted = rows.map((row) => [key(row), row]).sort(([a], [b]) => order * compare(a, b));
    body.append(...sorted.map(([, row]) => row));
  });
});
