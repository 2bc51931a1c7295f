// The pages work without scripts; these make them smoother. No inline code anywhere (Content-Security-Policy).
document.documentElement.classList.add("js");

const application = Stimulus.Application.start();

// The menu of a narrow screen.
application.register("menu", class extends Stimulus.Controller {
  toggle(event) {
    const open = this.element.classList.toggle("is-open");
    event.currentTarget.setAttribute("aria-expanded", String(open));
  }
});

// Tabs that do not fit: the present one is brought into sight.
application.register("tabs", class extends Stimulus.Controller {
  connect() {
    const here = this.element.querySelector("[aria-current]");
    if (here) this.element.scrollLeft = here.offsetLeft - this.element.offsetLeft - (this.element.clientWidth - here.offsetWidth) / 2;
  }
});

// A one-line piece of news stands in the address (?done=): taken out, so that a reload does not tell it again.
application.register("notice", class extends Stimulus.Controller {
  connect() {
    const address = new URL(window.location.href);
    address.searchParams.delete("done");
    window.history.replaceState(null, "", address);
  }
});

// A question before something that cannot be undone.
application.register("confirm", class extends Stimulus.Controller {
  static values = { question: String };
  ask(event) {
    if (!window.confirm(this.questionValue)) event.preventDefault();
  }
});

// Puts an example rule, or a field's name, where the cursor is.
application.register("rule", class extends Stimulus.Controller {
  static targets = ["text"];
  insert(event) {
    const area = this.textTarget;
    const piece = event.currentTarget.dataset.piece;
    const start = area.selectionStart, end = area.selectionEnd;
    const before = area.value.slice(0, start);
    const glue = before && !/\s$/.test(before) ? (area.value.trim() ? " and " : "") : "";
    area.setRangeText(glue + piece, start, end, "end");
    area.focus();
    area.dispatchEvent(new Event("change", { bubbles: true }));
  }
});

// A chart from figures in the page; the same figures stand in a table beside it.
application.register("chart", class extends Stimulus.Controller {
  static values = { x: Array, series: Array, locale: String, time: Boolean, euros: Boolean, percent: Boolean };
  connect() {
    const colours = ["#1c6b5d", "#b98127", "#4a8fc6", "#a33a27", "#7a5ea8", "#5d7f2d", "#c2688a", "#59636e", "#2fa39a", "#8a6a4f"];
    const style = this.eurosValue ? { style: "currency", currency: "EUR", maximumFractionDigits: 0 }
      : this.percentValue ? { style: "percent", maximumFractionDigits: 2 } : {};
    const figures = new Intl.NumberFormat(this.localeValue, style);
    const write = (_, values) => values.map((value) => (value == null ? "" : figures.format(value)));
    // Moments are read as on the rest of the pages: by the clock of Paris.
    const zone = "Europe/Paris";
    const full = new Intl.DateTimeFormat(this.localeValue, { dateStyle: "medium", timeZone: zone });
    const dayOf = new Intl.DateTimeFormat(this.localeValue, { day: "numeric", month: "short", timeZone: zone });
    const days = (_, splits, __, ___, step) => {
      const form = step < 86400 ? { hour: "2-digit", minute: "2-digit" }
        : step < 2419200 ? { day: "numeric", month: "short" } : { month: "short", year: "numeric" };
      const written = new Intl.DateTimeFormat(this.localeValue, { ...form, timeZone: zone });
      let before = "", day = "";
      return splits.map((split) => {
        const moment = new Date(split * 1000), label = written.format(moment), date = dayOf.format(moment);
        if (label === before && date === day) return "";  // ticks closer than what is written say nothing new
        const newDay = step < 86400 && date !== day;
        before = label;
        day = date;
        return newDay ? `${label}\n${date}` : label;
      });
    };
    // Nobody points at a moment: the legend shows the latest figures.
    const latest = (plot) => { if (plot.cursor.idx == null) plot.setLegend({ idx: this.xValue.length - 1 }); };
    const filled = this.seriesValue.length < 3;
    const options = {
      width: this.element.clientWidth, height: 240,
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), zone),
      hooks: { ready: [latest], setCursor: [latest] },
      cursor: { drag: { x: false, y: false } },
      scales: {
        // One moment alone stands in the middle of a week.
        x: this.timeValue && this.xValue.length === 1
          ? { time: true, range: [this.xValue[0] - 302400, this.xValue[0] + 302400] } : { time: this.timeValue },
        y: { range: (_, low, high) => [Math.min(0, low ?? 0), high > 0 ? (this.percentValue ? Math.min(high * 1.08, Math.max(1, high)) : high * 1.08) : 1] },
      },
      axes: [
        { stroke: "#5a6762", grid: { show: false }, incrs: this.timeValue ? undefined : [1, 2, 5, 10, 20, 50, 100, 500, 1000], values: this.timeValue ? days : undefined, space: 70, font: "13px Source Sans 3", ticks: { stroke: "#e4dfd2" } },
        { stroke: "#5a6762", grid: { stroke: "#ece7db" }, font: "13px Source Sans 3", values: write, size: 70, ticks: { show: false } },
      ],
      series: [{ value: this.timeValue ? (_, x) => (x == null ? "—" : full.format(new Date(x * 1000))) : undefined }, ...this.seriesValue.map((one, index) => ({
        label: one.label, stroke: colours[index % colours.length], width: 2, fill: filled ? `${colours[index % colours.length]}1c` : undefined, spanGaps: true,
        value: (_, value) => (value == null ? "—" : figures.format(value)), points: { show: this.xValue.length < 40, size: 6, fill: colours[index % colours.length] },
      }))],
    };
    this.plot = new uPlot(options, [this.xValue, ...this.seriesValue.map((one) => one.values)], this.element);
    this.watch = new ResizeObserver(() => this.plot.setSize({ width: this.element.clientWidth, height: 240 }));
    this.watch.observe(this.element);
  }
  disconnect() { this.watch?.disconnect(); this.plot?.destroy(); }
});

// The page as paper, or as PDF by the browser's own dialogue.
application.register("print", class extends Stimulus.Controller {
  now() { window.print(); }
});

// htmx shows refusals (4xx) in place too: they are sentences for the reader.
document.addEventListener("htmx:beforeSwap", (event) => {
  const status = event.detail.xhr.status;
  if (status === 409 || status === 422 || status === 503 || status === 429) {
    event.detail.shouldSwap = true;
    event.detail.isError = false;
  }
});
