// One actor: what it is doing, what it did last, whom it supervises and watches, and how long its
// messages wait. Of a shard also its copies, and how far they are behind.
import {html, clock, count, duration, hue, plural} from '/lib.js';
import {useWatch} from '/live.js';
import {Figures, Kinds, Messages} from '/pages/parts.js';

const CHILDREN_SHOWN = 120;

const to = (node, id, text) => html`<a href="#/actor/${encodeURIComponent(node)}/${id}">${text}</a>`;

function Copies({number}) {
  const shard = useWatch('/api/v1/overview')?.body.ring.find(s => s.s === number);
  if (!shard) return null;
  return html`<section class="panel"><h2>Copies</h2><dl class="facts"><dt>held by</dt><dd>${shard.r.length ? shard.r.map((r, i) => html`${i ? ', ' : ''}<b class=${hue(r)}>${r}</b> ${shard.i.includes(r) ? 'in sync' : 'filling'}`) : html`<b class="bad-text">nobody</b>`}</dd>
    <dt>behind by</dt><dd>${plural(shard.l, 'commit')}</dd><dt>epoch</dt><dd>${shard.e}</dd></dl></section>`;
}

function Family({a}) {
  const children = a.children.slice(0, CHILDREN_SHOWN);
  return html`<section class="panel"><h2>Around it</h2><dl class="facts">
    <dt>supervisor</dt><dd>${a.parent ? to(a.node, a.parent, `#${a.parent}`) : 'none: it is the root of its node'}</dd>
    <dt>children</dt><dd class="chips">${children.map(c => html`<span key=${c.id}>${to(a.node, c.id, c.kind === 'shard' ? c.label : `${c.kind} ${c.label}`)}</span>`)}${a.sessions > 0 ? html`<a href="#/tree/${encodeURIComponent(a.node)}">${plural(a.sessions, 'session')}</a>` : ''}
      ${a.children.length > CHILDREN_SHOWN ? `and ${a.children.length - CHILDREN_SHOWN} more` : ''}${!a.children.length && !a.sessions ? 'none' : ''}</dd>
    <dt>monitors</dt><dd>${a.monitoring ? html`${plural(a.monitoring, 'actor')}${a.kind === 'shard' ? ': its container and its sessions' : html`: ${a.monitors.slice(0, 12).map((id, i) => html`${i ? ', ' : ''}${to(a.node, id, `#${id}`)}`)}${a.monitoring > 12 ? ' …' : ''}`}` : 'nobody'}</dd>
    <dt>ended by error</dt><dd>${a.ended_by_error.length ? html`<ul class="ends">${a.ended_by_error.map(e => html`<li key=${e.at_us}><time>${clock(e.at_us)}</time> <span class="bad-text">${e.why}</span> <em>${e.state}</em></li>`)}</ul>` : a.kind === 'shard' ? 'none of its sessions' : 'never on this node'}</dd></dl></section>`;
}

export function Actor({path}) {
  const [node, id] = path;
  const answer = useWatch(`/api/v1/actors/${encodeURIComponent(node)}/${id}`);
  if (!answer) return html`<p class="empty">Asking ${node} …</p>`;
  if (answer.status !== 200) return html`<h1>Actor ${id} on ${node}</h1><p class="empty">${answer.body.error}. Did it end by error? See the <a href="#/graveyard">graveyard</a>.</p>`;
  const a = answer.body;
  return html`<p class="crumbs"><a href="#/tree/${encodeURIComponent(node)}">Tree</a> / <b class=${hue(node)}>${node}</b>${a.parent ? html` / ${to(node, a.parent, 'supervisor')}` : ''}</p>
    <h1>${a.kind} <em>${a.kind === 'shard' ? a.label.slice(6) : a.label}</em></h1><p class="state-line">${a.state || 'no state to speak of'}</p>
    <${Figures} rows=${[['waiting', a.depth], ['mailbox age', duration(a.age_us)], ['messages', count(a.messages)], ['busy', duration(a.busy_us)],
      ['waited at most', duration(a.waited_max_us)], ['took at most', duration(a.processed_max_us)], a.kind === 'shard' && ['restarts below', a.restarts, a.restarts ? 'warn' : ''], ['alive', duration(a.alive_us)]]}/>
    ${a.kind === 'shard' && html`<${Copies} number=${Number(a.label.slice(6))}/>`}
    <${Family} a=${a}/>
    <section class="panel"><h2>By type of message</h2><${Kinds} kinds=${a.kinds}/></section>
    <section class="panel"><h2>Last ${a.last_messages.length} messages</h2><${Messages} messages=${a.last_messages}/></section>`;
}
