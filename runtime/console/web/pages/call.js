// One call: its SIP ladder over user agents, dispatcher, proxies and containers, the steps of its
// actor, and what the cluster did meanwhile. An arrow leads to the step that took or made it.
import {html, useState, clock, duration, hue, person, plural} from '/lib.js';
import {useWatch} from '/live.js';
import {confirmOperation} from '/dialogs.js';
import {Figures, Messages} from '/pages/parts.js';
import {stateOf} from '/pages/calls.js';

const NARROW = matchMedia('(max-width: 760px)').matches;
const LANE = NARROW ? 57 : 136, ROW = 40, HEAD = 54, LEFT = NARROW ? 56 : 92;
// So that all stations fit on a telephone: "cont. 3", and of an agent its port.
const lane = name => !NARROW ? name : name.replace(/^.*:(\d+)$/, ':$1').replace(/^(....)\w*-(\d+)$/, '$1. $2');
const time = us => `+${(us / 1e6).toFixed(NARROW ? 3 : 4)}`;
const RANK = {dispatcher: 1, proxy: 2, cluster: 2.5, session: 3}; // cluster: all of it, where no more is known
const ROLE = {0: 'caller', 1: 'dispatcher', 2: 'proxy', 2.5: '', 3: 'container', 4: 'user agent'};

// The caller's side left, the other user agents right, the cluster in between.
function lanesOf(ladder) {
  const lanes = [];
  const add = (name, rank) => { if (!lanes.some(l => l.name === name)) lanes.push({name, rank}); };
  ladder.forEach((rung, i) => {
    add(rung.agent, i === 0 && rung.in ? 0 : 4);
    for (const stop of rung.stops) add(stop.node, RANK[stop.station]);
  });
  lanes.sort((a, b) => a.rank - b.rank || (a.rank < 4 ? a.name.localeCompare(b.name) : 0));
  return lanes;
}

function kindOf(rung) {
  if (rung.status >= 400) return 'bad';
  if (rung.status >= 200) return 'final';
  if (rung.status) return 'provisional';
  return rung.method === 'BYE' || rung.method === 'CANCEL' ? 'end' : 'request';
}

function entriesOf(call) {
  const entries = call.ladder.map((rung, i) => ({at: rung.stops[0].at_us, rung, i}));
  const first = entries.length ? entries[0].at : 0;
  for (const f of call.failovers) if (f.decided_us >= first - 1e6) entries.push({at: f.decided_us, failover: f});
  return entries.sort((a, b) => a.at - b.at);
}

function Rung({entry, lanes, y, first, chosen, ofStep, choose}) {
  const {rung} = entry;
  const x = name => LEFT + LANE * (lanes.findIndex(l => l.name === name) + 0.5);
  const farRight = lanes.find(l => l.name === rung.agent).rank === 4;
  const inner = rung.stops.map(s => x(s.node));
  // Towards agents on the right the line goes straight from the container; what it passed are marks on it.
  const end = x(rung.agent);
  const session = rung.stops.find(s => s.station === 'session');
  const near = session ? x(session.node) : farRight ? Math.max(...inner) : Math.max(...inner);
  const [from, to] = rung.in ? [end, near] : [near, end];
  const passed = rung.stops.filter(s => s !== session);
  const marks = farRight ? passed.map((s, i) => ({s, at: from + (to - from) * (i + 1) / (passed.length + 1)})) : passed.map(s => ({s, at: x(s.node)}));
  const way = Math.sign(to - from) || 1;
  const took = rung.stops.length > 1 ? rung.stops[rung.stops.length - 1].at_us - rung.stops[0].at_us : null;
  return html`<g class="rung ${kindOf(rung)} ${chosen ? 'chosen' : ''} ${ofStep ? 'of-step' : ''}" role="button" tabindex="0" aria-pressed=${chosen}
      aria-label="${rung.what} ${rung.in ? 'from' : 'to'} ${rung.agent}" onClick=${choose} onKeyDown=${e => (e.key === 'Enter' || e.key === ' ') && (choose(), e.preventDefault())}>
    <rect class="hit" x="0" y=${y - ROW / 2} width=${LEFT + LANE * lanes.length} height=${ROW}/>
    <text class="at" x=${LEFT - 12} y=${y + 4}>${time(entry.at - first)}</text>
    <line x1=${from} x2=${to - way * 7} y1=${y} y2=${y} class=${rung.repeated ? 'again' : ''}/>
    <path class="tip" d="M${to} ${y}l${-way * 9} -4.5v9z"/>
    ${marks.map(m => html`<circle key=${m.s.node + m.s.station} cx=${m.at} cy=${y} r="3.4" class=${hue(m.s.node)}><title>${m.s.node} ${clock(m.s.at_us)}</title></circle>`)}
    ${session && html`<circle cx=${near} cy=${y} r="5" class="session ${hue(session.node)}"><title>${session.node}, step ${session.step} ${clock(session.at_us)}</title></circle>`}
    <text class="what" x=${Math.min((from + to) / 2, LEFT + LANE * lanes.length - (NARROW ? 46 : 70))} y=${y - 7}>${rung.what}${rung.repeated ? ' again' : ''}${took > 0 && !NARROW ? html`<tspan class="took">  ${duration(took)}</tspan>` : ''}</text></g>`;
}

