// The calls there are: searched by Call-ID, caller, callee and container, sorted on the nodes.
import {html, useState, clock, hue, person, plural} from '/lib.js';
import {useWatch} from '/live.js';

export function stateOf(call) {
  return call.quarantined ? 'quarantined' : call.stable ? 'stable' : call.ended || call.ending ? 'ended' : 'setting up';
}

export function Calls({overview}) {
  const [search, setSearch] = useState('');
  const [node, setNode] = useState('');
  const [order, setOrder] = useState('newest');
  const answer = useWatch(`/api/v1/calls?search=${encodeURIComponent(search)}&node=${encodeURIComponent(node)}&order=${order}&limit=100`);
  const containers = (overview?.members || []).filter(m => m.role === 'container').map(m => m.name);
  const rows = answer?.body.rows || [];
  return html`<div class="page-head"><h1>Calls</h1>
      <input type="search" placeholder="Call-ID, caller or callee" aria-label="Search calls" value=${search} onInput=${e => setSearch(e.target.value)}/>
      <select aria-label="Container" value=${node} onChange=${e => setNode(e.target.value)}><option value="">every container</option>${containers.map(c => html`<option key=${c}>${c}</option>`)}</select>
      <select aria-label="Order" value=${order} onChange=${e => setOrder(e.target.value)}>${['newest', 'oldest', 'waiting', 'messages'].map(o => html`<option key=${o} value=${o}>${o} first</option>`)}</select>
      <p class="hint">${answer ? plural(answer.body.total ?? 0, 'session') : 'asking'}</p></div>
    <div class="panel calls"><table><thead><tr><th>caller</th><th>callee</th><th>state</th><th>container</th><th class="n">messages</th><th class="n">restarts</th><th>since</th></tr></thead>
      <tbody>${rows.map(c => html`<tr key=${c.id}><td><a href="#/call/${c.id}">${person(c.caller) || c.call_ids[0] || c.id}</a></td><td>${person(c.callee)}</td>
        <td><span class="tag ${stateOf(c).replace(' ', '-')}">${stateOf(c)}</span></td><td><b class=${hue(c.node)}>${c.node}</b></td><td class="n">${c.messages}</td><td class="n">${c.restarts || ''}</td><td><time>${clock(c.since_us)}</time></td></tr>`)}</tbody></table>
      ${answer && !rows.length && html`<p class="empty">${search ? 'No call fits these words.' : 'No calls right now.'}</p>`}</div>`;
}
