// Who is in, who owns what, and what happened: the ring is the cluster at a glance.
import {html, useEffect, useMemo, useRef, useState, clock, count, duration, hue, plural} from '/lib.js';
import {confirmOperation} from '/dialogs.js';
import uPlot from '/vendor/uplot.js';

const point = (radius, turn) => {
  const a = turn * 2 * Math.PI - Math.PI / 2;
  return `${(200 + radius * Math.cos(a)).toFixed(2)} ${(200 + radius * Math.sin(a)).toFixed(2)}`;
};

function segment(from, to, inner, outer) {
  const large = to - from > 0.5 ? 1 : 0;
  return `M${point(outer, from)}A${outer} ${outer} 0 ${large} 1 ${point(outer, to)}L${point(inner, to)}A${inner} ${inner} 0 ${large} 0 ${point(inner, from)}Z`;
}

export function Ring({shards, middle, below, note}) {
  const [chosen, choose] = useState(null);
  const shapes = useMemo(() => shards.map((_, i) => {
    const from = i / shards.length, to = (i + (shards.length > 96 ? 0.86 : 0.94)) / shards.length;
    return [segment(from, to, 158, 190), segment(from, to, 142, 153)];
  }), [shards.length]);
  const shard = chosen == null ? null : shards[chosen];
  const busiest = Math.max(1, ...shards.map(s => s.n));
  return html`<figure class="ring at-ring">
    <svg viewBox="0 0 400 400" role="img" aria-label=${`${shards.length} shards by owner (outside) and copy (inside)`} onMouseLeave=${() => choose(null)}>
      ${shards.map((s, i) => html`<g key=${s.s} onMouseEnter=${() => choose(i)} class=${chosen === i ? 'chosen' : ''}>
        <path class="owner ${hue(s.o)} ${s.a ? '' : 'inactive'}" d=${shapes[i][0]} style=${{opacity: 0.5 + 0.5 * s.n / busiest}}/>
        <path class="copy ${s.r.length ? hue(s.r[0]) : 'none'} ${s.i.length ? '' : 'filling'}" d=${shapes[i][1]}/></g>`)}
      ${shard ? html`<text x="200" y="172" class="big">shard ${shard.s}</text>
          <text x="200" y="200" class="small">${shard.o || 'nobody'} · epoch ${shard.e}</text>
          <text x="200" y="222" class="small">${shard.r.length ? `copy on ${shard.r.join(', ')}${shard.i.length ? '' : ', filling'}` : 'no copy'}</text>
          <text x="200" y="246" class="small">${plural(shard.n, 'session')}${shard.m ? ', moving' : ''}</text>`
        : html`<text x="200" y="196" class="huge">${middle}</text>
          <text x="200" y="226" class="small">${below}</text>
          <text x="200" y="252" class="small faint">${note}</text>`}
    </svg></figure>`;
}

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

function Timeline({overview}) {
  const lines = [...overview.events.map(e => ({at: e.at_ms * 1000, text: e.what, kind: e.alarm ? 'alarm' : '', key: `e${e.at_ms}${e.what}`})),
    ...overview.failovers.map(f => ({at: f.decided_us, kind: 'failover', key: `f${f.id}`, to: `#/failovers/${f.id}`,
      text: `${f.node} given up: ${f.cause || 'no sign before'}. ${plural(f.sessions, 'session')} on other containers after ${duration((f.activated_us ?? f.decided_us) - f.detected_us)}`}))]
    .sort((a, b) => b.at - a.at).slice(0, 60);
  return html`<ol class="timeline">${lines.map(l => html`<li key=${l.key} class=${l.kind}>
    <time>${clock(l.at)}</time>${l.to ? html`<a href=${l.to}>${l.text}</a>` : html`<span>${l.text}</span>`}</li>`)}</ol>`;
}

export function Cluster({overview}) {
  const history = useHistory(overview);
  if (!overview) return html`<p class="empty">Asking the coordinator …</p>`;
  const order = ['container', 'proxy', 'dispatcher', 'coordinator'];
  const members = [...overview.members].sort((a, b) => order.indexOf(a.role) - order.indexOf(b.role) || a.name.localeCompare(b.name));
  const busiest = Math.max(1, ...members.map(m => m.sessions || 0));
  return html`<h1 class="visually-hidden">Cluster</h1><div class="cluster">
    <div class="left"><section class="panel"><${Ring} shards=${overview.ring} middle=${count(overview.sessions)} below=${overview.sessions === 1 ? 'session' : 'sessions'} note=${`${overview.ring.length} shards, view ${overview.view}`}/>
        <p class="key">outer ring: owners · inner ring: copies</p></section>
      <section class="panel"><h2>Timeline</h2><${Timeline} overview=${overview}/></section></div>
    <div class="right"><section class="panel"><h2>Sessions</h2><${Chart} history=${history}/></section>
      <section class="at-nodes"><h2>Nodes</h2><div class="nodes">${members.map(m => html`<${Node} key=${m.name} member=${m} members=${members} busiest=${busiest}/>`)}</div></section></div></div>`;
}
