// What a failure did, step by step, and what was left of the time one has for it.
import {html, bare, clock, duration, hue, plural} from '/lib.js';
import {useWatch} from '/live.js';

// Each step with what it may take: detection of a hung node, the ledger, remote spawn, activation.
const STEPS = [
  ['detected', 'detected_us', null, 'the first sign of it'],
  ['decided', 'decided_us', 400000, 'new view in the ledger'],
  ['spawned', 'spawned_us', 50000, 'remote spawn ordered'],
  ['activated', 'activated_us', 250000, 'its last shard is served'],
  ['first message', 'first_message_us', null, 'first message to a new owner'],
];

export function Waterfall({failover}) {
  const begin = failover.detected_us;
  const ends = STEPS.map(s => failover[s[1]]).filter(Boolean);
  const span = Math.max(1000, Math.max(failover.activated_us || 0, failover.decided_us) - begin) * 1.15;
  const at = us => `${Math.min(100, 100 * (us - begin) / span)}%`;
  let last = begin;
  return html`<div class="waterfall">${STEPS.filter(s => failover[s[1]] !== undefined).map(([name, field, budget, why]) => { // a trace does not tell all of them
    const time = failover[field];
    const from = last;
    if (time) last = Math.max(last, time);
    const took = time ? Math.max(0, time - from) : null;
    return html`<div key=${name} class="step ${time == null ? 'waiting' : budget && took > budget ? 'over' : ''}"><h3>${name}</h3>
      <div class="lane"><i style=${{left: at(Math.min(from, begin + span)), width: `calc(${time ? at(begin + Math.min(took, span)) : '0%'} + 3px)`}}></i></div>
      <p>${time ? html`<b>${time === begin ? 'at once' : `+${duration(time - begin)}`}</b>` : 'not yet'} <span>${why}${budget ? `, ${duration(budget)} allowed` : ''}</span></p></div>`;
  })}</div>`;
}

function Shards({failover}) {
  const begin = failover.decided_us;
  const last = Math.max(1000, ...failover.shards.map(s => (s.activated_us || begin) - begin));
  return html`<div class="shards">${failover.shards.map(s => html`<div key=${s.shard} class=${s.activated_us ? '' : 'waiting'} title="shard ${s.shard}, epoch ${s.epoch}: ${plural(s.sessions, 'session')}, active ${duration((s.activated_us || begin) - begin)} after the decision">
    <b class=${hue(s.to)}>${s.shard}</b><i style=${{width: `${100 * Math.max(0, (s.activated_us || begin) - begin) / last}%`}} class=${hue(s.to)}></i><span>${s.activated_us ? duration(Math.max(0, s.activated_us - begin)) : 'waiting'}</span></div>`)}</div>`;
}

export function Failovers({path}) {
  const rows = useWatch('/api/v1/failovers')?.body;
  const views = useWatch('/api/v1/views')?.body || [];
  if (!rows) return html`<p class="empty">Asking the coordinator …</p>`;
  const list = [...rows].reverse();
  const chosen = list.find(f => String(f.id) === path[0]) || list[0];
  const heirs = chosen ? [...new Set(chosen.shards.map(s => s.to))].sort() : [];
  return html`<div class="page-head"><h1>Failovers</h1><p class="hint">${rows.length ? plural(rows.length, 'failover') : 'None'} since this coordinator began.</p></div>
    ${!chosen && html`<div class="panel peace"><svg viewBox="0 0 24 24" aria-hidden="true"><path d="M13 2 5 13h6l-1 9 9-12h-6z"/></svg><p>No node had to be replaced yet.</p></div>`}
    ${chosen && html`<div class="failovers"><nav class="panel" aria-label="Failovers">${list.map(f => html`<a key=${f.id} href="#/failovers/${f.id}" class=${f === chosen ? 'here' : ''}>
        <b class=${hue(bare(f.node))}>${f.node}</b><time>${clock(f.decided_us)}</time><span>${plural(f.sessions, 'session')}</span></a>`)}</nav>
      <section class="panel"><h2>${chosen.node} <em>${chosen.cause || 'no sign before the decision'}</em></h2>
        <p class="state-line">View ${chosen.view} gave ${plural(chosen.shards.length, 'shard')} with ${plural(chosen.sessions, 'session')} to ${heirs.map((n, i) => html`${i ? ', ' : ''}<b class=${hue(n)}>${n}</b>`)}.</p>
        <${Waterfall} failover=${chosen}/><h2>Shard by shard</h2><${Shards} failover=${chosen}/></section></div>`}
    <section class="panel"><h2>Views</h2><ol class="timeline">${[...views].reverse().slice(0, 100).map(v => html`<li key=${v.number}><time>${clock(v.at_us)}</time><span><b>view ${v.number}</b> ${[...v.joined.map(n => `${n} joined`), ...v.ended.map(n => `${n} ended`), ...v.states,
      v.owners_changed ? `${plural(v.owners_changed, 'owner')} changed` : '', v.replicas_changed ? `copies of ${plural(v.replicas_changed, 'shard')} changed` : ''].filter(Boolean).join(', ')}</span></li>`)}</ol></section>`;
}
