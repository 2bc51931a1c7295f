// A large file on its way in pieces: hashed, sent again after a cut, paused, gone on with after a reload.
// Without scripts the form around it sends the file whole.
document.addEventListener("DOMContentLoaded", () => {
  const SMALLEST = 1 << 20, LARGEST = 16 << 20, AIM = 4, MOST_TRIES = 12;
  const wait = (seconds) => new Promise((done) => { setTimeout(done, 1000 * seconds); });

  application.register("parts", class extends Stimulus.Controller {
    static targets = ["file", "button", "panel", "bar", "say", "pace", "pause", "resume", "cancel", "name"];
    static values = {
      begin: String, base: String, token: String, locale: String, most: Number,
      sending: String, left: String, lost: String, paused: String, checking: String, large: String, failed: String, ask: String,
    };

    connect() {
      this.guard = (event) => { if (this.running) event.preventDefault(); };
      this.back = () => { if (this.waiting) this.waiting(); };
      window.addEventListener("beforeunload", this.guard);
      window.addEventListener("online", this.back);
    }

    disconnect() {
      window.removeEventListener("beforeunload", this.guard);
      window.removeEventListener("online", this.back);
    }

    async send(event) {
      const file = this.fileTarget.files[0];
      if (!file) return;
      event.preventDefault();
      if (file.size > this.mostValue) { this.tell(this.largeValue, true); return; }
      this.file = file;
      this.kind = this.element.querySelector("[name=kind]:checked")?.value ?? "contacts";
      this.lock(true);
      this.tell(this.checkingValue);
      try {
        this.mark = `upload ${this.baseValue} ${this.kind} ${await this.fingerprint(file)}`;
        this.upload = await this.known() ?? await this.announce();
      } catch (refusal) {
        this.stop(refusal.sentence ?? this.failedValue);
        return;
      }
      window.localStorage.setItem(this.mark, this.upload.upload);
      this.piece = SMALLEST;
      this.begun = { at: performance.now(), bytes: this.upload.size_bytes };
      this.panelTarget.hidden = false;
      this.nameTarget.textContent = file.name;
      this.pump();
    }

    // The same file begun before, in this browser: the server knows how much of it came.
    async known() {
      const code = window.localStorage.getItem(this.mark);
      if (!code) return null;
      const reply = await fetch(`/uploads/${code}/state`);
      const upload = reply.ok ? await reply.json() : null;
      return upload && upload.state === "receiving" && upload.whole_bytes === this.file.size ? upload : null;
    }

    async announce() {
      const form = new FormData();
      form.set("kind", this.kind);
      form.set("file_name", this.file.name);
      form.set("whole_bytes", this.file.size);
      const reply = await fetch(this.beginValue, { method: "POST", body: form, headers: { "X-CSRF-Token": this.tokenValue } });
      const told = await reply.json();
      if (!reply.ok) throw told;
      return told;
    }

    // What tells this file from another of the same name: never leaves the browser.
    async fingerprint(file) {
      const plain = `${file.name} ${file.size} ${file.lastModified}`;
      if (!window.crypto?.subtle) return plain;
      const ends = new Blob([plain, file.slice(0, SMALLEST), file.slice(-SMALLEST)]);
      return this.hex(await crypto.subtle.digest("SHA-256", await ends.arrayBuffer()));
    }

    hex(bytes) { return Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join(""); }

    async pump() {
      let tries = 0;
      this.running = true;
      this.buttons("pause", "cancel");
      while (this.running && this.upload.size_bytes < this.file.size) {
        const from = this.upload.size_bytes, began = performance.now();
        const blob = this.file.slice(from, from + this.piece);
        const reply = await this.put(blob, from);
        if (!this.running) return;
        if (reply.status === 200) {
          this.upload = reply.told;
          const seconds = Math.max(0.05, (performance.now() - began) / 1000);
          this.piece = Math.min(LARGEST, Math.max(SMALLEST, Math.round((this.piece * AIM) / seconds)));
          tries = 0;
        } else if (reply.told?.code === "wrong_offset") {
          this.upload.size_bytes = reply.told.size_bytes;
        } else if (reply.status >= 400 && reply.status < 500 && reply.status !== 429 && reply.told?.code !== "damaged_piece") {
          window.localStorage.removeItem(this.mark);
          this.stop(reply.told?.sentence ?? this.failedValue);
          return;
        } else {
          tries += 1;
          if (tries > MOST_TRIES) { this.pause(); return; }
          this.tell(this.lostValue);
          await this.pauseFor(Math.min(30, 2 ** tries));
          await this.catchUp();
        }
      }
      if (!this.running) return;
      this.running = false;
      window.localStorage.removeItem(this.mark);
      window.location.assign(this.upload.page);
    }

    put(blob, from) {
      return new Promise((done) => {
        const request = new XMLHttpRequest();
        this.request = request;
        request.open("PUT", `${this.upload.at}?offset=${from}`);
        request.setRequestHeader("X-CSRF-Token", this.tokenValue);
        request.upload.addEventListener("progress", (step) => this.show(from + step.loaded));
        const end = () => {
          let told = null;
          try { told = JSON.parse(request.responseText); } catch { /* a page of a proxy, or nothing */ }
          done({ status: told ? request.status : request.status === 200 ? 0 : request.status, told });
        };
        for (const name of ["load", "error", "abort", "timeout"]) request.addEventListener(name, end);
        this.digest(blob).then((digest) => {
          if (digest) request.setRequestHeader("Content-Digest", `sha-256=:${digest}:`);
          if (this.running) request.send(blob); else done({ status: 0, told: null });
        });
      });
    }

    async digest(blob) {
      if (!window.crypto?.subtle) return null;
      const bytes = new Uint8Array(await crypto.subtle.digest("SHA-256", await blob.arrayBuffer()));
      return btoa(String.fromCharCode(...bytes));
    }

    // Seconds, or until the line is back.
    async pauseFor(seconds) {
      await Promise.race([wait(seconds), new Promise((done) => { this.waiting = done; })]);
      this.waiting = null;
    }

    async catchUp() {
      try {
        const reply = await fetch(this.upload.ask);
        if (reply.ok) this.upload = await reply.json();
      } catch { /* still away: the next piece tells */ }
    }

    pause() {
      this.running = false;
      this.request?.abort();
      this.tell(this.pausedValue);
      this.paceTarget.textContent = "";
      this.buttons("resume", "cancel");
    }

    async resume() {
      await this.catchUp();
      this.begun = { at: performance.now(), bytes: this.upload.size_bytes };
      this.pump();
    }

    async cancel() {
      if (!window.confirm(this.askValue)) return;
      this.running = false;
      this.request?.abort();
      window.localStorage.removeItem(this.mark);
      await fetch(this.upload.discard, { method: "POST", headers: { "X-CSRF-Token": this.tokenValue } });
      window.location.reload();
    }

    show(sent) {
      const share = Math.min(1, sent / this.file.size);
      this.barTarget.max = 1;
      this.barTarget.value = share;
      const seconds = (performance.now() - this.begun.at) / 1000;
      const rate = (sent - this.begun.bytes) / Math.max(0.2, seconds);
      this.tell(`${this.sendingValue} ${new Intl.NumberFormat(this.localeValue, { style: "percent", maximumFractionDigits: 0 }).format(share)}`);
      if (seconds < 1 || rate <= 0) return;
      const remaining = Math.round((this.file.size - sent) / rate);
      this.paceTarget.textContent = `${this.size(rate)}/s · ${this.leftValue} ${this.duration(remaining)}`;
    }

    size(bytes) {
      const units = ["byte", "kilobyte", "megabyte", "gigabyte"];
      let at = 0;
      while (bytes >= 1000 && at < 3) { bytes /= 1000; at += 1; }
      return new Intl.NumberFormat(this.localeValue, { style: "unit", unit: units[at], maximumFractionDigits: 1 }).format(bytes);
    }

    duration(seconds) {
      const unit = seconds < 90 ? ["second", seconds] : seconds < 5400 ? ["minute", Math.round(seconds / 60)] : ["hour", Math.round(seconds / 360) / 10];
      return new Intl.NumberFormat(this.localeValue, { style: "unit", unit: unit[0], unitDisplay: "long" }).format(unit[1]);
    }

    buttons(...shown) {
      for (const name of ["pause", "resume", "cancel"]) this[`${name}Target`].hidden = !shown.includes(name);
    }

    lock(locked) {
      this.buttonTarget.disabled = locked;
      this.fileTarget.disabled = locked;
      for (const input of this.element.querySelectorAll("[name=kind]")) input.disabled = locked;
    }

    tell(words, bad = false) {
      this.sayTarget.textContent = words;
      this.sayTarget.classList.toggle("text-danger", bad);
    }

    stop(words) {
      this.running = false;
      this.lock(false);
      this.panelTarget.hidden = true;
      this.tell(words, true);
    }
  });

  // A column's own fields: the name and type of a trait are asked for where the column is one.
  application.register("column", class extends Stimulus.Controller {
    static targets = ["field", "trait", "policy"];
    connect() { this.follow(); }
    follow() {
      const field = this.fieldTarget.value;
      for (const one of this.traitTargets) one.hidden = field !== "trait";
      const fixed = this.fieldTarget.selectedOptions[0]?.dataset.fixed === "yes" || field === "ignored";
      for (const one of this.policyTargets) { one.disabled = fixed; one.classList.toggle("is-fixed", fixed); }
      this.element.classList.toggle("is-ignored", field === "ignored");
      this.dispatch("changed", { bubbles: true });
    }
  });

  // Two columns on one field: said at once, not only by the server.
  application.register("columns", class extends Stimulus.Controller {
    static targets = ["field", "warning"];
    static values = { twice: String };
    connect() { this.look(); }
    look() {
      const counted = new Map();
      for (const field of this.fieldTargets) {
        if (field.value !== "trait" && field.value !== "ignored") counted.set(field.value, [...(counted.get(field.value) ?? []), field]);
      }
      const doubled = [...counted.values()].filter((fields) => fields.length > 1);
      for (const field of this.fieldTargets) field.classList.toggle("is-invalid", doubled.some((fields) => fields.includes(field)));
      this.warningTarget.hidden = doubled.length === 0;
      this.warningTarget.textContent = doubled.map((fields) => this.twiceValue.replace("{field}", fields[0].selectedOptions[0].text.trim())
        .replace("{columns}", fields.map((field) => `“${field.dataset.header}”`).join(", "))).join(" ");
    }
  });
});
