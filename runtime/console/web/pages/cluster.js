// Who is in, who owns what, and what happened: the ring is the cluster at a glance.
import {html, useEffect, useMemo, useRef, useState, clock, count, duration, hue, plural} from '/lib.js';
import {confirmOperation} from '/dialogs.js';
import {get} from '/live.js';
import {Ring} from '/pages/ring.js';
import uPlot from '/vendor/uplot.js';

// Drawn anew when the theme changes: a canvas knows no style sheet.
function useScheme() {
  const read = () => document.documentElement.dataset.theme || (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light');
  const [scheme, set] = useState(read());
  useEffect(() => {
    const listener = () => set(read());
    const media = matchMedia('(prefers-color-scheme: dark)');
    media.addEventListener('change', listener);
    const observer = new MutationObserver(listener);
    observer.observe(document.documentElement, {attributes: true, attributeFilter: ['data-theme']});
    return () => { media.removeEventListener('change', listener); observer.disconnect(); };
  }, []);
  return scheme;
}

function Chart({history}) {
  const box = useRef(), plot = useRef();
  const scheme = useScheme();
  const data = [history.map(p => p.at), history.map(p => p.sessions)];
  useEffect(() => {
    const style = getComputedStyle(document.documentElement);
    const ink = style.getPropertyValue('--muted').trim(), accent = style.getPropertyValue('--accent').trim();
    const grid = style.getPropertyValue('--line').trim();
    const axis = {stroke: ink, grid: {stroke: grid, width: 1}, ticks: {show: false}, font: '11px system-ui'};
    plot.current = new uPlot({
      width: box.current.clientWidth, height: 130, legend: {show: false}, cursor: {show: false},
      scales: {x: {range: (_, low, high) => [Math.min(low, high - 60), high]}, y: {range: (_, low, high) => [0, Math.max(5, high * 1.15)]}},
      axes: [{...axis, space: 90, size: 26, values: (_, ticks) => ticks.map(t => clock(t * 1e6).slice(0, 8))}, {...axis, size: 44}],
      series: [{}, {stroke: accent, width: 2, fill: accent + '22', points: {show: false}}],
    }, data, box.current);
    const resize = new ResizeObserver(() => plot.current.setSize({width: box.current.clientWidth, height: 130}));
    resize.observe(box.current);
    return () => { resize.disconnect(); plot.current.destroy(); };
  }, [scheme]);
  useEffect(() => plot.current?.setData(data), [history]);
  return html`<div class="chart" ref=${box} aria-label="Sessions over time"></div>`;
}

const past = [];
function useHistory(overview) {
  if (overview) {
    const at = Date.now() / 1000;
    if (!past.length || at - past[past.length - 1].at > 0.4) past.push({at, sessions: overview.sessions});
    if (past.length > 600) past.shift();
  }
  return useMemo(() => past.slice(), [overview]);
}

function operations(member, members) {
  const holds = member.sessions || 0;
  const ask = (verb, title, sentence, danger) => confirmOperation({
    title, sentence, danger, verb, path: `/api/v1/${verb.toLowerCase()}/${member.name}`});
  const others = members.filter(m => m.role === 'container' && m.state === 'active' && m.name !== member.name).length;
  const list = [];
  if (member.role === 'container' && member.state === 'active')
    list.push(['Drain', () => ask('Drain', `Drain ${member.name}?`, `Its ${plural(holds, 'session')} in ${plural(member.shards, 'shard')} move to ${plural(others, 'other container')}, call by call. No call notices.`)]);
  if (member.state === 'draining')
    list.push(['Undrain', () => ask('Undrain', `Let ${member.name} own shards again?`, 'It gets its share of the shards back, a few at a time. No call notices.')]);
  if (member.pid && member.state !== 'down')
    list.push(['Kill', () => ask('Kill', `Kill ${member.name}?`, member.role === 'container'
      ? `The process gets SIGKILL now. ${plural(holds, 'session')} live there; their copies take over elsewhere.`
      : `The process gets SIGKILL now. No session lives there; the launcher starts it again.`, true)]);
  return list;
}

function Node({member, members, busiest}) {
  const state = member.state;
  return html`<article class="node ${hue(member.name)}">
    <header><i class="dot ${state}" title=${state}></i><h3>${member.name}</h3><span class="state">${state}</span></header>
    ${member.role === 'container'
      ? html`<div class="load" title="sessions"><b style=${{width: `${100 * (member.sessions || 0) / busiest}%`}}></b></div>
        <dl><dt>sessions</dt><dd>${count(member.sessions)}</dd><dt>shards</dt><dd>${member.shards}</dd><dt>copies</dt><dd>${member.replicas}</dd></dl>`
      : html`<dl><dt>pid</dt><dd>${member.pid}</dd><dt>life</dt><dd>${member.incarnation}</dd></dl>`}
    <footer>${operations(member, members).map(([name, run]) => html`<button key=${name} class="small ${name === 'Kill' ? 'danger-text' : ''}" onClick=${run}>${name}</button>`)}
      <a class="small" href="#/tree/${encodeURIComponent(member.name)}">Actors</a></footer></article>`;
}

// One shard: who has it, how far its copy is behind, and where it could go.
function Shard({shard, members, close}) {
  const others = members.filter(m => m.role === 'container' && m.state === 'active' && m.name !== shard.o);
  const [to, setTo] = useState('');
  const target = others.some(m => m.name === to) ? to : others[0]?.name || '';
  const move = () => confirmOperation({title: `Move shard ${shard.s} to ${target}?`, verb: 'Move', path: `/api/v1/move/${shard.s}/${target}`,
    sentence: `Its ${plural(shard.n, 'session')} ${shard.n === 1 ? 'goes' : 'go'} from ${shard.o} to ${target}, call by call. No call notices.`});
  const visit = async () => {
    const {body} = await get(`/api/v1/actors?kind=shard&node=${encodeURIComponent(shard.o)}&search=shard%20${shard.s}`);
    const actor = (body.rows || []).find(a => a.label === `shard ${shard.s}`);
    if (actor) location.hash = `#/actor/${encodeURIComponent(actor.node)}/${actor.id}`;
  };
  return html`<section class="panel shard-panel"><header><h2>Shard ${shard.s}</h2><button class="small ghost" onClick=${close} aria-label="Close">Close</button></header>
    <dl class="facts"><dt>owner</dt><dd><b class=${hue(shard.o)}>${shard.o || 'nobody'}</b>, epoch ${shard.e}${shard.a ? '' : html`, <b class="bad-text">not served yet</b>`}</dd>
      <dt>copies</dt><dd>${shard.r.length ? shard.r.map((r, i) => html`${i ? ', ' : ''}<b class=${hue(r)}>${r}</b> ${shard.i.includes(r) ? '' : html`<em>filling</em>`}`) : html`<b class="bad-text">none</b>`}</dd>
      <dt>behind by</dt><dd>${plural(shard.l, 'commit')}</dd><dt>sessions</dt><dd>${shard.n}${shard.m ? ', moving' : ''}</dd></dl>
    <div class="controls">${others.length > 0 && html`<label>to <select aria-label="Container" value=${target} onChange=${e => setTo(e.target.value)}>${others.map(m => html`<option key=${m.name}>${m.name}</option>`)}</select></label><button class="small" onClick=${move}>Move</button>`}
      <button class="small" onClick=${visit}>Its actor</button></div></section>`;
}

// The cluster at a view of the past: what the ring and the nodes were then.
function usePast() {
  const [past, set] = useState(null);
  const show = async number => { const {status, body} = await get(`/api/v1/views/${number}`); if (status === 200) set(body); };
  const at = async us => {
    const {body} = await get('/api/v1/views');
    const before = (body || []).filter(v => v.at_us <= us + 2000);
    if (before.length) await show(before[before.length - 1].number);
  };
  return {past, at, show, leave: () => set(null)};
}

function Then({past, overview, show, leave}) {
  return html`<div class="then" role="status"><p>As it was from <b>${clock(past.at_us)}</b> on: view ${past.number}</p>
    <div><button class="small" onClick=${() => show(past.number - 1)}>Earlier</button><button class="small" disabled=${past.number >= overview.view} onClick=${() => show(past.number + 1)}>Later</button>
    <button class="small primary" onClick=${leave}>Now</button></div></div>`;
}

function Timeline({overview, at}) {
  const lines = [...overview.events.map(e => ({at: e.at_ms * 1000, text: e.what, kind: e.alarm ? 'alarm' : '', key: `e${e.at_ms}${e.what}`})),
    ...overview.failovers.map(f => ({at: f.decided_us, kind: 'failover', key: `f${f.id}`, to: `#/failovers/${f.id}`,
      text: `${f.node} given up: ${f.cause || 'no sign before'}. ${plural(f.sessions, 'session')} on other containers after ${duration((f.activated_us ?? f.decided_us) - f.detected_us)}`}))]
    .sort((a, b) => b.at - a.at).slice(0, 60);
  return html`<ol class="timeline">${lines.map(l => html`<li key=${l.key} class=${l.kind}>
    <button class="when" title="The cluster as it was then" onClick=${() => at(l.at)}><time>${clock(l.at)}</time></button>${l.to ? html`<a href=${l.to}>${l.text}</a>` : html`<span>${l.text}</span>`}</li>`)}</ol>`;
}

export function Cluster({overview}) {
  const history = useHistory(overview);
  const {past, at, show, leave} = usePast();
  const [chosen, choose] = useState(null);
  if (!overview) return html`<p class="empty">Asking the coordinator …</p>`;
  const order = ['container', 'proxy', 'dispatcher', 'coordinator'];
  const members = [...overview.members].sort((a, b) => order.indexOf(a.role) - order.indexOf(b.role) || a.name.localeCompare(b.name));
  const busiest = Math.max(1, ...members.map(m => m.sessions || 0));
  const shard = past || chosen == null ? null : overview.ring.find(s => s.s === chosen);
  return html`<h1 class="visually-hidden">Cluster</h1>
    ${!overview.coordinates && html`<p class="banner" role="alert">The coordinator is not reached from ${overview.source}. This is what its own view holds; calls go on without the coordinator.</p>`}
    ${!overview.ledger.answers && html`<p class="banner" role="alert">The ledger does not answer: ${overview.ledger.error}. Calls go on; nothing can be moved or given to others until it does.</p>`}
    <div class="cluster"><div class="left"><section class="panel">
        ${past ? html`<${Then} past=${past} overview=${overview} show=${show} leave=${leave}/><${Ring} shards=${past.ring} middle=${past.number} below="view" note=${past.members.filter(m => m.state !== 'down').length + ' nodes in'}/>`
          : html`<${Ring} shards=${overview.ring} middle=${count(overview.sessions)} below=${overview.sessions === 1 ? 'session' : 'sessions'} note=${`${overview.ring.length} shards, view ${overview.view}`} chosen=${chosen} choose=${choose}/>`}
        <p class="key">outer ring: owners · inner ring: copies</p>
        ${past && html`<div class="members">${past.members.map(m => html`<p key=${m.name}><i class="dot ${m.state}"></i><b class=${hue(m.name)}>${m.name}</b> <em>${m.state}</em></p>`)}</div>`}</section>
      ${shard && html`<${Shard} shard=${shard} members=${overview.members} close=${() => choose(null)}/>`}
      <section class="panel"><h2>Timeline</h2><${Timeline} overview=${overview} at=${at}/></section></div>
    <div class="right"><section class="panel"><h2>Sessions</h2><${Chart} history=${history}/></section>
      <section class="at-nodes"><h2>Nodes</h2><div class="nodes">${members.map(m => html`<${Node} key=${m.name} member=${m} members=${members} busiest=${busiest}/>`)}</div></section></div></div>`;
}
