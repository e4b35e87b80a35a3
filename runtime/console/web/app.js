// The frame around the pages: where one is, whether the cluster is well, and the way to each page.
import {html, render, useEffect, useState, count, plural} from '/lib.js';
import {useOnline, useWatch} from '/live.js';
import {Dialogs} from '/dialogs.js';
import {Cluster} from '/pages/cluster.js';
import {Tree} from '/pages/tree.js';
import {Actor} from '/pages/actor.js';
import {Calls} from '/pages/calls.js';
import {Call} from '/pages/call.js';
import {Graveyard} from '/pages/graveyard.js';
import {Failovers} from '/pages/failovers.js';
import {Simulation} from '/pages/simulation.js';

const PAGES = [
  ['cluster', 'Cluster', 'M12 3a9 9 0 1 0 9 9h-9z M14 3.2A9 9 0 0 1 20.8 10H14z', Cluster],
  ['tree', 'Tree', 'M5 4v16M5 8h7M5 15h7M12 5h7v6h-7zM12 12h7v6h-7z', Tree],
  ['calls', 'Calls', 'M6 3v18M18 3v18M6 8h11l-3-2.5M18 15H7l3 2.5', Calls],
  ['failovers', 'Failovers', 'M13 2 5 13h6l-1 9 9-12h-6z', Failovers],
  ['graveyard', 'Graveyard', 'M6 21V10a6 6 0 0 1 12 0v11zM4 21h16M9.5 11h5M12 8.5v6', Graveyard],
  ['simulation', 'Simulation', 'M5 4v16l14-8z', Simulation],
];
const HIDDEN = {actor: [Actor, 'tree'], call: [Call, 'calls']};

function useRoute() {
  const read = () => location.hash.replace(/^#\/?/, '').split('/').map(decodeURIComponent);
  const [route, set] = useState(read());
  useEffect(() => {
    const listener = () => { set(read()); document.querySelector('main')?.focus({preventScroll: true}); };
    addEventListener('hashchange', listener);
    return () => removeEventListener('hashchange', listener);
  }, []);
  return route;
}

function useTheme() {
  const [theme, set] = useState(localStorage.getItem('holdfast-theme') || 'auto');
  useEffect(() => {
    if (theme === 'auto') document.documentElement.removeAttribute('data-theme');
    else document.documentElement.dataset.theme = theme;
    localStorage.setItem('holdfast-theme', theme);
  }, [theme]);
  const dark = theme === 'dark' || (theme === 'auto' && matchMedia('(prefers-color-scheme: dark)').matches);
  return [dark, () => set(dark ? 'light' : 'dark')];
}

// Digits go to a page, "/" to the search field of the page: shown in the titles of the links.
function useKeys() {
  useEffect(() => {
    const listener = event => {
      if (event.target.closest('input, textarea, select, dialog') || event.ctrlKey || event.metaKey || event.altKey) return;
      const page = PAGES[Number(event.key) - 1];
      if (page) location.hash = `#/${page[0]}`;
      if (event.key === '/') {
        const field = document.querySelector('input[type=search]');
        if (field) { field.focus(); event.preventDefault(); }
      }
    };
    addEventListener('keydown', listener);
    return () => removeEventListener('keydown', listener);
  }, []);
}

function Health({overview, online}) {
  if (!online) return html`<p class="health lost" role="status"><i></i>no connection</p>`;
  if (!overview) return html`<p class="health" role="status"><i></i>asking</p>`;
  const {ready, unprotected, inactive} = overview;
  const [kind, text] = inactive ? ['bad', `${plural(inactive, 'shard')} not served`]
    : unprotected ? ['warn', `${plural(unprotected, 'shard')} held once`]
    : ready ? ['good', 'all held twice'] : ['warn', 'not ready'];
  return html`<p class="health ${kind}" role="status"><i></i>${text}</p>`;
}

function App() {
  const [name, ...rest] = useRoute();
  const online = useOnline();
  const overview = useWatch('/api/v1/overview')?.body;
  const [dark, toggleTheme] = useTheme();
  useKeys();
  const found = PAGES.find(page => page[0] === name);
  const Page = found ? found[3] : HIDDEN[name] ? HIDDEN[name][0] : Cluster;
  const current = found ? name : HIDDEN[name] ? HIDDEN[name][1] : 'cluster';
  return html`
    <header class="top">
      <a class="brand" href="#/cluster"><svg viewBox="0 0 32 32" aria-hidden="true"><path d="M8 5v22M24 5v22"/><path class="wave" d="M8 16c5-6 11 6 16 0"/></svg>Holdfast</a>
      <${Health} overview=${overview} online=${online}/>
      <p class="total" aria-live="off"><b>${count(overview?.sessions)}</b> sessions</p>
      <button class="ghost" onClick=${toggleTheme} aria-label=${dark ? 'Light theme' : 'Dark theme'} title=${dark ? 'Light theme' : 'Dark theme'}>
        <svg viewBox="0 0 24 24" aria-hidden="true"><path d=${dark ? 'M12 3v2M12 19v2M3 12h2M19 12h2M5.6 5.6 7 7M17 17l1.4 1.4M5.6 18.4 7 17M17 7l1.4-1.4M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8z' : 'M20 14.5A8.5 8.5 0 0 1 9.5 4 8.5 8.5 0 1 0 20 14.5z'}/></svg>
      </button>
    </header>
    <nav aria-label="Pages">${PAGES.map(([id, title, path], i) => html`
      <a href="#/${id}" key=${id} class=${id === current ? 'here' : ''} aria-current=${id === current ? 'page' : undefined} title="${title} (${i + 1})">
        <svg viewBox="0 0 24 24" aria-hidden="true"><path d=${path}/></svg><span>${title}</span></a>`)}
    </nav>
    <main tabindex="-1" class="page-${name || 'cluster'}"><${Page} key=${name} path=${rest} overview=${overview}/></main>
    <${Dialogs}/>`;
}

const root = document.getElementById('app');
root.textContent = '';
render(html`<${App}/>`, root);
