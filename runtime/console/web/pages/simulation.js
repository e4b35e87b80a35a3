// A run of `holdfast simulate --trace FILE`, scrubbed through: the ring and the nodes as they were at
// any moment, what was said, and the way to the next fault or to the violation. The file stays in
// this tab; nothing is sent anywhere.
import {html, useEffect, useLayoutEffect, useMemo, useRef, useState, bare, hue, plural} from '/lib.js';
import {Ladder} from '/pages/call.js';
import {Waterfall} from '/pages/failovers.js';
import {Ring} from '/pages/ring.js';
import {actorsOf, callsOf, ladderOf, lastAt, parse, shardsOf, upTo} from '/pages/trace.js';

const STEPS_SHOWN = 14;
const PARTS = [['cluster', 'Cluster'], ['tree', 'Actors'], ['calls', 'Calls'], ['failovers', 'Failovers']];

function Open({open}) {
  const [over, setOver] = useState(false);
  const take = async file => { if (file) open(parse(await file.text()), file.name); };
  return html`<label class="panel drop ${over ? 'over' : ''}" onDragOver=${e => { e.preventDefault(); setOver(true); }} onDragLeave=${() => setOver(false)}
      onDrop=${e => { e.preventDefault(); setOver(false); take(e.dataTransfer.files[0]); }}>
    <svg viewBox="0 0 24 24" aria-hidden="true"><path d="M5 4v16l14-8z"/></svg><b>Open a trace</b>
    <span>Choose or drop a file that <code>holdfast simulate --seed N --trace FILE</code> wrote.</span>
    <input type="file" accept=".jsonl,.json,.txt" onChange=${e => take(e.target.files[0])}/></label>`;
}

function Track({run, at, go}) {
  const all = Math.max(1, run.events.length - 1);
  const mark = (e, kind, text) => html`<i key=${kind + e.n} class=${kind} style=${{left: `${100 * e.n / all}%`}} title=${text}></i>`;
  return html`<div class="track"><div class="marks" aria-hidden="true">${run.views.slice(-400).map(v => mark(v, 'view', `view ${v.number}`))}${run.faults.map(f => mark(f, 'fault', f.text))}${run.violations.map(v => mark(v, 'violation', v.text))}</div>
    <input type="range" min="0" max=${all} value=${at} aria-label="Moment of the run" onInput=${e => go(Number(e.target.value))}/></div>`;
}

const seconds = us => (us / 1e6).toFixed(6);

function Sip({message, go}) {
  return html`<li><button class="when" onClick=${() => go(message.n)}><time>${(message.t / 1e6).toFixed(3)}</time></button><span class=${message.direction}><b>${message.agent}</b> ${message.direction === 'in' ? '→' : '←'} ${message.line} <em>${message.status ? `${message.cseq} ${message.method}` : ''}</em></span></li>`;
}

function ClusterThen({run, at, view, shards, go}) {
  const faults = upTo(run.faults, at).slice(-5);
  const said = upTo(run.sip, at).slice(-14);
  const steps = [];
  for (let n = at; n >= 0 && steps.length < STEPS_SHOWN; n--) if (run.events[n].what === 'step') steps.push(run.events[n]);
  return html`<div class="cluster"><div class="left"><section class="panel">${view ? html`<${Ring} shards=${shards} middle=${view.number} below="view" note=${plural(shards.length, 'shard')}/>` : html`<p class="empty">No view yet.</p>`}</section>
      <section class="panel"><h2>Steps of actors</h2><ol class="timeline steps">${steps.map(s => html`<li key=${s.n} class=${s.n === at ? 'now' : ''}><time>${seconds(s.t)}</time><span><b class=${hue(s.node)}>${s.node}</b> ${s.actor} <code>${s.message ?? `frame ${s.frame}`}</code></span></li>`)}</ol></section></div>
    <div class="right"><section class="panel"><h2>Nodes</h2><div class="members">${(view?.members || []).map(m => html`<p key=${m.node}><i class="dot ${m.state}"></i><b class=${hue(bare(m.node))}>${m.node}</b> <em>${m.state}</em></p>`)}</div>
      ${faults.length > 0 && html`<h2>Faults so far</h2><ol class="timeline">${faults.map(f => html`<li key=${f.n} class="failover"><button class="when" onClick=${() => go(f.n)}><time>${(f.t / 1e6).toFixed(3)}</time></button><span>${f.text}</span></li>`)}</ol>`}</section>
    <section class="panel"><h2>SIP at the user agents</h2><ol class="timeline">${said.reverse().map(m => html`<${Sip} key=${m.n} message=${m} go=${go}/>`)}</ol>${!said.length && html`<p class="empty">Nothing was said yet.</p>`}</section></div></div>`;
}

