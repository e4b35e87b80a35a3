// The shards as a ring: owners outside, copies inside. Arrows walk along it, Enter keeps one chosen.
import {html, useMemo, useState, plural, hue} from '/lib.js';

const point = (radius, turn) => {
  const a = turn * 2 * Math.PI - Math.PI / 2;
  return `${(200 + radius * Math.cos(a)).toFixed(2)} ${(200 + radius * Math.sin(a)).toFixed(2)}`;
};

function segment(from, to, inner, outer) {
  const large = to - from > 0.5 ? 1 : 0;
  return `M${point(outer, from)}A${outer} ${outer} 0 ${large} 1 ${point(outer, to)}L${point(inner, to)}A${inner} ${inner} 0 ${large} 0 ${point(inner, from)}Z`;
}

const copiesOf = s => s.r.length ? `copy on ${s.r.join(', ')}${s.i.length ? '' : ', filling'}` : 'no copy';

// `chosen`: the shard that stays chosen, null for none; `choose(shard)` is called with its number.
export function Ring({shards, middle, below, note, chosen, choose}) {
  const [under, look] = useState(null);
  const shapes = useMemo(() => shards.map((_, i) => {
    const from = i / shards.length, to = (i + (shards.length > 96 ? 0.86 : 0.94)) / shards.length;
    return [segment(from, to, 158, 190), segment(from, to, 142, 153)];
  }), [shards.length]);
  const at = under ?? (chosen == null ? null : shards.findIndex(s => s.s === chosen));
  const shard = at == null ? null : shards[at];
  const busiest = Math.max(1, ...shards.map(s => s.n));
  const onKey = e => {
    const n = shards.length, from = at ?? -1;
    if (e.key === 'ArrowRight' || e.key === 'ArrowDown') look((from + 1) % n);
    else if (e.key === 'ArrowLeft' || e.key === 'ArrowUp') look((Math.max(from, 0) - 1 + n) % n);
    else if (e.key === 'Home') look(0);
    else if (e.key === 'End') look(n - 1);
    else if ((e.key === 'Enter' || e.key === ' ') && choose && shard) choose(shard.s);
    else if (e.key === 'Escape') { look(null); choose?.(null); } else return;
    e.preventDefault();
  };
  return html`<figure class="ring at-ring">
    <svg viewBox="0 0 400 400" role="group" tabindex="0" onKeyDown=${onKey} onMouseLeave=${() => look(null)} onBlur=${() => look(null)}
        aria-label=${`${plural(shards.length, 'shard')} by owner (outside) and copy (inside); arrows walk along them`}>
      ${shards.map((s, i) => html`<g key=${s.s} onMouseEnter=${() => look(i)} onClick=${() => choose?.(s.s)} class="${at === i ? 'chosen' : ''} ${s.m ? 'moving' : ''}">
        <path class="owner ${hue(s.o)} ${s.a ? '' : 'inactive'}" d=${shapes[i][0]} style=${{opacity: 0.5 + 0.5 * s.n / busiest}}/>
        <path class="copy ${s.r.length ? hue(s.r[0]) : 'none'} ${s.i.length ? '' : 'filling'}" d=${shapes[i][1]}/></g>`)}
      <g aria-live="polite">${shard ? html`<text x="200" y="164" class="big">shard ${shard.s}</text>
          <text x="200" y="192" class="small">${shard.o || 'nobody'} · epoch ${shard.e}</text>
          <text x="200" y="214" class="small">${copiesOf(shard)}</text>
          <text x="200" y="236" class="small">${plural(shard.n, 'session')}${shard.m ? ', moving' : ''}</text>
          ${shard.l ? html`<text x="200" y="258" class="small warn">copy ${plural(shard.l, 'commit')} behind</text>` : ''}`
        : html`<text x="200" y="196" class="huge">${middle}</text>
          <text x="200" y="226" class="small">${below}</text>
          <text x="200" y="252" class="small faint">${note}</text>`}</g>
    </svg></figure>`;
}
