// The page: the list of jobs, or one job with its graph; all of it live, over server-sent events.

import { Graph, spanOf } from "/graph.js";

const MOST_LINES = 200;
const LIVE = ["running", "paused"];
const byId = (name) => document.getElementById(name);
let token = "";
let view = 0;
let leave = new AbortController();

// The token comes in the part of the address that is never sent, and leaves it at once.
function takeToken() {
  const given = /^#token=(.+)$/.exec(location.hash);
  if (given) {
    sessionStorage.setItem("token", decodeURIComponent(given[1]));
    history.replaceState(null, "", location.pathname);
  }
  token = sessionStorage.getItem("token") || "";
}

class NoToken extends Error {}
class Refused extends Error {}

async function ask(path, options = {}) {
  const headers = { authorization: `Bearer ${token}`, ...options.headers };
  const answer = await fetch(path, { ...options, headers, cache: "no-store" });
  if (answer.status === 401) throw new NoToken();
  if (!answer.ok) {
    const told = await answer.json().catch(() => ({}));
    throw new Refused(told.error ? told.error.text : `the server answers ${answer.status}`);
  }
  return answer;
}

// Events of a path, until the end; after a break it goes on behind the last one that came.
async function follow(path, last, signal, take) {
  let wait = 500;
  for (;;) {
    try {
      const answer = await ask(path, { signal, headers: last === null ? {} : { "last-event-id": String(last) } });
      if (answer.status === 204) return;
      link("live");
      wait = 500;
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      let text = "";
      for (;;) {
        const { value, done } = await reader.read();
        if (done) break;
        text += value;
        const parts = text.split("\n\n");
        text = parts.pop();
        for (const part of parts) {
          const id = /^id: (\d+)$/m.exec(part);
          const data = /^data: (.*)$/m.exec(part);
          if (!data) continue;
          if (id) last = Number(id[1]);
          if (take(JSON.parse(data[1])) === "end") return;
        }
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof NoToken || error instanceof Refused) throw error;
    }
    link("connection lost; trying again", true);
    await new Promise((done) => setTimeout(done, wait));
    wait = Math.min(2 * wait, 8000);
    if (signal.aborted) return;
  }
}

function link(text, lost = false) {
  byId("link").textContent = text;
  byId("link").classList.toggle("lost", lost);
}

function only(shown) {
  for (const part of ["door", "list", "job", "notice"]) byId(part).hidden = part !== shown;
}

function notice(text) {
  byId("notice-said").textContent = text;
  only("notice");
}

const many = (number, what) => `${number.toLocaleString("en")} ${what}${number === 1 ? "" : "s"}`;

const clock = (seconds) => new Date(1000 * seconds).toLocaleTimeString([], { hour12: false });
const moment = (seconds) => new Date(1000 * seconds).toLocaleString([], { hour12: false });

function took(from, to) {
  const seconds = Math.max(0, to - from);
  if (seconds < 60) return `${seconds.toFixed(seconds < 1 ? 2 : seconds < 10 ? 1 : 0)} s`;
  if (seconds >= 3600) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
}

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.textContent = text;
  return made;
}

// The list

async function showList(signal) {
  only("list");
  document.title = "Transmissions: jobs";
  await follow("/api/events", null, signal, (jobs) => {
    byId("no-jobs").hidden = jobs.length > 0;
    byId("jobs").replaceChildren(...jobs.map(listed));
  });
}

function listed(job) {
  const entry = document.createElement("li");
  const to = document.createElement("a");
  to.href = `#job=${encodeURIComponent(job.id)}`;
  const ran = job.ended ? `, ran ${took(job.created, job.ended)}` : "";
  to.append(
    element("strong", "", job.label || job.pipeline || job.stream),
    element("span", `status ${job.status}`, job.status),
    element("span", "dim", `${moment(job.created)}${ran}, ${many(job.events, "event")}`),
  );
  if (job.reason) to.append(element("span", "dim why", job.reason));
  entry.append(to);
  return entry;
}

// One job

class JobView {
  constructor(told) {
    this.job = told.job;
    this.graph = new Graph(byId("graph"), told.picture);
    this.messages = told.messages;
    this.events = told.seq + 1;
    this.before = null;
    this.verdict = "";
    for (const part of ["log", "problems"]) byId(part).replaceChildren();
    byId("log").hidden = true;
    byId("no-log").hidden = false;
    byId("verdict").textContent = "";
    byId("legend").hidden = !told.picture;
    const facts = told.job.facts;
    byId("name").textContent = facts.label || facts.pipeline || told.job.stream;
    document.title = `${facts.pipeline || told.job.stream}: job`;
    for (const line of told.log) this.log(line, null);
    for (const problem of told.problems) this.problem(problem);
    byId("abort").disabled = false;
    this.state();
    this.told = told.counters && told.counters.stages;
    if (told.end) this.end(told.end);
    else if (this.told) this.figures(this.told, null);
    this.counts();
    this.about();
  }

  about() {
    const facts = this.job.facts;
    const told = [["job", this.job.id], ["stream", this.job.stream === this.job.id ? "" : this.job.stream]];
    told.push(["pipeline", facts.pipeline], ["file", facts.file], ["target", facts.target]);
    for (const [name, value] of Object.entries(facts.parameters || {})) {
      told.push([`--${name}`, typeof value === "string" ? value : JSON.stringify(value)]);
    }
    const shown = told.filter(([, value]) => value);
    byId("about").replaceChildren(
      ...shown.flatMap(([name, value]) => [element("dt", "", name), element("dd", "", value)]),
    );
  }

