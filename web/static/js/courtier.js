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

// A file on its way: shows how much has left; without scripts the form is sent as it is.
application.register("upload", class extends Stimulus.Controller {
  static targets = ["bar", "say", "button", "file"];
  static values = { sending: String, failed: String };

  send(event) {
    if (!this.fileTarget.files.length) return;
    event.preventDefault();
    const form = this.element;
    const request = new XMLHttpRequest();
    request.open("POST", form.action);
    request.setRequestHeader("X-Requested-With", "upload");
    request.upload.addEventListener("progress", (step) => {
      if (!step.lengthComputable) return;
      this.barTarget.max = step.total;
      this.barTarget.value = step.loaded;
      this.sayTarget.textContent = `${this.sendingValue} ${Math.floor((100 * step.loaded) / step.total)} %`;
    });
    request.addEventListener("load", () => {
      if (request.status < 400) { window.location.assign(request.responseURL); return; }
      const page = new DOMParser().parseFromString(request.responseText, "text/html");
      const told = page.querySelector("[data-refusal]");
      this.stop(told ? told.textContent.trim() : this.failedValue);
    });
    request.addEventListener("error", () => this.stop(this.failedValue));
    this.barTarget.hidden = false;
    this.buttonTarget.disabled = true;
    request.send(new FormData(form));
  }

  stop(sentence) {
    this.barTarget.hidden = true;
    this.buttonTarget.disabled = false;
    this.sayTarget.textContent = sentence;
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
  static values = { x: Array, series: Array, locale: String, time: Boolean, euros: Boolean };
  connect() {
    const colours = ["#1c6b5d", "#b98127", "#4a8fc6", "#a33a27"];
    const figures = new Intl.NumberFormat(this.localeValue, this.eurosValue ? { style: "currency", currency: "EUR", maximumFractionDigits: 0 } : {});
    const write = (_, values) => values.map((value) => (value == null ? "" : figures.format(value)));
    const options = {
      width: this.element.clientWidth, height: 240,
      cursor: { drag: { x: false, y: false } },
      scales: { x: { time: this.timeValue } },
      axes: [
        { stroke: "#5a6762", grid: { show: false }, incrs: this.timeValue ? undefined : [1, 2, 5, 10, 20, 50, 100, 500, 1000], font: "13px Source Sans 3", ticks: { stroke: "#e4dfd2" } },
        { stroke: "#5a6762", grid: { stroke: "#ece7db" }, font: "13px Source Sans 3", values: write, size: 70, ticks: { show: false } },
      ],
      series: [{}, ...this.seriesValue.map((one, index) => ({
        label: one.label, stroke: colours[index], width: 2, fill: `${colours[index]}1c`,
        value: (_, value) => (value == null ? "—" : figures.format(value)), points: { show: this.xValue.length < 40, size: 6, fill: colours[index] },
      }))],
    };
    this.plot = new uPlot(options, [this.xValue, ...this.seriesValue.map((one) => one.values)], this.element);
    this.watch = new ResizeObserver(() => this.plot.setSize({ width: this.element.clientWidth, height: 240 }));
    this.watch.observe(this.element);
  }
  disconnect() { this.watch?.disconnect(); this.plot?.destroy(); }
});

// htmx shows refusals (4xx) in place too: they are sentences for the reader.
document.addEventListener("htmx:beforeSwap", (event) => {
  const status = event.detail.xhr.status;
  if (status === 409 || status === 422 || status === 503 || status === 429) {
    event.detail.shouldSwap = true;
    event.detail.isError = false;
  }
});
