"use strict";
// Checks a report from within, when it has loaded, and tells the page around it. Its fragment has the number of rows and
// the colours: #2000,dark
addEventListener("load", () => {
  const loaded = performance.now();
  const faults = [];
  const check = (isRight, what) => isRight || faults.push(what);
  const [count, colours] = location.hash.slice(1).split(",");
  const table = document.querySelector("#exports");
  const rows = () => [...table.tBodies[0].rows];
  const timed = (act) => {
    const began = performance.now();
    act();
    // Asking for a height makes the browser lay out the page.
    return document.body.offsetHeight && Math.round(performance.now() - began);
  };
  const width = () => check(document.documentElement.scrollWidth <= innerWidth, "the page is wider than its window");

  check(rows().length === Number(count), `${rows().length} rows`);
  check(performance.getEntriesByType("resource").length === 0, "the page loads something");
  const [red] = getComputedStyle(document.body).backgroundColor.match(/\d+/);
  check((red < 128) === (colours === "dark"), `the background is ${red}, expected ${colours}`);
  width();

  const { compare } = new Intl.Collator(undefined, { numeric: true });
  let slowest = 0;
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    for (const direction of ["ascending", "descending"]) {
      slowest = Math.max(slowest, timed(() => head.querySelector("button").click()));
      check(head.getAttribute("aria-sort") === direction, `${head.textContent}: not ${direction}`);
      const keys = rows().map(({ cells }) => cells[column].dataset.key ?? cells[column].textContent);
      const order = direction === "ascending" ? 1 : -1;
      const isSorted = keys.every((key, index) => index === 0 || order * compare(keys[index - 1], key) <= 0);
      check(isSorted && rows().length === Number(count), `${head.textContent}: rows are not sorted, ${direction}`);
      check(new Set(keys).size > 1, `${head.textContent}: all rows are the same`);
    }
  });

  const search = document.querySelector("#search");
  const shown = () => rows().filter((row) => row.offsetHeight > 0);
  let searched = 0;
  for (const words of ["spreadsheet", "TooLarge FAILED", "x1999", "nothing like this", ""]) {
    search.value = words;
    searched = Math.max(searched, timed(() => search.dispatchEvent(new Event("input"))));
    const isMatch = ({ textContent }) =>
      words.split(" ").every((word) => textContent.toLowerCase().includes(word.toLowerCase()));
    const expected = rows().filter(isMatch);
    check(shown().length === expected.length && shown().every(isMatch), `${words}: ${shown().length} rows are shown`);
    check((expected.length > 0) === (words !== "nothing like this"), `${words}: ${expected.length} rows match`);
    const told = document.querySelector("#shown").textContent;
    check(told === `${expected.length} of ${count}`, `${words}: ${told}`);
  }
  width();

  // A narrow page is scrolled to the side in a box of its own, where the head cannot stay.
  scrollTo(0, document.body.scrollHeight / 2);
  const top = table.tHead.rows[0].cells[0].getBoundingClientRect().top;
  check(innerWidth < 1000 || Math.abs(top) < 1, `the head of the table is at ${top} of a page that is scrolled`);

  const times = `loaded in ${Math.round(loaded)} ms, sorted in ${slowest} ms, searched in ${searched} ms`;
  parent.document.title = [times, ...faults].join("; ");
});