  take(event) {
    this.events += 1;
    const data = event.data;
    if (event.type === "counters" && Array.isArray(data.stages)) this.figures(data.stages, event.time);
    else if (event.type === "log") this.log(data, event.time);
    else if (event.type === "problem") this.problem(data);
    else if (event.type === "message") this.messages += 1;
    else if (event.type === "status") this.job.status = data.status || this.job.status;
    else if (event.type === "end") this.ended(data, event.time);
    if (event.type !== "message") this.state();
    this.counts();
    return event.type;
  }

  figures(stages, time) {
    this.told = stages;
    const seconds = this.before && time ? time - this.before.time : (time || Date.now() / 1000) - this.job.created;
    // Two tellings in one moment, as at the end, say nothing of rates.
    if (seconds > 0.05) {
      const span = spanOf(this.before && time ? this.before.stages : null, stages, seconds);
      this.say(this.graph.show(span, false));
    }
    if (time) this.before = { stages, time };
  }

  say({ slowest, blocked }) {
    const parts = [];
    if (slowest) parts.push(`slowest: :${slowest}`);
    if (blocked.length) parts.push(`blocked, waiting for room: ${blocked.map((one) => `:${one}`).join(", ")}`);
    byId("verdict").textContent = parts.join(" · ");
  }

  ended(data, time) {
    this.job.status = data.status;
    this.job.reason = data.reason;
    this.job.ended = time;
    this.end(data);
  }

  end(data) {
    // A run that was ended from elsewhere leaves no result; what it last told of itself is what there is.
    const stages = (data.result && data.result.stages) || this.told;
    if (!stages) return;
    const seconds = data.result ? data.result.seconds : this.job.ended - this.job.created;
    const span = spanOf(null, stages, Math.max(seconds, 1e-6));
    this.say({ ...this.graph.show(span, true), blocked: [] });
  }

  state() {
    const { status, reason, created, ended } = this.job;
    const live = LIVE.includes(status);
    byId("status").textContent = status;
    byId("status").className = `status ${status}`;
    const lasted = ended ? `ran ${took(created, ended)}` : `for ${took(created, Date.now() / 1000)}`;
    byId("times").textContent = `began ${moment(created)}, ${lasted}`;
    byId("reason").hidden = !reason;
    byId("reason").textContent = reason || "";
    byId("abort").hidden = !live;
  }

  log(data, time) {
    const stage = data.stage ? `:${data.stage} ` : "";
    const facts = data.facts && Object.keys(data.facts).length ? ` ${JSON.stringify(data.facts)}` : "";
    this.line("log", `${time ? `${clock(time)} ` : ""}${stage}${data.text || JSON.stringify(data)}${facts}`, data.level);
  }

  problem(data) {
    byId("problems-part").hidden = false;
    this.line("problems", `${data.stage ? `:${data.stage} ` : ""}${data.text || JSON.stringify(data)}`, data.severity);
  }

  line(where, text, level) {
    const lines = byId(where);
    lines.hidden = false;
    if (where === "log") byId("no-log").hidden = true;
    const below = lines.scrollHeight - lines.scrollTop - lines.clientHeight < 30;
    lines.append(element("li", ["warning", "error"].includes(level) ? level : "", text));
    while (lines.childElementCount > MOST_LINES) lines.firstElementChild.remove();
    if (below) lines.scrollTop = lines.scrollHeight;
  }

  counts() {
    byId("counts").textContent = `${many(this.messages, "message")} kept, ${many(this.events, "event")}`;
  }
}

async function showJob(id, signal) {
  const path = `/api/jobs/${encodeURIComponent(id)}`;
  byId("problems-part").hidden = true;
  const told = await (await ask(path, { signal })).json();
  const shown = new JobView(told);
  only("job");
  // Whoever came here by a link, or by the keyboard, is told where they are.
  byId("name").focus({ preventScroll: true });
  link("live");
  byId("abort").onclick = async () => {
    byId("abort").disabled = true;
    const body = JSON.stringify({ reason: "aborted on the page" });
    try {
      await ask(`${path}/abort`, { method: "POST", body, headers: { "content-type": "application/json" } });
    } catch (error) {
      byId("abort").disabled = false;
      link(error.message, true);
    }
  };
  if (LIVE.includes(told.job.status)) await follow(`${path}/events`, told.seq, signal, (event) => shown.take(event));
  if (!signal.aborted) link("ended");
}

// Which of them

async function show() {
  leave.abort();
  leave = new AbortController();
  const mine = (view += 1);
  takeToken();
  const job = /^#job=(.+)$/.exec(location.hash);
  try {
    if (!token) throw new NoToken();
    await (job ? showJob(decodeURIComponent(job[1]), leave.signal) : showList(leave.signal));
  } catch (error) {
    if (mine !== view || error.name === "AbortError") return;
    if (error instanceof NoToken) {
      byId("door-said").textContent = token ? "That is not the token of this server." : "";
      sessionStorage.removeItem("token");
      only("door");
      link("closed");
      byId("token").focus();
    } else if (error instanceof Refused) {
      link("");
      notice(error.message);
    } else {
      link("no connection", true);
      notice("The server does not answer. It is asked again when this page is loaded again.");
    }
  }
}

byId("door").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem("token", byId("token").value.trim());
  byId("token").value = "";
  show();
});
addEventListener("hashchange", show);
show();
