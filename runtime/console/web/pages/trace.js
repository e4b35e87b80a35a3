// A trace of `holdfast simulate --trace`, as data: what happened, and what follows from it for the
// pages (who did what, which calls there were, what failed over). A moment is the number of a line.
import {bare} from '/lib.js';

const LINES_MAX = 3e6;

// Lines as arrays by kind, each with its number: a moment is an index into all of them.
export function parse(text) {
  const run = {plan: null, events: [], views: [], faults: [], sip: [], violations: [], phases: [], torn: 0};
  for (const line of text.split('\n')) {
    if (!line || run.events.length >= LINES_MAX) continue;
    let event;
    try { event = JSON.parse(line); } catch { run.torn += 1; continue; }
    event.n = run.events.length;
    run.events.push(event);
    if (event.what === 'plan') run.plan = event;
    else if (event.what === 'view') run.views.push(event);
    else if (event.what === 'fault') run.faults.push(event);
    else if (event.what === 'sip') run.sip.push(read(event));
    else if (event.what === 'violation') run.violations.push(event);
    else if (event.what === 'phase') run.phases.push(event);
  }
  run.failovers = failoversOf(run);
  return run;
}

function read(event) {
  const first = event.bytes.slice(0, event.bytes.indexOf('\r\n'));
  const field = name => new RegExp(`^${name}:[ \\t]*(.*?)\\r?$`, 'im').exec(event.bytes)?.[1] || '';
  const cseq = field('CSeq').split(/\s+/);
  event.status = first.startsWith('SIP/2.0 ') ? Number(first.slice(8, 11)) : 0;
  event.method = cseq[1] || first.split(' ')[0];
  if (!event.status) event.method = first.split(' ')[0];
  event.cseq = Number(cseq[0]) || 0;
  event.call = field('(?:Call-ID|i)');
  event.line = first.replace(/ SIP\/2\.0$/, '').replace(/^SIP\/2\.0 /, '');
  return event;
}

// The last of a list at or before a moment; -1: none.
export function lastAt(list, n) {
  let low = 0, high = list.length;
  while (low < high) { const middle = (low + high) >> 1; if (list[middle].n <= n) low = middle + 1; else high = middle; }
  return low - 1;
}

export const upTo = (list, n) => list.slice(0, lastAt(list, n) + 1);

export const shardsOf = view => view.shards.map((s, i) => {
  const copies = s.replicas.map(r => bare(r.node));
  return {s: i, e: s.epoch, o: bare(s.owner), r: copies, i: s.replicas.filter(r => r.in_sync).map(r => bare(r.node)), n: 0, l: 0, a: Boolean(bare(s.owner)), m: false};
});

// In the shapes of the API: a shard whose owner is out in the new view failed over.
function failoversOf(run) {
  const found = [];
  for (let i = 1; i < run.views.length; i++) {
    const before = run.views[i - 1], now = run.views[i];
    const alive = new Set(now.members.filter(m => m.state !== 'down').map(m => m.node));
    const byNode = new Map();
    now.shards.forEach((s, shard) => {
      const old = before.shards[shard]?.owner;
      if (!old || !bare(old) || old === s.owner || !bare(s.owner) || alive.has(old)) return;
      if (!byNode.has(old)) byNode.set(old, []);
      byNode.get(old).push({shard, epoch: s.epoch, to: bare(s.owner), sessions: 0, activated_us: null, first_message_us: null});
    });
    for (const [node, shards] of byNode) {
      const sign = run.faults[lastAt(run.faults, now.n)];
      const heirs = new Set(shards.map(s => s.to));
      let spawned = null;
      for (let n = now.n; n < run.events.length && run.events[n].t < now.t + 2e6 && !spawned; n++)
        if (run.events[n].what === 'step' && run.events[n].actor === 'shard' && heirs.has(bare(run.events[n].node))) spawned = run.events[n].t;
      found.push({id: found.length + 1, n: now.n, node, cause: sign && now.t - sign.t < 2e7 ? sign.text : '', view: now.number, shards, sessions: 0,
        detected_us: sign && now.t - sign.t < 2e7 ? sign.t : now.t, decided_us: now.t, spawned_us: spawned});
    }
  }
  return found;
}

// Node -> kind of actor -> how many steps it took so far, and its latest.
export function actorsOf(run, at) {
  const nodes = new Map();
  for (let n = 0; n <= at; n++) {
    const e = run.events[n];
    if (e.what !== 'step') continue;
    if (!nodes.has(e.node)) nodes.set(e.node, new Map());
    const kinds = nodes.get(e.node);
    const kind = kinds.get(e.actor) || {steps: 0};
    kind.steps += 1;
    kind.last = e;
    kinds.set(e.actor, kind);
  }
  return [...nodes].sort((a, b) => a[0].localeCompare(b[0], undefined, {numeric: true}));
}

// Call-ID -> what was said of it so far, the latest call first.
export function callsOf(run, at) {
  const calls = new Map();
  for (const m of upTo(run.sip, at)) {
    if (!m.call) continue;
    if (!calls.has(m.call)) calls.set(m.call, []);
    calls.get(m.call).push(m);
  }
  return [...calls].reverse();
}

// As the ladder of a call wants it; of the cluster only its edge is known.
export function ladderOf(run, messages, at) {
  const seen = new Set();
  const ladder = messages.map(m => {
    const key = [m.agent, m.direction, m.method, m.status, m.cseq].join();
    const repeated = seen.has(key);
    seen.add(key);
    return {what: m.status ? `${m.status} (${m.method})` : m.method, method: m.method, status: m.status, cseq: m.cseq, in: m.direction === 'in',
      agent: m.agent, repeated, stops: [{node: 'cluster', station: 'cluster', at_us: m.t, step: null}], n: m.n};
  });
  const last = messages[messages.length - 1]?.t || 0;
  return {shard: null, ladder, failovers: upTo(run.failovers, at).filter(f => f.decided_us <= last + 5e6)};
}
