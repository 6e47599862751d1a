// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
// The line to the server, one for all tabs of a browser. A browser has six connections for a host
// and a stream holds one for as long as its tab is open: with a stream of its own, every sixth tab
// would leave none for anything else.
//
// The tab that holds a lock leads: it has the stream, and tells the others what comes. A tab that
// is new takes the state from a stream that ends with it. When the leading tab closes, the browser
// gives the lock to the next one. Where a page has no locks, because it is neither local nor over
// TLS, each tab has its own stream, and none while it is hidden.

import { Stream } from "./stream.js";

/// Two Studios below one address have a line each.
const NAME = `atrion-studio ${location.pathname}`;
/// A frame comes at least every ten seconds, and a tab that leads says after 15 s that none does.
const SILENCE = 20000;

export function line(on, link, refused) {
  const shares = "locks" in navigator && "BroadcastChannel" in window;
  return shares ? new Shared(on, link, refused) : new Alone(on, link, refused);
}

class Shared {
  /// on(event, data), link("live" | "lost" | "waiting" | "paused"), refused(): the session or the
  /// license has ended.
  constructor(on, link, refused) {
    Object.assign(this, { on, link, refused, state: "waiting", closing: new AbortController() });
    this.channel = new BroadcastChannel(NAME);
    this.channel.onmessage = ({ data }) => this.hear(data);
    this.heard = Date.now();
    this.timer = setInterval(() => this.check(), 1000);
    navigator.locks.request(NAME, { ifAvailable: true }, (lock) => (lock ? this.lead() : this.join())).catch(() => this.queue());
  }

  /// Leads until the line is closed, or another tab takes the lead because this one is silent.
  lead() {
    if (this.closing.signal.aborted) return null;
    this.stream?.close();
    this.missed = null;
    this.stream = new Stream((event, text, id) => this.tell({ event, text, id }), (state) => state === "lost" && this.tell({ link: state }), () => this.tell({ refused: true }));
    this.leads = true;
    return new Promise((resolve) => this.closing.signal.addEventListener("abort", resolve));
  }

  /// Takes the state from a stream that ends with it; what the leading tab tells meanwhile waits.
  join() {
    this.missed = [];
    this.stream = new Stream((event, text, id) => this.hear({ event, text, id }), this.link, this.refused);
    this.queue();
  }

  queue() {
    if (this.leads) this.stream?.close();
    this.leads = false;
    const { signal } = this.closing;
    if (!signal.aborted) navigator.locks.request(NAME, { signal }, () => this.lead()).catch(() => this.queue());
  }

  tell(message) {
    this.channel.postMessage(message);
    this.hear(message);
  }

  hear(message) {
    if (this.closing.signal.aborted) return;
    this.heard = Date.now();
    if (message.refused) return this.refused();
    this.state = message.link ?? "live";
    if (message.event === "state") this.begin(message);
    else if (message.event && this.missed) this.missed.push(message);
    else if (message.event) this.on(message.event, JSON.parse(message.text));
    if (!this.missed) this.link(this.state);
  }

  begin({ event, text, id }) {
    if (!this.leads) this.stream?.close();
    const later = (this.missed ?? []).filter((message) => isAfter(message.id, id));
    this.missed = null;
    this.on(event, JSON.parse(text));
    for (const message of later) this.on(message.event, JSON.parse(message.text));
  }

  /// A leading tab without a connection says so again; one that is silent is frozen or gone, and a
  /// tab that is looked at takes its lead.
  check() {
    if (this.leads) {
      if (this.state === "lost") this.channel.postMessage({ link: this.state });
    } else if (Date.now() - this.heard > SILENCE && !document.hidden) {
      this.heard = Date.now();
      this.link("lost");
      navigator.locks.request(NAME, { steal: true }, () => this.lead()).catch(() => this.queue());
    }
  }

  close() {
    this.closing.abort();
    clearInterval(this.timer);
    this.channel.close();
    this.stream?.close();
  }
}

class Alone {
  constructor(on, link, refused) {
    Object.assign(this, { on, link, refused, turn: () => this.look() });
    document.addEventListener("visibilitychange", this.turn);
    this.look();
  }

  look() {
    this.stream?.close();
    this.stream = document.hidden ? null : new Stream((event, text) => this.on(event, JSON.parse(text)), this.link, this.refused);
    if (document.hidden) this.link("paused");
  }

  close() {
    document.removeEventListener("visibilitychange", this.turn);
    this.stream?.close();
  }
}

/// Whether a message came after the state. Its id is the life of the server, a dash and a number.
function isAfter(message, state) {
  const [life, number] = message.split("-");
  const [lifeThen, numberThen] = state.split("-");
  return life === lifeThen && Number(number) > Number(numberThen);
}
