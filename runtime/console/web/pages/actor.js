// One actor: what it is doing, what it did last, and how long its messages wait.
import {html, count, duration, hue} from '/lib.js';
import {useWatch} from '/live.js';
import {Figures, Kinds, Messages} from '/pages/parts.js';

export function Actor({path}) {
  const [node, id] = path;
  const answer = useWatch(`/api/v1/actors/${encodeURIComponent(node)}/${id}`);
  if (!answer) return html`<p class="empty">Asking ${node} …</p>`;
  if (answer.status !== 200) return html`<h1>Actor ${id} on ${node}</h1><p class="empty">${answer.body.error}. Did it end by error? See the <a href="#/graveyard">graveyard</a>.</p>`;
  const a = answer.body;
  return html`<p class="crumbs"><a href="#/tree/${encodeURIComponent(node)}">Tree</a> / <b class=${hue(node)}>${node}</b>${a.parent ? html` / <a href="#/actor/${encodeURIComponent(node)}/${a.parent}">supervisor</a>` : ''}</p>
    <h1>${a.kind} <em>${a.kind === 'shard' ? a.label.slice(6) : a.label}</em></h1><p class="state-line">${a.state || 'no state to speak of'}</p>
    <${Figures} rows=${[['waiting', a.depth], ['mailbox age', duration(a.age_us)], ['messages', count(a.messages)], ['busy', duration(a.busy_us)],
      ['waited at most', duration(a.waited_max_us)], ['took at most', duration(a.processed_max_us)], a.kind === 'shard' && ['restarts below', a.restarts, a.restarts ? 'warn' : ''], ['alive', duration(a.alive_us)]]}/>
    <section class="panel"><h2>By type of message</h2><${Kinds} kinds=${a.kinds}/></section>
    <section class="panel"><h2>Last ${a.last_messages.length} messages</h2><${Messages} messages=${a.last_messages}/></section>`;
}
