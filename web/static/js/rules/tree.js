// The rule editor: a tree to click and the same rule as text. The server is the one parser; this page only holds,
// shows and sends. Without scripts the text and the form around it do the same work.
/* global application, Stimulus */
import { branches, choose, enclose, finishedTerms, fromTree, move, newGroup, newTerm, parentOf, place, remove, toTree, unfinished, walk } from "./model.js";
import { element, icon, suggestBox } from "./suggest.js";
import { TermEditor } from "./terms.js";

const KINDS = { and: ["and", false], or: ["or", false], none: ["or", true], notall: ["and", true] };

application.register("rule-tree", class extends Stimulus.Controller {
  static targets = ["tree", "text", "told", "count", "form", "left"];
  static values = { explain: String, counting: String, fields: String, values: String, places: String, words: Object, segments: Array, locale: String, fresh: Boolean };

  connect() {
    this.words = this.wordsValue;
    this.root = newGroup();
    this.known = new Map();
    this.kept = new Map();
    this.figures = new Map();
    this.faults = new Map();
    this.number = new Intl.NumberFormat(this.localeValue);
    const ask = { values: (field, like) => this.valuesOf(field, like), places: (like) => this.placesLike(like) };
    this.terms = new TermEditor(this.words, ask, (redraw) => this.changed(redraw), this.segmentsValue);
    this.treeTarget.hidden = false;
    this.draw();
    if (this.textTarget.value.trim()) this.readText(); else this.count();
    this.textTarget.addEventListener("input", () => this.later("text", () => this.readText(), 500));
    this.formTarget.addEventListener("submit", (event) => this.hold(event));
  }

  later(kind, act, wait) {
    clearTimeout(this.timer);
    this.waiting = kind;
    this.timer = setTimeout(act, wait);
  }

  // A form is sent with the text: a change on its way to the text goes first.
  async hold(event) {
    if (!this.waiting || event.submitter?.dataset.free) return;
    event.preventDefault();
    clearTimeout(this.timer);
    await (this.waiting === "text" ? this.readText() : this.readTree());
    this.formTarget.requestSubmit(event.submitter);
  }

  // ---- talk with the server
  async post(address, body) {
    const token = JSON.parse(document.body.getAttribute("hx-headers"));
    const reply = await fetch(address, { method: "POST", headers: { "Content-Type": "application/json", ...token }, body: JSON.stringify(body), signal: this.stopper?.signal });
    if (reply.status === 401 || reply.redirected) window.location.reload();
    return reply;
  }

  async explain(body) {
    this.stopper?.abort();
    this.stopper = new AbortController();
    this.waiting = "";
    try {
      const reply = await this.post(this.explainValue, body);
      return reply.ok ? await reply.json() : null;
    } catch (fault) {
      if (fault.name !== "AbortError") this.tell(this.words.no_answer);
      return null;
    }
  }

  async readText() {
    const told = await this.explain({ rule: this.textTarget.value });
    if (!told) return;
    for (const field of told.fields) this.known.set(field.name, field);
    this.whole(told.faults.filter((fault) => fault.term === null));
    if (!told.tree) return;
    this.root = fromTree(told.tree);
    this.dress();
    this.spread(told.faults);
    this.draw();
    if (!told.faults.length) this.count();
  }

  async readTree() {
    const rule = toTree(this.root);
    const told = await this.explain({ tree: rule ?? { op: "all" } });
    if (!told) return;
    this.textTarget.value = rule ? told.text : "";
    this.whole(told.faults.filter((fault) => fault.term === null));
    const before = this.faults.size;
    this.spread(told.faults);
    if (before || this.faults.size) this.drawFaults();
    if (!told.faults.length) this.count();
  }

  // Answers may come in another order than they were asked for: only the last one asked is shown.
  async count() {
    const turn = this.turn = (this.turn ?? 0) + 1;
    const found = branches(this.root);
    const form = new FormData(this.formTarget);
    this.countTarget.classList.add("is-counting");
    try {
      const reply = await this.post(this.countingValue, {
        rule: this.textTarget.value, branches: found.map((one) => one.tree), send_on: form.get("send_on") ?? "", advertiser: form.get("advertiser") ?? "",
      });
      const text = await reply.text();
      if (turn !== this.turn) return;
      this.countTarget.innerHTML = text;
      const figures = JSON.parse(this.countTarget.querySelector("[data-branches]")?.dataset.branches ?? "[]");
      this.figures = new Map(found.map((one, at) => [one.node.id, figures[at]]));
      this.drawFigures();
    } catch (fault) {
      if (fault.name === "AbortError" || turn !== this.turn) return;
      this.countTarget.textContent = this.words.no_answer;
    }
    this.countTarget.classList.remove("is-counting");
  }
  recount() { this.later("", () => this.count(), 150); }

  async valuesOf(field, like) {
    const key = `${field}\n${like}`;
    if (!this.kept.has(key)) this.kept.set(key, fetch(`${this.valuesValue}?${new URLSearchParams({ field, like })}`).then((reply) => (reply.ok ? reply.json() : { values: [] })));
    return this.kept.get(key);
  }
  async placesLike(like) {
    const reply = await fetch(`${this.placesValue}?${new URLSearchParams({ like })}`);
    return reply.ok ? (await reply.json()).groups : [];
  }
  async fieldsLike(like) {
    const reply = await fetch(`${this.fieldsValue}?${new URLSearchParams({ like })}`);
    const { groups } = await reply.json();
    return groups.map((group) => ({ title: group.title, rows: group.fields.map((field) => ({ label: field.label, code: field.op ? "" : field.name, small: field.small, row: field })) }));
  }

  // ---- what a click does
  changed(redraw) {
    if (redraw) this.draw();
    this.figures.clear();
    this.drawFigures();
    this.later("tree", () => this.readTree(), 350);
  }

  dress() {
    walk(this.root, (node) => { if (node.kind === "term" && node.field) node.type = this.known.get(node.field)?.type ?? "category"; });
  }

  add(group, node) {
    group.items.push(node);
    this.picking = node.kind === "term" ? node.id : "";
    if (node.kind === "group") { const first = newTerm(); node.items.push(first); this.picking = first.id; }
    this.focusOn = `${this.picking}-field`;
    this.changed(true);
  }

  take(term, field) {
    this.picking = "";
    if (!field) { this.draw(); return; }
    this.known.set(field.name, field);
    choose(term, field);
    this.focusOn = `${term.id}-${field.op === "segment" ? "segment" : field.op === "within" ? "place" : "op"}`;
    this.changed(true);
  }

  // ---- drawing
  draw() {
    const focused = this.focusOn || document.activeElement?.dataset?.key;
    const [start, end] = [document.activeElement?.selectionStart, document.activeElement?.selectionEnd];
    this.treeTarget.replaceChildren(this.groupBox(this.root, null));
    this.drawFigures();
    const again = focused && this.treeTarget.querySelector(`[data-key="${focused}"]`);
    if (again) {
      if (!this.focusOn) again.dataset.quiet = "1";  // back where one was: no list opens by itself
      again.focus();
      if (!this.focusOn && again.setSelectionRange && /text|search/.test(again.type) && start !== undefined) again.setSelectionRange(start, end);
    }
    this.focusOn = "";
  }

  groupBox(group, parent) {
    const w = this.words, spoken = Object.keys(KINDS).find((kind) => KINDS[kind][0] === group.op && KINDS[kind][1] === group.not);
    const kinds = element("select", { class: "form-select", "aria-label": w.group_kind, "data-key": `${group.id}-kind`, onchange: (event) => { [group.op, group.not] = KINDS[event.target.value]; this.changed(); } },
      Object.keys(KINDS).map((kind) => element("option", { value: kind, selected: kind === spoken }, w.groups[kind])));
    const head = element("div", { class: "branch-head" }, parent ? this.grip(group) : null, kinds, element("span", { class: "term-end" }, this.figure(group), parent ? this.tools(group) : null));
    const list = element("ul", { class: "branch-list", ondragover: (event) => event.preventDefault(), ondrop: (event) => this.drop(event, group, true) },
      group.items.map((item) => element("li", { class: item.kind === "group" ? "branch" : "term", "data-node": item.id, ondrop: (event) => this.drop(event, item, false) },
        item.kind === "group" ? this.groupBox(item, group) : this.termBox(item))));
    if (!group.items.length) list.append(element("li", { class: "branch-empty" }, parent ? w.empty_group : w.everybody_yet));
    return element("div", { class: "branch-box", role: "group", "aria-label": w.groups[spoken] }, head, list,
      element("div", { class: "branch-foot" },
        element("button", { type: "button", class: "btn btn-quiet btn-small", "data-key": `${group.id}-add`, onclick: () => this.add(group, newTerm()) }, icon("plus"), ` ${w.add_condition}`),
        element("button", { type: "button", class: "btn btn-quiet btn-small", "data-key": `${group.id}-addgroup`, onclick: () => this.add(group, newGroup(group.op === "and" ? "or" : "and")) }, icon("plus"), ` ${w.add_group}`)));
  }

  termBox(term) {
    const line = element("div", { class: "term-line" }, this.grip(term), this.fieldBox(term), ...this.terms.boxes(term), element("span", { class: "term-end" }, this.figure(term), this.tools(term)));
    const box = element("div", { class: "term-box" }, line);
    this.addFault(box, term);
    return box;
  }

  fieldBox(term) {
    const w = this.words;
    if (this.picking === term.id) {
      const { box } = suggestBox({
        label: w.field, placeholder: w.find_field, key: `${term.id}-field`, ask: (like) => this.fieldsLike(like), take: (row) => this.take(term, row),
        close: () => { if (this.picking === term.id) { this.picking = ""; this.draw(); } },
      });
      return element("span", { class: "field-picker" }, box);
    }
    const special = { within: w.within_field, segment: w.segment_field, all: w.everybody }[term.op];
    const known = this.known.get(term.field);
    const label = special ?? known?.label ?? term.field;
    return element("button", { type: "button", class: `btn btn-quiet field-button${label ? "" : " is-empty"}`, title: special ? null : term.field, "aria-haspopup": "listbox", "data-key": `${term.id}-field`, onclick: () => { this.picking = term.id; this.focusOn = `${term.id}-field`; this.draw(); } }, label || w.choose_field, icon("chevron-down"));
  }

  figure(node) { return element("output", { class: "branch-count", "data-figure": node.id }); }

  grip(node) {
    return element("span", { class: "grip", draggable: "true", "aria-hidden": "true", title: this.words.drag, ondragstart: (event) => { event.dataTransfer.setData("text/plain", node.id); event.dataTransfer.effectAllowed = "move"; } }, "⠿");
  }

  tools(node) {
    const w = this.words;
    const button = (name, label, act) => element("button", { type: "button", class: "tool", "aria-label": label, title: label, "data-key": `${node.id}-${name}`, onclick: () => { act(); this.changed(true); } }, icon(name));
    return element("span", { class: "branch-tools" },
      button("chevron-up", w.up, () => move(this.root, node, -1)), button("chevron-down", w.down, () => move(this.root, node, 1)),
      node.kind === "term" ? button("list", w.enclose, () => { const made = enclose(this.root, node); this.picking = made.id; this.focusOn = `${made.id}-field`; }) : null,
      button("trash", w.remove, () => { const parent = parentOf(this.root, node.id); remove(this.root, node); this.focusOn = `${parent.id}-add`; }));
  }

  drop(event, target, into) {
    event.preventDefault();
    event.stopPropagation();
    const id = event.dataTransfer.getData("text/plain");
    let node = null;
    walk(this.root, (one) => { if (one.id === id) node = one; });
    if (!node || node === target || node === this.root) return;
    place(this.root, node, target, into);
    this.changed(true);
  }

  drawFigures() {
    for (const made of this.treeTarget.querySelectorAll("[data-figure]")) {
      const figure = this.figures.get(made.dataset.figure);
      made.textContent = typeof figure === "number" ? this.number.format(figure) : "";
    }
    const open = unfinished(this.root);
    this.leftTarget.textContent = open ? this.words.unfinished.replace("{count}", open) : "";
  }

  // ---- faults
  spread(faults) {
    const terms = finishedTerms(this.root);
    this.faults = new Map(faults.filter((fault) => fault.term !== null && terms[fault.term]).map((fault) => [terms[fault.term].id, fault]));
  }
  whole(faults) {
    this.told(faults[0]);
  }
  told(fault) {
    this.toldTarget.replaceChildren();
    this.textTarget.classList.toggle("is-invalid", Boolean(fault));
    if (!fault) return;
    const at = fault.position;
    this.toldTarget.append(fault.sentence, at ? element("button", { type: "button", class: "btn-link", onclick: () => { this.textTarget.focus(); this.textTarget.setSelectionRange(at - 1, at - 1 + (fault.length || 1)); } }, this.words.show_place) : "");
  }
  tell(sentence) { this.toldTarget.textContent = sentence; }

  drawFaults() {
    for (const made of this.treeTarget.querySelectorAll(".fault")) made.remove();
    walk(this.root, (node) => {
      if (node.kind === "term") this.addFault(this.treeTarget.querySelector(`[data-node="${node.id}"] > .term-box`), node);
    });
  }
  addFault(box, term) {
    const fault = this.faults.get(term.id);
    box?.classList.toggle("is-wrong", Boolean(fault));
    if (!fault || !box) return;
    box.append(element("div", { class: "fault", role: "alert" }, fault.sentence, ...fault.fixes.map((fix) => element("button", { type: "button", class: "chip", onclick: () => this.mend(term, fix) }, fix.label))));
  }
  mend(term, fix) {
    if (fix.field) { this.known.set(fix.field.name, fix.field); term.field = fix.field.name; term.type = fix.field.type; } else Object.assign(term, fix.set);
    this.faults.delete(term.id);
    this.changed(true);
  }
});