function told(failover, shard) {
  const heir = failover.shards.find(s => s.shard === shard)?.to;
  const after = duration((failover.activated_us ?? failover.decided_us) - failover.detected_us);
  if (shard == null) return `${failover.node} given up`;
  return NARROW ? `${failover.node} → ${heir}, ${after}` : `${failover.node} given up (${failover.cause}); shard ${shard} active on ${heir} after ${after}`;
}

const stepOf = rung => rung.stops.find(s => s.step)?.step ?? null;

// Of a call, or of a simulated one. `step`: the arrows of this step of its actor are marked.
export function Ladder({call, chosen, step, choose}) {
  const lanes = lanesOf(call.ladder);
  const entries = entriesOf(call);
  const first = entries[0]?.at || 0;
  const width = LEFT + LANE * lanes.length, height = HEAD + ROW * (entries.length + 0.5);
  return html`<div class="ladder scroll" tabindex="-1"><svg width=${width} height=${height} viewBox="0 0 ${width} ${height}" role="group" aria-label="SIP ladder">
    ${lanes.map((l, i) => html`<g key=${l.name} class="lane ${l.rank === 0 || l.rank === 4 ? 'agent' : hue(l.name)}">
      <line x1=${LEFT + LANE * (i + 0.5)} x2=${LEFT + LANE * (i + 0.5)} y1=${HEAD - 14} y2=${height}/>
      <text x=${LEFT + LANE * (i + 0.5)} y="24">${lane(l.name)}<title>${l.name}</title></text><text class="role" x=${LEFT + LANE * (i + 0.5)} y="38">${ROLE[l.rank]}</text></g>`)}
    ${entries.map((entry, i) => {
      const y = HEAD + ROW * (i + 0.6);
      if (entry.rung) return html`<${Rung} key=${`r${entry.i}`} entry=${entry} lanes=${lanes} y=${y} first=${first} chosen=${chosen === entry.i} ofStep=${step != null && stepOf(entry.rung) === step} choose=${() => choose(entry.i)}/>`;
      const f = entry.failover;
      return html`<a key=${`f${f.id}`} href=${call.shard == null ? undefined : `#/failovers/${f.id}`} class="failover"><rect x="4" y=${y - 15} width=${width - 8} height="30" rx="6"/>
        <text x=${LEFT - 12} y=${y + 4} class="at">${time(entry.at - first)}</text>
        <text x=${LEFT + 8} y=${y + 4}>${told(f, call.shard)}</text></a>`;
    })}</svg></div>`;
}

