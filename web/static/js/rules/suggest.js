// A box to type in with a list of proposals under it (the combobox pattern): arrows move, Enter takes, Escape closes.

let number = 0;

export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "value") made.value = value;
    else made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

export const icon = (name) => {
  const made = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  made.setAttribute("class", "icon");
  made.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `/static/vendor/icons.svg#tabler-${name}`);
  made.append(use);
  return made;
};

// `ask(words)` gives a promise of groups `[{title, rows: [{label, code, small, row}]}]`; `take(row, typed)` gets the
// row taken, or null and the text typed where free text is allowed. Returns `{box, input}`.
export function suggestBox({ label, value = "", ask, take, free = false, numeric = false, close, key, placeholder }) {
  const id = `suggest-${(number += 1)}`;
  const list = element("div", { class: "suggest-list", role: "listbox", id, "aria-label": label, hidden: true });
  const input = element("input", {
    class: "form-control", type: "text", role: "combobox", "aria-label": label, "aria-expanded": "false",
    "aria-controls": id, "aria-autocomplete": "list", autocomplete: "off", spellcheck: "false", value,
    inputmode: numeric ? "decimal" : null, "data-key": key, placeholder,
  });
  const box = element("div", { class: "suggest" }, input, list);
  let rows = [], at = -1, asked = 0, timer = 0;

  const shut = () => { list.hidden = true; input.setAttribute("aria-expanded", "false"); input.removeAttribute("aria-activedescendant"); at = -1; };
  // A row taken replaces what was typed: leaving the box must not take that as well.
  const give = (row) => { shut(); const typed = input.value; input.value = free === "commit" ? "" : String(row?.label ?? row ?? ""); take(row, typed); };
  const mark = (next) => {
    rows[at]?.made.removeAttribute("aria-selected");
    at = rows.length ? (next + rows.length) % rows.length : -1;
    if (at < 0) return;
    rows[at].made.setAttribute("aria-selected", "true");
    rows[at].made.scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", rows[at].made.id);
  };
  const show = (groups) => {
    rows = [];
    list.replaceChildren(...groups.filter((group) => group.rows.length).map((group) => element("div", { role: "group", "aria-label": group.title || label },
      group.title ? element("div", { class: "suggest-title", "aria-hidden": "true" }, group.title) : null,
      group.rows.map((row) => {
        const made = element("div", { role: "option", class: "suggest-row", id: `${id}-${rows.length}`, onpointerdown: (event) => { event.preventDefault(); give(row.row); } },
          element("span", { class: "suggest-label" }, row.label, row.code ? [" ", element("span", { class: "code" }, row.code)] : null), " ", row.small ? element("span", { class: "suggest-small" }, row.small) : null);
        rows.push({ made, row: row.row });
        return made;
      }))));
    list.hidden = !rows.length;
    input.setAttribute("aria-expanded", String(rows.length > 0));
    at = -1;
  };
  const look = (wait) => {
    clearTimeout(timer);
    const turn = (asked += 1);
    timer = setTimeout(async () => {
      const groups = await ask(input.value.trim()).catch(() => []);
      if (turn === asked && document.activeElement === input) { show(groups); if (!free && rows.length) mark(0); }
    }, wait);
  };
  input.addEventListener("input", () => { look(180); if (free && free !== "commit") take(null, input.value); });
  input.addEventListener("focus", () => { if (input.dataset.quiet) delete input.dataset.quiet; else look(0); });
  input.addEventListener("blur", () => { asked += 1; shut(); if (free && input.value.trim()) take(null, input.value, true); close?.(); });
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      event.stopPropagation();
      if (list.hidden) look(0); else mark(at + (event.key === "ArrowDown" ? 1 : -1));
    } else if (event.key === "Enter") {
      event.preventDefault();
      if (!list.hidden && at >= 0) give(rows[at].row);
      else if (free && input.value.trim()) { shut(); take(null, input.value, true); }
    } else if (event.key === "Escape") { event.stopPropagation(); shut(); close?.(true); }
  });
  return { box, input };
}
