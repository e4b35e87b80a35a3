// Actors that ended by error: why, what they were, and the last they did.
import {html, clock, duration, hue} from '/lib.js';
import {useWatch} from '/live.js';
import {Messages} from '/pages/parts.js';

export function Graveyard() {
  const answer = useWatch('/api/v1/graveyard');
  const rows = answer?.body || [];
  return html`<div class="page-head"><h1>Graveyard</h1><p class="hint">The last 64 of each node. A session is restarted from its last commit; one that keeps failing is quarantined alone.</p></div>
    ${rows.map(o => html`<article class="panel grave" key=${`${o.node}${o.id}${o.at_us}`}>
      <header><h2>${o.kind} ${o.session ? html`<a href="#/call/${o.session}">${o.session}</a>` : html`<em>${o.label || o.id}</em>`}</h2><time>${clock(o.at_us)}</time> on <b class=${hue(o.node)}>${o.node}</b></header>
      <p class="why">${o.why}</p><p class="state-line">${o.state}; ${o.messages} messages, alive for ${duration(o.alive_us)}</p>
      <details><summary>Its last ${o.last_messages.length} messages</summary><${Messages} messages=${o.last_messages}/></details></article>`)}
    ${answer && !rows.length && html`<div class="panel peace"><svg viewBox="0 0 24 24" aria-hidden="true"><path d="M5 13c4-1 6-4 7-9 1 5 3 8 7 9-4 1-6 4-7 9-1-5-3-8-7-9z"/></svg><p>Nothing has ended by error since these nodes began.</p></div>`}`;
}
