// One condition's own boxes: what is compared with what. Changes are told by `changed(redraw)`.
import { OPERATORS, setOperator } from "./model.js";
import { element, icon, suggestBox } from "./suggest.js";

const DAY = /^\d{4}-\d{2}-\d{2}$/;

export class TermEditor {
  // `words` the page's texts, `ask` what the server knows of fields, `changed` tells the tree.
  constructor(words, ask, changed, segments) {
    Object.assign(this, { words, ask, changed, segments });
  }

  boxes(term) {
    if (term.op === "all") return [element("span", { class: "term-word" }, this.words.everybody)];
    if (term.op === "segment") return [this.turned(term, this.words.in_segment, this.words.not_in_segment), this.segmentBox(term)];
    if (term.op === "within") return [this.turned(term, this.words.within, this.words.not_within), ...this.withinBoxes(term)];
    if (!term.field) return [];
    return [this.operatorBox(term), ...this.valueBoxes(term)];
  }

  turned(term, plain, turned) {
    return this.choice(`${term.id}-turn`, this.words.operator, [["", plain], ["not", turned]], term.not ? "not" : "", (value) => { term.not = value === "not"; this.changed(); });
  }

  choice(key, label, options, value, take) {
    return element("select", { class: "form-select", "aria-label": label, "data-key": key, onchange: (event) => take(event.target.value) },
      options.map(([code, text]) => element("option", { value: code, selected: code === value }, text)));
  }

  operatorBox(term) {
    const spoken = (term.not ? "not " : "") + term.op;
    const known = OPERATORS[term.type] ?? OPERATORS.category;
    const offered = known.includes(spoken) ? known : [spoken, ...known];
    const names = this.words.operators;
    return this.choice(`${term.id}-op`, this.words.operator, offered.map((code) => [code, names[`${term.type}:${code}`] ?? names[code] ?? `${this.words.not} ${names[code.replace(/^not /, "")]}`]), spoken,
      (value) => { setOperator(term, value); this.changed(true); });
  }

  valueBoxes(term) {
    if (term.op === "missing") return [];
    if (term.op === "between") return [this.valueBox(term, "low"), element("span", { class: "term-word" }, this.words.and), this.valueBox(term, "high")];
    if (term.op === "in") return [this.chips(term)];
    return [this.valueBox(term, "value")];
  }

  valueBox(term, name) {
    if (term.type === "bool") return this.choice(`${term.id}-${name}`, this.words.value, [["true", this.words.yes], ["false", this.words.no]], String(term[name] ?? true), (value) => { term[name] = value === "true"; this.changed(); });
    if (term.type === "number") return this.numberBox(term, name);
    if (term.type === "date") return this.dayBox(term, name);
    return suggestBox({
      label: this.words.value, value: term[name] ?? "", key: `${term.id}-${name}`, free: true,
      ask: (like) => this.values(term, like), take: (row, typed) => { const next = row ?? typed; if (next === term[name]) return; term[name] = next; this.changed(row !== null); },
    }).box;
  }

  numberBox(term, name) {
    const box = element("input", {
      class: "form-control number", type: "text", inputmode: "decimal", "aria-label": name === "low" ? this.words.from : name === "high" ? this.words.to : this.words.value,
      autocomplete: "off", "data-key": `${term.id}-${name}`, value: term[name] ?? "",
      oninput: (event) => { const typed = event.target.value.trim().replace(/[\s\u00a0\u202f]/g, "").replace(",", "."); term[name] = typed === "" ? undefined : Number.isNaN(Number(typed)) ? typed : Number(typed); this.changed(); },
    });
    this.hint(term, box);
    return box;
  }