function ActorsThen({run, at, go}) {
  const nodes = actorsOf(run, at);
  return html`<div class="nodes sim-actors">${nodes.map(([node, kinds]) => html`<section key=${node} class="panel"><h2><b class=${hue(bare(node))}>${node}</b></h2>
    <table><thead><tr><th>actor</th><th class="n">steps</th><th>latest</th></tr></thead><tbody>${[...kinds].map(([kind, k]) => html`<tr key=${kind}><td>${kind}</td><td class="n">${k.steps}</td>
      <td><button class="when" onClick=${() => go(k.last.n)}><time>${(k.last.t / 1e6).toFixed(3)}</time></button> <code>${k.last.message ?? `frame ${k.last.frame}`}</code></td></tr>`)}</tbody></table></section>`)}
    ${!nodes.length && html`<p class="empty">No actor has done anything yet.</p>`}</div>`;
}

function CallsThen({run, at, go}) {
  const [chosen, choose] = useState('');
  const [arrow, setArrow] = useState(null);
  const calls = callsOf(run, at);
  const event = run.events[at]; // a violation names its call
  const call = calls.find(c => c[0] === chosen) || calls.find(c => event.what === 'violation' && event.text.includes(c[0])) || calls[0];
  if (!call) return html`<p class="panel empty">No call yet.</p>`;
  const ladder = ladderOf(run, call[1], at);
  return html`<div class="failovers"><nav class="panel" aria-label="Calls">${calls.slice(0, 200).map(([id, messages]) => html`<button key=${id} class="pick ${id === call[0] ? 'here' : ''}" onClick=${() => { choose(id); setArrow(null); }}>
      <b>${messages[0].agent}</b> <span>${messages[0].method}</span><code>${id}</code></button>`)}</nav>
    <section class="panel"><h2>${call[0]}</h2><${Ladder} call=${ladder} chosen=${arrow} choose=${i => { setArrow(i); go(ladder.ladder[i].n); }}/></section></div>`;
}

function FailoversThen({run, at, go}) {
  const list = upTo(run.failovers, at).reverse();
  if (!list.length) return html`<p class="panel empty">Nothing has failed over yet.</p>`;
  return list.map(f => html`<section key=${f.id} class="panel"><h2><b class=${hue(bare(f.node))}>${f.node}</b> <em>${f.cause || 'no fault before'}</em></h2>
    <p class="state-line">View ${f.view} gave ${plural(f.shards.length, 'shard')} to ${[...new Set(f.shards.map(s => s.to))].sort().map((n, i) => html`${i ? ', ' : ''}<b class=${hue(n)}>${n}</b>`)}. <button class="small" onClick=${() => go(f.n)}>Go there</button></p><${Waterfall} failover=${f}/></section>`);
}

const THEN = {cluster: ClusterThen, tree: ActorsThen, calls: CallsThen, failovers: FailoversThen};

