// The supervision tree of the whole cluster. Rows are made only where one looks, and sessions are
// asked for only while their rows are in view, so that a hundred thousand of them cost nothing.
import {html, useEffect, useLayoutEffect, useMemo, useRef, useState, count, duration, heat, hue, person, plural} from '/lib.js';
import {get, useWatch} from '/live.js';
import {stateOf} from '/pages/calls.js';

const ROW = 30;
const PAGE = 200; // sessions asked for at a time

// A list of rows in which the sessions of a shard are one entry, however many they are.
class Rows {
  constructor() { this.entries = []; this.length = 0; }
  add(row) { this.entries.push({...row, start: this.length}); this.length += 1; }
  addSessions(key, depth, shard) {
    if (shard.sessions > 0) this.entries.push({key, depth, shard, start: this.length});
    this.length += shard.sessions;
  }
  at(i) {
    if (i < 0 || i >= this.length) return undefined;
    let low = 0, high = this.entries.length;
    while (high - low > 1) { const middle = (low + high) >> 1; if (this.entries[middle].start <= i) low = middle; else high = middle; }
    const entry = this.entries[low];
    return entry.shard ? {key: `${entry.key}/${i - entry.start}`, depth: entry.depth, shard: entry.shard, index: i - entry.start} : entry;
  }
  slice(from, to) {
    const out = [];
    for (let i = Math.max(0, from); i < Math.min(to, this.length); i++) out.push(this.at(i));
    return out;
  }
}

// Node -> actors by parent -> sessions of a shard: what is unfolded.
function rowsOf(actors, open, filter) {
  const nodes = new Map();
  for (const a of actors) {
    if (!nodes.has(a.node)) nodes.set(a.node, {byParent: new Map(), root: null, sessions: 0, age: 0});
    const node = nodes.get(a.node);
    node.sessions += a.sessions;
    node.age = Math.max(node.age, a.age_us);
    if (a.kind === 'node') node.root = a;
    else {
      if (!node.byParent.has(a.parent)) node.byParent.set(a.parent, []);
      node.byParent.get(a.parent).push(a);
    }
  }
  const rows = new Rows();
  const fits = a => !filter || `${a.node} ${a.kind} ${a.label} ${a.state}`.toLowerCase().includes(filter);
  const walk = (node, name, actor, depth) => {
    const children = (node.byParent.get(actor.id) || []).slice().sort((a, b) =>
      a.kind.localeCompare(b.kind) || a.label.localeCompare(b.label, undefined, {numeric: true}));
    const key = `${name}/${actor.id}`;
    const leaf = !children.length && !actor.sessions;
    const unfolded = filter ? true : open.has(key);
    if (fits(actor)) rows.add({key, depth, actor, leaf, unfolded, children: children.length});
    if (!unfolded) return;
    for (const child of children) walk(node, name, child, depth + 1);
    if (actor.kind === 'shard' && open.has(key)) rows.addSessions(key, depth + 1, actor);
  };
  for (const name of [...nodes.keys()].sort()) {
    const node = nodes.get(name);
    const root = node.root || {id: 0, node: name, kind: 'node', label: '', state: '', messages: 0, busy_us: 0, depth: 0, age_us: 0};
    const key = `${name}/`;
    const unfolded = filter ? true : open.has(key);
    rows.add({key, depth: 0, top: name, actor: {...root, sessions: node.sessions, age_us: node.age}, unfolded, leaf: false});
    if (!unfolded) continue;
    for (const parent of new Set([root.id, 0]))
      for (const child of (node.byParent.get(parent) || [])) walk(node, name, child, 1);
  }
  return rows;
}

