// Pieces that several pages show: histograms, the latest messages of an actor, sessions.
import {html, clock, duration} from '/lib.js';

// Buckets of powers of two of a microsecond.
export function Histogram({counts, title}) {
  const last = counts.reduce((found, n, i) => n ? i : found, 0);
  const shown = counts.slice(0, Math.max(12, last + 1));
  const most = Math.max(1, ...shown);
  return html`<svg class="histogram" viewBox="0 0 ${shown.length * 6} 24" preserveAspectRatio="none" role="img" aria-label=${title}>
    ${shown.map((n, i) => n ? html`<rect key=${i} x=${i * 6} width="5" y=${24 - Math.max(1.5, 24 * Math.sqrt(n / most))} height=${Math.max(1.5, 24 * Math.sqrt(n / most))}><title>below ${duration(2 ** i)}: ${n}</title></rect>` : null)}</svg>`;
}

export function Kinds({kinds}) {
  const sorted = [...kinds].sort((a, b) => b.processed_us - a.processed_us);
  return html`<div class="scroll"><table class="kinds"><thead><tr><th>message</th><th class="n">count</th><th>waited</th><th class="n">max</th><th>took</th><th class="n">max</th><th class="n">in all</th></tr></thead>
    <tbody>${sorted.map(k => html`<tr key=${k.kind}><td><code>${k.kind}</code></td><td class="n">${k.count}</td>
      <td><${Histogram} counts=${k.waited} title="waiting times of ${k.kind}"/></td><td class="n">${duration(k.waited_max_us)}</td>
      <td><${Histogram} counts=${k.processed} title="processing times of ${k.kind}"/></td><td class="n">${duration(k.processed_max_us)}</td><td class="n">${duration(k.processed_us)}</td></tr>`)}</tbody></table></div>`;
}

// `choose`: they can be chosen, by number. `said`: what a message was about, by number.
export function Messages({messages, chosen, choose, said}) {
  return html`<div class="scroll"><table class="messages"><thead><tr><th class="n">#</th><th>time</th><th>message</th><th>${said ? 'arrows' : 'from'}</th><th class="n">waited</th><th class="n">took</th></tr></thead>
    <tbody>${[...messages].reverse().map(m => html`<tr key=${m.number} class=${chosen === m.number ? 'chosen' : ''}>
      <td class="n">${choose ? html`<button class="small" aria-pressed=${chosen === m.number} onClick=${() => choose(m.number)}>${m.number}</button>` : m.number}</td><td><time>${clock(m.at_us)}</time></td><td><code>${m.kind}</code></td><td>${said ? said(m.number) : m.from || 'outside'}</td><td class="n">${duration(m.waited_us)}</td>
      <td class="n">${m.processed_us == null ? html`<b class="bad-text">did not return</b>` : duration(m.processed_us)}</td></tr>`)}</tbody></table></div>`;
}

export function Figures({rows}) {
  return html`<dl class="figures">${rows.filter(Boolean).map(([name, value, kind]) => html`<div key=${name} class=${kind || ''}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}