export function Simulation() {
  const [part, setPart] = useState('cluster');
  const [run, setRun] = useState(null);
  const [name, setName] = useState('');
  const [at, setAt] = useState(0);
  const [playing, setPlaying] = useState(false);
  const [speed, setSpeed] = useState(1);
  const moment = useRef(0);
  const go = n => { const next = Math.max(0, Math.min((run?.events.length || 1) - 1, n)); moment.current = next; setAt(next); };

  useEffect(() => { // virtual time at `speed` times the real one
    if (!playing || !run) return undefined;
    let frame, last = performance.now(), virtual = run.events[moment.current].t;
    const turn = now => {
      virtual += (now - last) * 1000 * speed;
      last = now;
      let n = moment.current;
      while (n + 1 < run.events.length && run.events[n + 1].t <= virtual) n += 1;
      if (n !== moment.current) go(n);
      if (n + 1 >= run.events.length) setPlaying(false); else frame = requestAnimationFrame(turn);
    };
    frame = requestAnimationFrame(turn);
    return () => cancelAnimationFrame(frame);
  }, [playing, run, speed]);

  useLayoutEffect(() => { document.querySelector('.sim')?.focus({preventScroll: true}); }, [run]); // its keys work at once

  const view = run ? run.views[lastAt(run.views, at)] : null;
  const shards = useMemo(() => view ? shardsOf(view) : [], [view]);
  if (!run) return html`<div class="page-head"><h1>Simulation</h1></div><${Open} open=${(parsed, file) => { setRun(parsed); setName(file); setAt(0); moment.current = 0; }}/>`;
  if (!run.events.length) return html`<h1>Simulation</h1><p class="empty">There is no line of a trace in ${name}.</p><button onClick=${() => setRun(null)}>Open another</button>`;

  const now = run.events[at];
  const nextFault = run.faults.find(f => f.n > at);
  const violation = run.violations.find(v => v.n > at) || run.violations[0];
  const phase = run.phases[lastAt(run.phases, at)];
  const onKey = e => {
    if (e.defaultPrevented || e.target.matches('input, select') || (e.key === ' ' && e.target.closest('button'))) return;
    if (e.key === ' ') setPlaying(!playing); else if (e.key === 'ArrowRight') go(at + 1); else if (e.key === 'ArrowLeft') go(at - 1);
    else if (e.key === 'f' && nextFault) go(nextFault.n); else if (e.key === 'v' && violation) go(violation.n); else return;
    e.preventDefault();
  };
  return html`<div class="sim" tabindex="0" onKeyDown=${onKey}><div class="page-head"><h1>Simulation <em>${name}, seed ${run.plan?.seed ?? 'unknown'}</em></h1>
      <p class="hint">${plural(run.events.length, 'event')}, ${plural(run.faults.length, 'fault')}, ${run.violations.length ? html`<b class="bad-text">${plural(run.violations.length, 'violation')}</b>` : 'no violation'}${run.torn ? `, ${plural(run.torn, 'line')} torn` : ''}</p></div>
    <div class="panel"><div class="controls"><button class="primary" onClick=${() => setPlaying(!playing)} title="Space">${playing ? 'Pause' : 'Play'}</button>
        <button onClick=${() => go(at - 1)} title="Left arrow">Step back</button><button onClick=${() => go(at + 1)} title="Right arrow">Step</button>
        <button disabled=${!nextFault} onClick=${() => go(nextFault.n)} title="f">Next fault</button>
        <button disabled=${!violation} class=${violation ? 'danger-text' : ''} onClick=${() => go(violation.n)} title="v">To the violation</button>
        <select aria-label="Speed" value=${speed} onChange=${e => setSpeed(Number(e.target.value))}>${[0.01, 0.1, 1, 10].map(s => html`<option key=${s} value=${s}>${s}× time</option>`)}</select>
        <button class="ghost" onClick=${() => { setPlaying(false); setRun(null); }}>Open another</button>
        <p class="moment"><b>${(now.t / 1e6).toFixed(6)} s</b>${phase ? ` · ${phase.name}` : ''}</p></div>
      <${Track} run=${run} at=${at} go=${go}/>
      ${now.what === 'violation' && html`<p class="why">${now.invariant}: ${now.text}</p>`}${now.what === 'fault' && html`<p class="why">${now.text}</p>`}</div>
    <div class="tabs" role="tablist" aria-label="Pages of the run">${PARTS.map(([id, title]) => html`<button key=${id} role="tab" aria-selected=${part === id} class=${part === id ? 'here' : ''} onClick=${() => setPart(id)}>${title}</button>`)}</div>
    <${THEN[part]} run=${run} at=${at} view=${view} shards=${shards} go=${go}/>
    ${run.plan && html`<details class="panel"><summary>The plan of this run</summary><pre>${run.plan.plan}</pre></details>`}</div>`;
}