// Sessions of a shard by pages of PAGE, asked for once and again every two seconds while in view.
function useSessions(rows) {
  const [, redraw] = useState(0);
  const cache = useRef(new Map());
  useEffect(() => {
    const now = Date.now();
    const pages = new Set(rows.filter(r => r.shard).map(r => `${r.shard.label.replace(/\D/g, '')}|${Math.floor(r.index / PAGE)}`));
    for (const page of pages) {
      const held = cache.current.get(page);
      if (held && (held.asking || now - held.at < 2000)) continue;
      cache.current.set(page, {...held, asking: true, at: now});
      const [shard, number] = page.split('|');
      get(`/api/v1/calls?shard=${shard}&order=oldest&offset=${number * PAGE}&limit=${PAGE}`)
        .then(answer => { cache.current.set(page, {rows: answer.body.rows || [], at: Date.now()}); redraw(n => n + 1); })
        .catch(() => cache.current.delete(page));
    }
    if (cache.current.size > 200) cache.current.clear();
  });
  return row => cache.current.get(`${row.shard.label.replace(/\D/g, '')}|${Math.floor(row.index / PAGE)}`)?.rows?.[row.index % PAGE];
}

function Age({us, depth}) {
  const width = Math.min(100, Math.log10(1 + us / 1000) * 33);
  return html`<span class="age ${heat(us)}" title="${plural(depth, 'message')} waiting, the oldest for ${duration(us)}"><i style=${{width: `${depth ? Math.max(4, width) : 0}%`}}></i><b>${depth ? duration(us) : ''}</b></span>`;
}

function Row({row, session, rate, focused, toggle, at}) {
  const style = {top: `${at * ROW}px`}, indent = {paddingLeft: `${10 + row.depth * 18}px`};
  if (row.shard) {
    if (!session) return html`<div class="row session" style=${style}><span class="name faint" style=${indent}>…</span></div>`;
    return html`<div class="row session ${focused ? 'focused' : ''}" style=${style}>
      <span class="name" style=${indent}><i class="fold"></i><a href="#/call/${session.id}">${person(session.caller || session.callee) || session.id}${session.caller && session.callee ? html` <em>→</em> ${person(session.callee)}` : ''}</a></span>
      <span class="fact">${stateOf(session)}${session.rests ? ', at rest' : ''}</span>
      <${Age} us=${session.age_us} depth=${session.depth}/><span class="num">${session.messages}</span><span class="num wide"></span></div>`;
  }
  const a = row.actor;
  return html`<div class="row ${row.top ? 'top-node' : ''} ${focused ? 'focused' : ''} ${a.answered === false ? 'mute' : ''}" style=${style} role="treeitem" aria-level=${row.depth + 1} aria-expanded=${row.leaf ? undefined : row.unfolded}>
    <span class="name" style=${indent}><button class="fold ${row.leaf ? 'none' : row.unfolded ? 'open' : ''}" tabindex="-1" aria-label=${row.unfolded ? 'Fold' : 'Unfold'} onClick=${() => toggle(row.key)}></button>
      ${row.top ? html`<b class=${hue(row.top)}>${row.top}</b>` : html`<a href="#/actor/${encodeURIComponent(a.node)}/${a.id}">${a.kind} <em>${a.kind === 'shard' ? a.label.slice(6) : a.label}</em></a>`}</span>
    <span class="fact">${a.sessions ? plural(a.sessions, 'session') : row.top ? '' : a.state}</span>
    <${Age} us=${a.age_us} depth=${row.top ? (a.age_us > 0 ? 1 : 0) : a.depth}/>
    <span class="num">${rate == null ? '' : `${count(rate)}/s`}</span><span class="num wide">${duration(a.busy_us)}</span></div>`;
}