export function Call({path}) {
  const [chosen, choose] = useState(null);
  const [step, chooseStep] = useState(null);
  const answer = useWatch(`/api/v1/calls/${path[0]}`);
  if (!answer) return html`<p class="empty">Asking every node …</p>`;
  if (answer.status !== 200) return html`<p class="crumbs"><a href="#/calls">Calls</a></p><h1>Call ${path[0]}</h1><p class="empty">${answer.body.error}.</p>`;
  const call = answer.body;
  const session = call.actor?.session;
  const rung = chosen == null ? null : call.ladder[chosen];
  const pick = i => { choose(i); chooseStep(stepOf(call.ladder[i])); };
  const pickStep = number => { chooseStep(number); const i = call.ladder.findIndex(r => stepOf(r) === number); choose(i < 0 ? null : i); };
  const said = number => call.ladder.filter(r => stepOf(r) === number).map(r => `${r.in ? '→' : '←'} ${r.what}`).join('  ');
  const trace = () => confirmOperation({title: call.actor.traced ? 'Stop the trace?' : 'Trace this call?', verb: call.actor.traced ? 'Stop' : 'Trace',
    path: `/api/v1/trace/${call.id}?on=${call.actor.traced ? 0 : 1}`,
    sentence: call.actor.traced ? 'The texts kept so far are thrown away. The call does not notice.' : 'The latest 40 SIP messages of this one call are kept in full, on its container, until you stop it. The call does not notice.'});
  return html`<p class="crumbs"><a href="#/calls">Calls</a> / ${call.id}</p>
    <h1 class="call-title">${session ? html`<span>${person(session.caller)}</span> <em>→</em> <span>${person(session.callee)}</span>` : `Call ${call.id}`}</h1>
    ${session ? html`<${Figures} rows=${[['state', stateOf(session)], ['container', html`<b class=${hue(session.node)}>${session.node}</b>`], ['shard', html`<a href="#/cluster">${call.shard}</a>`],
        ['application', session.application], ['messages', session.messages], ['restarts', session.restarts, session.restarts ? 'warn' : ''], ['here for', duration(Date.now() * 1000 - session.since_us)]]}/>
      <p class="ids">${session.call_ids.map(id => html`<code key=${id}>${id}</code>`)} <button class="small" onClick=${trace}>${call.actor.traced ? 'Stop trace' : 'Trace'}</button></p>`
      : html`<p class="state-line">It has ended. This is what dispatchers and proxies still remember.</p>`}
    <section class="panel"><h2>Ladder</h2>${call.ladder.length ? html`<${Ladder} call=${call} chosen=${chosen} step=${step} choose=${pick}/>` : html`<p class="empty">No message is remembered any more.</p>`}
      ${rung && html`<div class="hops"><h3>${rung.what} <em>CSeq ${rung.cseq}</em></h3><ol>${rung.in && html`<li>${rung.agent}</li>`}
        ${rung.stops.map((s, i) => html`<li key=${s.node + s.station}><b class=${hue(s.node)}>${s.node}</b> <time>${clock(s.at_us)}</time>${i ? html` <em>+${duration(s.at_us - rung.stops[i - 1].at_us)}</em>` : ''}${s.step ? html` <button class="small" onClick=${() => chooseStep(s.step)}>step ${s.step}</button>` : ''}</li>`)}
        ${!rung.in && html`<li>${rung.agent}</li>`}</ol></div>`}</section>
    ${call.actor && html`<section class="panel"><h2>Steps of its actor</h2><p class="hint">The last ${call.actor.last_messages.length} of ${plural(call.actor.messages, 'message')}; choose one to see its arrow.</p>
      <${Messages} messages=${call.actor.last_messages} chosen=${step} choose=${pickStep} said=${said}/></section>`}
    ${call.ended_by_error.length > 0 && html`<section class="panel"><h2>Restarts</h2><ul class="ends">${call.ended_by_error.map(e => html`<li key=${e.at_us}><time>${clock(e.at_us)}</time> <span class="bad-text">${e.why}</span> <em>${e.state}</em></li>`)}</ul></section>`}
    ${call.actor?.traced && html`<section class="panel"><h2>Trace</h2>${call.actor.trace.length ? call.actor.trace.map((t, i) => html`<details key=${i}><summary><time>${clock(t.at_us)}</time> ${t.in ? 'in' : 'out'} <code>${t.text.split('\r\n')[0]}</code></summary><pre>${t.text}</pre></details>`) : html`<p class="empty">Nothing was said since the trace began.</p>`}</section>`}`;
}
