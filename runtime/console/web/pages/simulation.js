// A run of `holdfast simulate --trace FILE`, scrubbed through: the ring and the nodes as they were at
// any moment, what was said, and the way to the next fault or to the violation. The file stays in
// this tab; nothing is sent anywhere.
import {html, useEffect, useMemo, useRef, useState, bare, hue, plural} from '/lib.js';
import {Ring} from '/pages/cluster.js';

const LINES_MAX = 3e6;
const STEPS_SHOWN = 14;

// Lines as arrays by kind, each with its number: a moment is an index into all of them.
function parse(text) {
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
    else if (event.what === 'sip') run.sip.push(event);
    else if (event.what === 'violation') run.violations.push(event);
    else if (event.what === 'phase') run.phases.push(event);
  }
  return run;
}

// The last of a list at or before a moment; -1: none.
function lastAt(list, n) {
  let low = 0, high = list.length;
  while (low < high) { const middle = (low + high) >> 1; if (list[middle].n <= n) low = middle + 1; else high = middle; }
  return low - 1;
}

const shardsOf = view => view.shards.map((s, i) => {
  const copies = s.replicas.map(r => bare(r.node));
  return {s: i, e: s.epoch, o: bare(s.owner), r: copies, i: s.replicas.filter(r => r.in_sync).map(r => bare(r.node)), n: 0, a: Boolean(bare(s.owner)), m: false};
});

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

function Sip({message}) {
  const first = message.bytes.split('\r\n')[0].replace(/ SIP\/2\.0$/, '').replace(/^SIP\/2\.0 /, '');
  const cseq = /^CSeq:\s*(.*)$/im.exec(message.bytes)?.[1] || '';
  return html`<li><time>${(message.t / 1e6).toFixed(3)}</time><span class=${message.direction}><b>${message.agent}</b> ${message.direction === 'in' ? '→' : '←'} ${first} <em>${/^\d/.test(first) ? cseq : ''}</em></span></li>`;
}

export function Simulation() {
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

  const view = run ? run.views[lastAt(run.views, at)] : null;
  const shards = useMemo(() => view ? shardsOf(view) : [], [view]);
  if (!run) return html`<div class="page-head"><h1>Simulation</h1></div><${Open} open=${(parsed, file) => { setRun(parsed); setName(file); setAt(0); moment.current = 0; }}/>`;
  if (!run.events.length) return html`<h1>Simulation</h1><p class="empty">There is no line of a trace in ${name}.</p><button onClick=${() => setRun(null)}>Open another</button>`;

  const now = run.events[at];
  const nextFault = run.faults.find(f => f.n > at);
  const violation = run.violations.find(v => v.n > at) || run.violations[0];
  const phase = run.phases[lastAt(run.phases, at)];
  const faults = run.faults.slice(Math.max(0, lastAt(run.faults, at) - 4), lastAt(run.faults, at) + 1);
  const said = run.sip.slice(Math.max(0, lastAt(run.sip, at) - 13), lastAt(run.sip, at) + 1);
  const steps = [];
  for (let n = at; n >= 0 && steps.length < STEPS_SHOWN; n--) if (run.events[n].what === 'step') steps.push(run.events[n]);
  const onKey = e => {
    if (e.target.tagName === 'INPUT') return;
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
    <div class="cluster"><div class="left"><section class="panel">${view ? html`<${Ring} shards=${shards} middle=${view.number} below="view" note=${`${plural(shards.length, 'shard')}`}/>` : html`<p class="empty">No view yet.</p>`}</section>
      <section class="panel"><h2>Steps of actors</h2><ol class="timeline steps">${steps.map(s => html`<li key=${s.n} class=${s.n === at ? 'now' : ''}><time>${(s.t / 1e6).toFixed(6)}</time><span><b class=${hue(s.node)}>${s.node}</b> ${s.actor} <code>${s.message ?? `frame ${s.frame}`}</code></span></li>`)}</ol></section></div>
      <div class="right"><section class="panel"><h2>Nodes</h2><div class="members">${(view?.members || []).map(m => html`<p key=${m.node}><i class="dot ${m.state}"></i><b class=${hue(bare(m.node))}>${m.node}</b> <em>${m.state}</em></p>`)}</div>
        ${faults.length > 0 && html`<h2>Faults so far</h2><ol class="timeline">${faults.map(f => html`<li key=${f.n} class="failover"><time>${(f.t / 1e6).toFixed(3)}</time><span>${f.text}</span></li>`)}</ol>`}</section>
      <section class="panel"><h2>SIP at the user agents</h2><ol class="timeline">${[...said].reverse().map(m => html`<${Sip} key=${m.n} message=${m}/>`)}</ol>${!said.length && html`<p class="empty">Nothing was said yet.</p>`}</section></div></div>
    ${run.plan && html`<details class="panel"><summary>The plan of this run</summary><pre>${run.plan.plan}</pre></details>`}</div>`;
}