export function Tree({path}) {
  const answer = useWatch('/api/v1/actors')?.body;
  const [open, setOpen] = useState(() => new Set(path[0] ? [`${path[0]}/`] : []));
  const [filter, setFilter] = useState('');
  const [focus, setFocus] = useState(0);
  const [view, setView] = useState({top: 0, height: 600});
  const box = useRef();
  const before = useRef({at: 0, messages: new Map(), rates: new Map()});
  const actors = answer?.rows || [];

  const rates = useMemo(() => {
    const now = performance.now();
    const last = before.current;
    const seconds = (now - last.at) / 1000;
    if (!actors.length) return last.rates;
    const messages = new Map(actors.map(a => [`${a.node}/${a.id}`, a.messages]));
    const next = new Map();
    if (last.at) for (const [key, value] of messages) if (last.messages.has(key)) next.set(key, Math.max(0, Math.round((value - last.messages.get(key)) / seconds)));
    before.current = {at: now, messages, rates: next};
    return next;
  }, [answer]);

  useLayoutEffect(() => { // the cluster itself is unfolded when one comes, before a key can be pressed
    if (actors.length && !open.size) setOpen(new Set([...new Set(actors.map(a => `${a.node}/`))].filter(k => k.startsWith('container'))));
  }, [actors.length > 0]);

  const rows = useMemo(() => rowsOf(actors, open, filter.trim().toLowerCase()), [answer, open, filter]);
  const first = Math.max(0, Math.floor(view.top / ROW) - 8);
  const shown = rows.slice(first, Math.ceil((view.top + view.height) / ROW) + 8);
  const sessionOf = useSessions(shown);

  useEffect(() => {
    const measure = () => setView({top: box.current.scrollTop, height: box.current.clientHeight});
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(box.current);
    return () => observer.disconnect();
  }, []);

  const toggle = key => setOpen(was => { const next = new Set(was); if (!next.delete(key)) next.add(key); return next; });
  const foldAll = () => setOpen(new Set());
  const unfoldAll = () => setOpen(new Set(actors.flatMap(a => [`${a.node}/`, `${a.node}/${a.id}`])));
  const onKey = event => {
    const row = rows.at(focus);
    const move = to => {
      const next = Math.max(0, Math.min(rows.length - 1, to));
      setFocus(next);
      if (next * ROW < box.current.scrollTop) box.current.scrollTop = next * ROW;
      if ((next + 1) * ROW > box.current.scrollTop + box.current.clientHeight) box.current.scrollTop = (next + 1) * ROW - box.current.clientHeight;
    };
    const actions = {
      ArrowDown: () => move(focus + 1), ArrowUp: () => move(focus - 1), Home: () => move(0), End: () => move(rows.length - 1),
      PageDown: () => move(focus + Math.floor(view.height / ROW)), PageUp: () => move(focus - Math.floor(view.height / ROW)),
      ArrowRight: () => row && !row.unfolded && !row.leaf && toggle(row.key), ArrowLeft: () => row && row.unfolded && toggle(row.key),
      Enter: () => { const link = box.current.querySelector('.focused a'); if (link) location.hash = link.hash; else if (row) toggle(row.key); },
    };
    if (actions[event.key]) { actions[event.key](); event.preventDefault(); }
  };

  return html`<div class="page-head"><h1>Supervision tree</h1>
      <input type="search" placeholder="Filter: node, kind, state" aria-label="Filter actors" value=${filter} onInput=${e => setFilter(e.target.value)}/>
      <button class="ghost" onClick=${unfoldAll}>Unfold all</button><button class="ghost" onClick=${foldAll}>Fold all</button>
      <p class="hint">${plural(actors.length, 'actor')} and ${plural(actors.reduce((n, a) => n + a.sessions, 0), 'session')}${answer?.noting_share != null && html`<span title="What actors note of their work, so that it can be shown here, as a share of the CPU time of all nodes since they began ([console] observe)">; to note all this takes about ${(100 * answer.noting_share).toFixed(1)} % of the work</span>`}</p></div>
    <div class="tree panel">
      <div class="row head" aria-hidden="true"><span class="name">actor</span><span class="fact">state</span><span class="age">mailbox age</span><span class="num">messages</span><span class="num wide">busy</span></div>
      <div class="rows" ref=${box} role="tree" tabindex="0" aria-label="Actors" onScroll=${e => setView({top: e.target.scrollTop, height: e.target.clientHeight})} onKeyDown=${onKey}>
        <div class="space" style=${{height: `${rows.length * ROW}px`}}>${shown.map((row, i) => html`<${Row} key=${row.key} row=${row} at=${first + i}
          session=${row.shard ? sessionOf(row) : null} rate=${row.actor ? rates.get(`${row.actor.node}/${row.actor.id}`) : null} focused=${first + i === focus} toggle=${toggle}/>`)}</div>
        ${!answer && html`<p class="empty">Asking every node …</p>`}
      </div></div>`;
}
