// Follows whoever serves the page: its status once a second and after each event,
// its events as they come. All URLs are relative.

const every = 1000, soon = 250; // ms between two statuses, and after an event
const patience = 5000; // ms for an answer

async function ask(url) {
  const answer = await fetch(url, { cache: "no-store", signal: AbortSignal.timeout(patience) });
  if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
  return answer.json();
}

// follow calls status(s), events(list), anew() when the process is another one than
// before, and lost() each time that it cannot be reached. It rests while the page is
// hidden.
export function follow(on) {
  let process, seen = 0, stream, opened = false, refused = 0, timer, turn = 0, asked = 0;

  function take(list) {
    const fresh = list.filter(e => e.seq > seen);
    if (fresh.length === 0) return;
    seen = fresh.at(-1).seq;
    on.events(fresh);
    plan(Math.max(50, asked + soon - Date.now()));
  }

  function close() {
    stream?.close();
    stream = undefined;
  }

  // open streams events. Where there is no place for one more follower they are
  // asked for with each status, and a place again some time later.
  function open() {
    if (stream || refused-- > 0) return;
    refused = 0;
    opened = false;
    const mine = stream = new EventSource(`v1/events?follow=1&after=${seen}`);
    mine.onopen = () => { opened = true; };
    mine.onmessage = e => { if (mine === stream) take([JSON.parse(e.data)]); };
    mine.onerror = () => {
      if (mine !== stream) return;
      close();
      if (!opened) refused = 10;
    };
  }

  async function look(mine) {
    asked = Date.now();
    try {
      const status = await ask("v1/status");
      if (mine !== turn) return;
      if (process !== status.incarnation) {
        close();
        process = status.incarnation;
        seen = 0;
        on.anew();
      }
      on.status(status);
      open();
      if (!stream) {
        const list = await ask(`v1/events?after=${seen}`);
        if (mine === turn) take(list);
      }
    } catch (e) {
      if (mine !== turn) return;
      close();
      refused = 0;
      on.lost(e);
    }
    if (mine === turn) plan(every);
  }

  // plan asks for the next status then, instead of when it was planned before.
  function plan(ms) {
    clearTimeout(timer);
    if (!document.hidden) timer = setTimeout(() => look(++turn), ms);
  }

  document.addEventListener("visibilitychange", () => {
    turn++;
    if (document.hidden) {
      clearTimeout(timer);
      close();
    } else plan(0);
  });
  plan(0);
}
