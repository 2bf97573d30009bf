"use strict";
// The page is complete without this: it adds search, sorting and copying, and warns if it is old.
(() => {
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const create = (tag, text, attributes = {}) => {
    const element = Object.assign(document.createElement(tag), attributes);
    element.append(text);
    return element;
  };

  const old = document.getElementById("old");
  const until = old.querySelector("time");
  const days = until ? (Date.now() - Date.parse(until.dateTime)) / 864e5 : 0;
  if (days > 0) {
    const since = days < 2 ? `${Math.ceil(days * 24)} h` : `${Math.floor(days)} d`;
    old.hidden = false;
    old.textContent = `This page is old: what it says stopped being valid ${since} ago. Run the criteria again before you rely on it.`;
  }

  const criteria = all(".criterion");
  const stages = all("section.stage");
  const words = new Map();
  const severity = { F: 0, B: 1, C: 2 };
  const kind = (criterion) => criterion.classList[1];
  const seconds = (criterion) => parseFloat(criterion.querySelector(".took").textContent) || 0;

  const search = create("input", "", { type: "search", placeholder: "Find a criterion, id or word" });
  search.setAttribute("aria-label", "Find in the criteria");
  const boxes = [["F", "FAILED"], ["B", "BLOCKED"], ["C", "CONFIRMED"]].map(([value, name]) => {
    const box = create("input", "", { type: "checkbox", checked: true, value });
    const label = create("label", box);
    label.append(` ${name}`);
    return { box, label };
  });
  const order = create("select", "");
  order.setAttribute("aria-label", "Sort the criteria of each stage");
  for (const [value, text] of [["", "as declared"], ["worst", "worst first"], ["slow", "longest first"]]) {
    order.append(create("option", text, { value }));
  }
  const found = create("span", "", { className: "dim" });
  found.setAttribute("role", "status");

  const filter = () => {
    const wanted = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const shown = new Set(boxes.filter(({ box }) => box.checked).map(({ box }) => box.value));
    let count = 0;
    for (const criterion of criteria) {
      if (wanted.length && !words.has(criterion)) words.set(criterion, criterion.textContent.toLowerCase());
      const keep = shown.has(kind(criterion)) && wanted.every((word) => words.get(criterion).includes(word));
      criterion.hidden = !keep;
      count += keep;
    }
    const narrowed = count < criteria.length;
    for (const stage of stages) stage.hidden = narrowed && !stage.querySelector(".criterion:not([hidden])");
    found.textContent = narrowed ? `${count} of ${criteria.length}` : "";
  };
  const place = new Map(criteria.map((criterion, number) => [criterion, number]));
  const sort = () => {
    const by = {
      worst: (a, b) => severity[kind(a)] - severity[kind(b)],
      slow: (a, b) => seconds(b) - seconds(a),
    }[order.value] || (() => 0);
    for (const list of all(".criteria")) {
      list.append(...all(".criterion", list).sort((a, b) => by(a, b) || place.get(a) - place.get(b)));
    }
  };
  search.addEventListener("input", filter);
  for (const { box } of boxes) box.addEventListener("change", filter);
  order.addEventListener("change", sort);
  const tools = document.getElementById("tools");
  if (criteria.length > 1) {
    tools.append(search, ...boxes.map(({ label }) => label), order, found);
    tools.hidden = false;
  }

  // Buttons come when a criterion is opened, so that ten thousand of them cost nothing.
  const copyable = (within) => {
    for (const id of all("code:not([data-copy])", within)) {
      id.dataset.copy = "";
      const button = create("button", "copy", { type: "button", className: "copy" });
      button.setAttribute("aria-label", `Copy ${id.textContent}`);
      button.addEventListener("click", async () => {
        try {
          await navigator.clipboard.writeText(id.textContent);
          button.textContent = "copied";
        } catch {
          getSelection().selectAllChildren(id);
          button.textContent = "selected";
        }
        setTimeout(() => { button.textContent = "copy"; }, 1500);
      });
      id.after(button);
    }
  };
  document.addEventListener("toggle", ({ target }) => {
    if (target.open && target.classList.contains("criterion")) copyable(target);
  }, true);
  const open = () => {
    const target = location.hash && document.getElementById(location.hash.slice(1));
    if (!target) return;
    if (target.hidden || target.closest("[hidden]")) { search.value = ""; for (const { box } of boxes) box.checked = true; filter(); }
    if (target.tagName === "DETAILS") target.open = true;
    target.scrollIntoView();
  };
  addEventListener("hashchange", open);
  open();
  all(".run").forEach(copyable);
  all(".criterion[open]").slice(0, 200).forEach(copyable);
})();
