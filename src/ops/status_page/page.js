"use strict";
// Texts come from users and servers. They enter the page as text nodes only.
(() => {
  const STALE_MS = 8000; // four states missed
  const SILENT_MS = 15000; // so long a connection may say nothing, and a state comes every 2 s
  const POLL_MS = 5000;
  const base = location.pathname.replace(/\/?$/, "/"); // mounted at /status, /status/ and / alike
  const at = (name) => base + name;
  const $ = (id) => document.getElementById(id);

  // ---- what is known
  let state = null;
  let history = null;
  const decisions = new Map(); // by id
  let heardAt = null; // performance.now() of the last state
  let heardOf = null; // the wall clock of the last state
  let closed = false;
  let way = "connecting";

  // ---- making elements
  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };
  const setText = (element, text) => { if (element.textContent !== text) element.textContent = text; };
  const setClass = (element, text) => { if (element.className !== text) element.className = text; };
  // Makes the children of `parent` those of `items`, in their order, and keeps the elements that are there, so that
  // focus and open parts stay.
  const keep = (parent, items, key, create, update) => {
    const old = parent.kept || new Map();
    const now = new Map();
    const focused = document.activeElement;
    let place = parent.firstElementChild;
    for (const item of items) {
      const name = key(item);
      const element = old.get(name) || create(item);
      old.delete(name);
      now.set(name, element);
      update(element, item);
      if (element === place) place = place.nextElementSibling;
      else parent.insertBefore(element, place);
    }
    for (const element of old.values()) element.remove();
    parent.kept = now;
    if (focused && focused !== document.activeElement && focused.isConnected) focused.focus();
  };
  // A list of terms. A value is a text or an element.
  const terms = (list, pairs) => keep(list, pairs, (pair) => pair[0],
    (pair) => make("div", pair[2] ? { class: pair[2] } : {}, make("dt", {}, pair[0]), make("dd")),
    (row, pair) => {
      const value = row.lastChild;
      if (typeof pair[1] === "string") setText(value, pair[1]);
      else if (value.firstChild !== pair[1] && pair[1].key !== value.key) { value.replaceChildren(pair[1]); value.key = pair[1].key; }
    });

  // ---- words
  const UNKNOWN = "unknown";
  const clock = (ms) => new Date(ms).toISOString().slice(11, 19) + " UTC";
  const when = (ms, now) => Math.abs(now - ms) < 72000000 ? clock(ms) : new Date(ms).toISOString().slice(0, 10) + " " + clock(ms);
  const span = (ms) => {
    if (ms < 1000) return ms < 100 ? "less than 0.1\u00a0s" : (ms / 1000).toFixed(1) + "\u00a0s";
    const seconds = Math.round(ms / 1000);
    if (seconds < 120) return seconds + "\u00a0s";
    if (seconds < 7200) return Math.round(seconds / 60) + "\u00a0min";
    if (seconds < 172800) return Math.round(seconds / 3600) + "\u00a0h";
    return Math.round(seconds / 86400) + "\u00a0days";
  };
  const percent = (share) => share === null ? UNKNOWN
    : share > 0 && share < 0.01 ? "less than 1\u00a0%" : Math.round(share * 100) + "\u00a0%";
  const latency = (us) => us === null ? UNKNOWN : us < 100 ? "under 0.1\u00a0ms" : us < 10000 ? (us / 1000).toFixed(1) + "\u00a0ms"
    : us < 1000000 ? Math.round(us / 1000) + "\u00a0ms" : (us / 1000000).toFixed(1) + "\u00a0s";
  const count = (n, one, many) => n === 1 ? "1 " + one : n + " " + many;
  const plural = { read: "reads", write: "writes", list: "listings" };
  // What each condition says, how it looks, and how much trouble it is: 0 is none.
  const CONDITIONS = {
    "out": ["✕ out of use", "bad", 9],
    "probed": ["◐ probed", "bad", 8],
    "ordered-away": ["■ ordered away", "warn", 6],
    "throttled": ["≈ throttled", "warn", 5],
    "returning": ["↗ returning", "warn", 4],
    "barred": ["⊘ barred", "", 0],
    "read-only": ["– read-only", "", 0],
    "in-use": ["✓ in use", "good", 0],
    "untried": ["○ not tried yet", "", 0],
  };
  const condition = (of) => CONDITIONS[of.condition] || ["? " + of.condition, "warn", 3];
  const FAULTS = 0.05; // a twentieth

  // Why an endpoint is in trouble, beside its classes: text, look, weight.
  const ills = (endpoint) => {
    const all = [];
    if (endpoint.unreachable) all.push(["✕ unreachable", "bad", 7]);
    const keys = endpoint.credentials;
    if (keys && keys.condition === "lost") all.push(["✕ credentials lost", "bad", 9]);
    if (keys && keys.condition === "kept") all.push(["! credentials not renewed", "warn", 3]);
    return all;
  };
  const weight = (endpoint) => Math.max(0, ...ills(endpoint).map((ill) => ill[2]), ...endpoint.classes.map((of) =>
    Math.max(condition(of)[2], of.condition === "in-use" && of.fault_share >= FAULTS ? 2 : 0)));
  const look = (endpoint, heavy) => heavy >= 7 ? "bad" : heavy > 0 ? "warn"
    : endpoint.barred !== null || endpoint.classes.every((of) => of.last_seen_age_ms === null) ? "" : "good";

  // ---- the share of traffic
  const rowsOf = (client, name) => history ? history.rows.filter((row) => row.client === client && row.class === name) : [];
  const shares = (client, endpoint, name) => {
    const rows = rowsOf(client, name);
    const mine = rows.find((row) => row.endpoint === endpoint);
    const bins = new Array(history ? history.bins : 90).fill(null);
    if (!mine) return { bins, throttled: null };
    const length = mine.attempts.length;
    for (let back = 1; back <= length; back++) {
      const own = mine.attempts[length - back];
      if (own === null) continue;
      let all = 0;
      for (const row of rows) all += row.attempts[row.attempts.length - back] || 0;
      bins[bins.length - back] = all > 0 ? own / all : null;
    }
    const sum = (list) => list ? list.reduce((total, one) => total + (one || 0), 0) : 0;
    const attempts = sum(mine.attempts);
    return { bins, throttled: attempts > 0 ? sum(mine.throttled) / attempts : null };
  };
  const NS = "http://www.w3.org/2000/svg";
  const sparkline = (bins) => {
    let path = "";
    bins.forEach((share, bin) => {
      if (share === null) return; // a gap
      const high = Math.max(0.6, share * 20); // none is a line, and no gap
      path += "M" + bin + " 20v-" + high.toFixed(2) + "h.9v" + high.toFixed(2) + "z";
    });
    const known = bins.filter((share) => share !== null);
    const svg = document.createElementNS(NS, "svg");
    svg.setAttribute("viewBox", "0 0 " + bins.length + " 20");
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("class", "spark");
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", known.length === 0 ? "Share of traffic over 15 minutes: unknown"
      : "Share of traffic over 15 minutes, between " + percent(Math.min(...known)) + " and " + percent(Math.max(...known)) +
        "; known for " + known.length + " of " + bins.length + " spans of 10 s");
    const bars = document.createElementNS(NS, "path");
    bars.setAttribute("d", path);
    svg.append(bars);
    const scale = make("div", { class: "scale", "aria-hidden": "true" }, make("span", {}, "15 min before"), make("span", {}, history && history.ended_ms !== null ? clock(history.ended_ms) : "now"));
    const box = make("div", {}, svg, scale);
    box.key = path + scale.textContent;
    return box;
  };

  // ---- one class of one endpoint
  const figures = (client, index, endpoint, of) => {
    const taken = client.status.taken_ms;
    const pairs = [];
    pairs.push(["Since", of.since_ms === null ? "no change seen" : when(of.since_ms, taken) + " (" + span(Math.max(0, taken - of.since_ms)) + ")"]);
    if (of.next_probe_in_ms !== null && of.breaker !== null && of.breaker !== "closed") {
      pairs.push(["Next probe", of.next_probe_in_ms === 0 ? "due, or under way" : "in " + span(of.next_probe_in_ms)]);
    }
    const { bins, throttled } = shares(client.id, index, of.class);
    pairs.push(["Traffic now (10 s)", percent(bins[bins.length - 1])]);
    if (of.share !== null && of.share < 1) pairs.push(["May carry", percent(of.share)]);
    if (of.admitted !== null && of.admitted < 1) pairs.push(["May carry, throttled", percent(of.admitted)]);
    pairs.push(["First byte p50, p99", of.first_byte_p50_us === null ? UNKNOWN : latency(of.first_byte_p50_us) + ", " + latency(of.first_byte_p99_us)]);
    pairs.push(["Faults (5 s)", percent(of.fault_share)]);
    pairs.push(["Throttled (15 min)", percent(throttled)]);
    if (of.class === "read" || of.hedges > 0) pairs.push(["Hedges sent, won", of.hedges + ", " + of.hedges_won]);
    pairs.push(["Seen", of.last_seen_age_ms === null ? "never" : span(of.last_seen_age_ms) + " ago"]);
    pairs.push(["Last success", of.last_success_age_ms === null ? "never" : span(of.last_success_age_ms) + " ago"]);
    const probe = endpoint.probes.find((probe) => probe.class === of.class && probe.last !== null);
    if (probe) pairs.push(["Background probe", probe.last + ", " + span(probe.last_age_ms || 0) + " ago"]);
    pairs.push(["Traffic over 15 minutes", sparkline(bins), "wide"]);
    return pairs;
  };
  const because = (client, endpoint, of) => {
    const taken = client.status.taken_ms;
    const parts = [];
    if (of.ordered_away !== null) parts.push("Ordered: " + of.ordered_away + ".");
    if (of.why !== null) parts.push(of.why.sentence + " (" + when(of.why.at_ms, taken) + ")");
    else if (of.ordered_away === null) parts.push(of.condition === "read-only" ? "This endpoint takes no writes." : of.condition === "untried" ? "Nothing has been asked here yet." : "Nothing was decided here: nothing went wrong.");
    return parts.join(" ");
  };
  const newClass = () => {
    const part = make("div", { class: "class" });
    part.heading = make("h4");
    part.because = make("p", { class: "why" });
    part.list = make("dl", { class: "figures" });
    part.append(part.heading, part.because, part.list);
    return part;
  };
  const showClass = (part, { client, index, endpoint, of }) => {
    setText(part.heading, (plural[of.class] || of.class) + ": " + condition(of)[0]);
    setText(part.because, because(client, endpoint, of));
    setClass(part.because, of.why !== null || of.ordered_away !== null ? "why" : "quiet");
    // Where nothing was asked, there is nothing to show.
    const silent = of.condition === "read-only" || (of.condition === "untried" && of.breaker === null);
    terms(part.list, silent ? [] : figures(client, index, endpoint, of));
  };

  // ---- one endpoint
  const places = new Map(); // elements by key, in whichever list they are
  const nameOf = (one) => one.client.id + "/" + one.index;
  const newEndpoint = (one) => {
    const known = places.get(nameOf(one));
    if (known) return known;
    const item = make("li");
    item.box = make("details", { class: "endpoint" });
    item.name = make("h3");
    item.where = make("span", { class: "quiet" });
    item.marks = make("div", { class: "marks" });
    const summary = make("summary", {}, make("div", { class: "head" }, item.name, " ", item.where), item.marks);
    summary.addEventListener("click", () => { item.chosen = true; });
    item.facts = make("dl", { class: "figures" });
    item.classes = make("div");
    item.box.append(summary, make("div", { class: "inside" }, item.facts, item.classes));
    item.append(item.box);
    places.set(nameOf(one), item);
    return item;
  };
  const showEndpoint = (item, one) => {
    const { client, index, endpoint, heavy } = one;
    setClass(item.box, "endpoint " + look(endpoint, heavy));
    const inTrouble = heavy > 0;
    if (item.inTrouble !== inTrouble) {
      if (inTrouble || !item.chosen) item.box.open = inTrouble;
      item.chosen = false;
      item.inTrouble = inTrouble;
    }
    setText(item.name, endpoint.name);
    const where = [endpoint.provider, endpoint.region, endpoint.location].filter((part) => part !== null);
    if (state.clients.length > 1) where.unshift("client " + client.status.client);
    setText(item.where, where.join(" · "));
    const marks = [...ills(endpoint), ...endpoint.classes.map((of) => {
      const [text, looks] = condition(of);
      const many = of.condition === "in-use" && of.fault_share >= FAULTS;
      return [(plural[of.class] || of.class) + " " + text + (many ? ", faults " + percent(of.fault_share) : ""), many ? "warn" : looks];
    })];
    const told = endpoint.barred === null ? marks : [["⊘ barred by a constraint: " + endpoint.barred, ""]];
    keep(item.marks, told.map((mark, place) => ({ mark, place })), (m) => m.place, () => make("span"), (element, m) => {
      setClass(element, "mark " + m.mark[1]);
      setText(element, m.mark[0]);
    });
    extra.endpoint(item, one);
    if (!item.box.open) return; // what nobody sees needs no work
    const pairs = [];
    if (endpoint.barred === null) {
      pairs.push(["In flight", endpoint.in_flight + " of at most " + endpoint.limit + (endpoint.limit_is_learnt ? " (learnt: it gets more than it can do)" : "")]);
    }
    const keys = endpoint.credentials;
    if (keys) {
      const left = keys.expires_in_ms !== null ? ", expire in " + span(keys.expires_in_ms) : keys.valid ? ", do not expire" : "";
      const failed = keys.failures > 0 ? "; " + count(keys.failures, "fetch has", "fetches have") + " failed" : "";
      pairs.push(["Credentials " + keys.name, keys.condition + left + failed]);
    }
    if (endpoint.tier !== null) pairs.push(["Tier", String(endpoint.tier)]);
    if (endpoint.jurisdictions !== null) pairs.push(["Under the laws of", endpoint.jurisdictions.join(", ") || "nobody named"]);
    terms(item.facts, pairs);
    const classes = endpoint.barred === null ? endpoint.classes : [];
    const sorted = classes.map((of, place) => ({ client, index, endpoint, of, place }))
      .sort((a, b) => condition(b.of)[2] - condition(a.of)[2] || a.place - b.place);
    keep(item.classes, sorted, (part) => part.of.class, newClass, showClass);
  };

  // What a page with orders adds to an endpoint, and to an order in force.
  const extra = { endpoint: () => {}, order: () => {} };

  // ---- the whole page
  const render = () => {
    if (!state) return;
    const all = state.clients.flatMap((client) => client.status.endpoints.map((endpoint, index) =>
      ({ client, index, endpoint, heavy: weight(endpoint) })));
    const there = new Set(all.map(nameOf));
    for (const name of places.keys()) if (!there.has(name)) places.delete(name);
    const bad = all.filter((one) => one.heavy > 0).sort((a, b) => b.heavy - a.heavy);
    const well = all.filter((one) => one.heavy === 0);

    setText($("summary"), state.clients.length === 0 ? "No client is shown here."
      : bad.length === 0 ? "All is well: " + count(all.length, "endpoint", "endpoints") + "."
      : bad.length + " of " + count(all.length, "endpoint", "endpoints") + (bad.length === 1 ? " is" : " are") + " in trouble.");
    document.title = (bad.length > 0 ? "(" + bad.length + ") " : "") + "evenkeel: status";

    // What moves from one list to the other must leave the first before it enters the second.
    const lists = [$("trouble").querySelector("ul"), $("well").querySelector("ul")];
    for (const [list, other] of [[lists[0], well], [lists[1], bad]]) {
      if (list.kept) for (const one of other) list.kept.delete(nameOf(one));
    }
    keep(lists[0], bad, nameOf, newEndpoint, showEndpoint);
    keep(lists[1], well, nameOf, newEndpoint, showEndpoint);
    $("trouble").hidden = bad.length === 0;
    $("well").hidden = well.length === 0;
    setText($("well").querySelector("h2"), count(well.length, "endpoint is well", "endpoints are well"));

    const orders = state.clients.flatMap((client) => client.status.orders.map((order) => ({ client, order })));
    $("orders").hidden = orders.length === 0;
    keep($("orders").querySelector("ul"), orders, (one) => one.client.id + "/" + one.order.number,
      () => { const item = make("li"); item.append(make("strong"), make("p"), make("p", { class: "quiet" })); return item; },
      (item, { client, order }) => {
        setText(item.children[0], order.action + " " + order.selector + (state.clients.length > 1 ? " (client " + client.status.client + ")" : ""));
        setText(item.children[1], "Reason: " + order.reason);
        setText(item.children[2], "By " + (order.by === null ? "an unnamed operator" : order.by) + ", " + span(order.age_ms) + " ago; expires in " +
          span(order.expires_in_ms) + "; number " + order.number + "; affects " + (order.endpoints.join(", ") || "nothing"));
        extra.order(item, { client, order });
      });

    $("clients").hidden = state.clients.length === 0;
    keep($("clients").querySelector("ul"), state.clients, (client) => client.id, () => make("li"), (item, { status }) => {
      const beyond = Object.entries(status.beyond_the_budget).filter(([, n]) => n > 0).map(([why, n]) => why + " " + n);
      setText(item, (state.clients.length > 1 ? "Client " + status.client + ": the" : "The") + " budget would grant " + count(status.budget_left, "retry or hedge", "retries or hedges") + " now." +
        (beyond.length > 0 ? " Sent beyond the budget since the start: " + beyond.join(", ") + "." : ""));
    });

    const events = [...decisions.values()].reverse();
    $("decisions").hidden = events.length === 0;
    setText($("decisions").querySelector("h2"), "The last " + count(events.length, "decision", "decisions") +
      (state.events > events.length ? " of " + state.events : ""));
    keep($("decisions").querySelector("ol"), $("decisions").open ? events : [], (one) => one.id,
      () => { const item = make("li"); item.append(make("time"), " ", make("span")); return item; },
      (item, { entry }) => {
        setText(item.children[0], when(entry.wall_ms, state.taken_ms));
        item.children[0].dateTime = new Date(entry.wall_ms).toISOString();
        setText(item.children[1], entry.sentence + (state.clients.length > 1 && entry.client !== null ? " (client " + entry.client + ")" : ""));
      });

    setText($("footer"), "Instance " + state.instance + ". " + count(state.readers.now, "reader", "readers") + " of at most " + state.readers.most +
      (state.readers.refused > 0 ? ", " + state.readers.refused + " refused" : "") +
      (state.readers.dropped > 0 ? ", " + state.readers.dropped + " dropped for taking nothing" : "") +
      ". Shares, latencies and faults are as old as “seen” says; the rest is of the moment above. All times are UTC.");
    vitals();
  };

  // What changes though nothing is heard.
  const vitals = () => {
    const stale = performance.now() - (heardAt || 0) > STALE_MS + (polling ? POLL_MS : 0);
    terms($("facts"), [
      ["Instance", state ? state.instance : UNKNOWN],
      ["Up", state ? span(state.uptime_ms) : UNKNOWN],
      ["As of", heardOf === null ? UNKNOWN : new Date(heardOf).toISOString().slice(0, 10) + " " + clock(heardOf)],
      ["Connection", closed ? "closed by the process" : stale ? "stale" : way],
    ]);
    const alarms = [];
    if (stale || closed) {
      alarms.push(["stale", "This page is stale.", (heardOf === null ? "Nothing was heard of the process yet."
        : closed ? "The process has closed it, at " + clock(heardOf) + ": it may be shutting down."
        : "Nothing was heard of the process since " + clock(heardOf) + ": it may have stopped, or the way to it is cut.") +
        " What stands below may no longer be so."]);
    }
    for (const client of state ? state.clients : []) {
      const list = client.status.suspected_here;
      if (list.length === 0) continue;
      const since = Math.min(...list.map((one) => one.decision.at_ms));
      alarms.push(["here " + client.id, "Suspect this host.", "Client " + client.status.client + ": every endpoint looks bad for " +
        list.map((one) => plural[one.class] || one.class).join(" and ") + " since " + when(since, client.status.taken_ms) +
        ". Where all fail at once, this host's own network, DNS or credentials are likelier at fault than every provider."]);
    }
    keep($("alarms"), alarms, (alarm) => alarm[0], () => make("p", { class: "alarm" }, make("strong"), " ", make("span")), (element, alarm) => {
      setText(element.firstChild, "▲ " + alarm[1]);
      setText(element.lastChild, alarm[2]);
    });
    document.body.classList.toggle("stale", stale || closed);
  };

  // ---- listening
  let instance = null;
  // Another process may answer under this address. Its first decisions come before its first state.
  const from = (one) => {
    if (instance !== null && instance !== one) decisions.clear();
    instance = one;
  };
  const heard = (now) => {
    from(now.instance);
    state = now;
    heardAt = performance.now();
    heardOf = now.taken_ms;
  };
  const learn = (event) => {
    if (!event) return;
    from(event.id.slice(0, event.id.lastIndexOf("-")));
    decisions.set(event.id, event);
    for (const id of decisions.keys()) { if (decisions.size <= 256) break; decisions.delete(id); }
  };
  let due = false;
  const soon = () => { if (!due) { due = true; requestAnimationFrame(() => { due = false; render(); }); } };

  let polling = null;
  const poll = async () => {
    try {
      const answer = await fetch(at("status.json"), { cache: "no-store", signal: AbortSignal.timeout(5000) });
      if (!answer.ok) return;
      const all = await answer.json();
      heard(all.state);
      closed = false;
      history = all.history;
      all.events.forEach(learn);
      soon();
    } catch { /* the page says that it is stale */ }
  };
  let source = null;
  let heardAny = 0; // performance.now() when the source last said something, or was made
  let again = null;
  const listen = () => {
    clearTimeout(again);
    if (source) source.close();
    const mine = source = new EventSource(at("events"));
    heardAny = performance.now();
    const lives = (act) => (message) => { if (source === mine) { heardAny = performance.now(); act(message); } };
    const on = (name, act) => mine.addEventListener(name, lives((message) => { act(JSON.parse(message.data)); soon(); }));
    mine.onopen = lives(() => { history = null; way = "live"; closed = false; clearInterval(polling); polling = null; });
    on("state", heard);
    on("history", (now) => { history = now; });
    on("decision", learn);
    on("missed", () => {}); // the state says how many there were
    on("closed", () => { closed = true; });
    mine.onerror = () => {
      way = polling ? "asking every 5 s" : "lost, trying again";
      // A refusal ends the source: every place is taken, or the page is closed. A lost connection does not.
      if (source !== mine || mine.readyState !== EventSource.CLOSED) return;
      if (!polling) { polling = setInterval(poll, POLL_MS); poll(); way = "asking every 5 s"; }
      again = setTimeout(listen, 30000);
    };
  };
  // A connection can be cut without either end hearing of it: a laptop that slept, a proxy that forgot.
  const watch = () => {
    if (source.readyState === EventSource.CLOSED || performance.now() - heardAny < SILENT_MS) return;
    way = "silent, trying again";
    listen();
  };
  // {orders}
  // Whoever opens an endpoint sees its figures at once.
  document.addEventListener("toggle", soon, true);
  listen();
  setInterval(() => { watch(); vitals(); }, 1000);
})();
