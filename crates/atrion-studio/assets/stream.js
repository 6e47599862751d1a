// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
// A connection: server-sent events. The browser reconnects by itself and names the last id that it
// has seen; then it gets what it missed, or the whole state.

export class Stream {
  /// on(event, text, id), link("live" | "lost"), refused(): the session or the license has ended.
  constructor(on, link, refused) {
    Object.assign(this, { on, link, refused, heard: 0, closed: false });
    this.timer = setInterval(() => this.check(), 1000);
    this.open();
  }

  open() {
    this.source?.close();
    const source = (this.source = new EventSource("studio/v1/stream"));
    for (const event of ["state", "frame", "around", "events", "refusals"]) {
      source.addEventListener(event, (message) => {
        this.heard = Date.now();
        this.link("live");
        this.on(event, message.data, message.lastEventId);
      });
    }
    source.onerror = async () => {
      this.link("lost");
      // A closed source got an answer that is no stream, and does not reconnect by itself.
      if (source.readyState !== EventSource.CLOSED || this.source !== source) return;
      this.source = null;
      setTimeout(() => this.retry(), 1500);
    };
  }

  async retry() {
    if (this.source || this.closed) return;
    try {
      const about = await (await fetch("studio/v1/about")).json();
      if (this.closed) return;
      if (!about.signedIn || !about.license.permitted) return this.refused(about);
      this.open();
    } catch {
      setTimeout(() => this.retry(), 1500);
    }
  }

  /// A frame comes at least every ten seconds; a connection that is silent for 15 s is lost.
  check() {
    if (this.heard && Date.now() - this.heard > 15000) {
      this.link("lost");
      this.heard = 0;
      this.open();
    }
  }

  close() {
    this.closed = true;
    clearInterval(this.timer);
    this.source?.close();
    this.source = null;
  }
}

/// Posts a change. Gives the words of a refusal, or null.
export async function post(path, body) {
  return (await ask(path, body)).refused ?? null;
}

/// Posts a question. Gives { answer }, which may be empty, or the words of a refusal as { refused
/// }.
export async function ask(path, body) {
  try {
    const answer = await fetch(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
    const found = await answer.json().catch(() => ({}));
    return answer.ok ? { answer: found } : { refused: found.detail ?? `refused with ${answer.status}` };
  } catch {
    return { refused: "the server cannot be reached" };
  }
}