  dayBox(term, name) {
    const value = term[name];
    const relative = typeof value === "object" && value !== null;
    const mode = this.choice(`${term.id}-${name}-mode`, this.words.day_kind, [["day", this.words.day], ["ago", this.words.ago], ["ahead", this.words.ahead]], relative ? (value.today > 0 ? "ahead" : "ago") : "day",
      (kind) => { term[name] = kind === "day" ? undefined : { today: kind === "ago" ? -30 : 30, unit: "days" }; this.changed(true); });
    if (!relative) {
      const box = element("input", { class: "form-control", type: "date", "aria-label": this.words.day, "data-key": `${term.id}-${name}`, value: DAY.test(value ?? "") ? value : "", onchange: (event) => { term[name] = event.target.value || undefined; this.changed(); } });
      return element("span", { class: "term-pair" }, mode, box);
    }
    const sign = value.today > 0 ? 1 : -1;
    const number = element("input", { class: "form-control number", type: "number", min: 0, max: 100000, step: 1, "aria-label": this.words.how_many, "data-key": `${term.id}-${name}`, value: Math.abs(value.today),
      oninput: (event) => { value.today = sign * Math.max(0, Math.floor(Number(event.target.value) || 0)); this.changed(); } });
    const unit = this.choice(`${term.id}-${name}-unit`, this.words.unit, ["days", "weeks", "months", "years"].map((one) => [one, this.words.units[one]]), value.unit, (one) => { value.unit = one; this.changed(); });
    return element("span", { class: "term-pair" }, number, unit, mode);
  }

  chips(term) {
    term.values ??= [];
    const add = (given) => {
      const parts = term.type === "number" ? String(given).split(/[;\s]+/).filter(Boolean).map((one) => one.replace(",", ".")).map((one) => (Number.isNaN(Number(one)) ? one : Number(one))) : [String(given).trim()];
      const fresh = parts.filter((one) => one !== "" && !term.values.includes(one));
      if (fresh.length) { term.values.push(...fresh); this.changed(true); }
    };
    const { box } = suggestBox({
      label: this.words.add_value, key: `${term.id}-values`, free: "commit", numeric: term.type === "number", placeholder: this.words.add_value,
      ask: (like) => this.values(term, like), take: (row, typed) => add(row ?? typed),
    });
    return element("span", { class: "term-chips" },
      term.values.map((value) => element("span", { class: "chip" }, String(value), element("button", { type: "button", class: "chip-out", "aria-label": `${this.words.take_out} ${value}`, onclick: () => { term.values = term.values.filter((one) => one !== value); this.changed(true); } }, icon("x")))), box);
  }

  withinBoxes(term) {
    const km = element("input", { class: "form-control number", type: "number", min: 1, max: 2000, step: "any", "aria-label": this.words.kilometres, "data-key": `${term.id}-km`, value: term.km ?? "", oninput: (event) => { term.km = Number(event.target.value); this.changed(); } });
    const place = Number.isFinite(term.lat) ? `${term.lat}, ${term.lon}` : term.postcode ?? "";
    const { box } = suggestBox({
      label: this.words.postcode, key: `${term.id}-place`, value: place, free: true, placeholder: this.words.postcode,
      ask: (like) => this.ask.places(like), take: (row, typed) => {
        const given = (row ?? typed).trim(), degrees = /^(-?\d+(?:\.\d+)?)\s*,\s*(-?\d+(?:\.\d+)?)$/.exec(given);
        delete term.lat; delete term.lon; delete term.postcode;
        if (degrees) { term.lat = Number(degrees[1]); term.lon = Number(degrees[2]); } else if (given) term.postcode = given;
        this.changed(row !== null);
      },
    });
    return [km, element("span", { class: "term-word" }, this.words.km_of), box];
  }

  segmentBox(term) {
    const known = this.segments.map((one) => [one.code, one.name]);
    if (term.segment && !known.some(([code]) => code === term.segment)) known.unshift([term.segment, term.segment]);
    return this.choice(`${term.id}-segment`, this.words.segment, [["", this.words.choose_segment], ...known], term.segment ?? "", (code) => { term.segment = code; this.changed(); });
  }

  async values(term, like) {
    const known = await this.ask.values(term.field, like);
    return [{ title: "", rows: known.values.map((one) => ({ label: String(one.value), small: one.shown, row: one.value })) }];
  }

  // The range of a number, told once known, under its box.
  async hint(term, box) {
    const known = await this.ask.values(term.field, "").catch(() => null);
    if (known?.low !== undefined && box.isConnected) box.placeholder = `${known.low} – ${known.high}`;
  }
}
