// One WebSocket for the whole page. A component says what it watches; what several watch is asked
// for once. The token lives in this tab only and goes into a header, never into an address.
import {useEffect, useState} from '/vendor/hooks.js';

const wanted = new Map(); // path -> number of components
const known = new Map(); // path -> {status, body}
const listeners = new Set();
let socket = null;
let online = false;
let patience = 250;

function tellAll(path) { for (const listener of listeners) listener(path); }

function subscribe() {
  if (online) socket.send(JSON.stringify({watch: [...wanted.keys()]}));
}

function connect() {
  socket = new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/api/v1/stream`);
  socket.onopen = () => { online = true; patience = 250; subscribe(); tellAll(null); };
  socket.onmessage = event => {
    const message = JSON.parse(event.data);
    if (!wanted.has(message.path)) return;
    known.set(message.path, {status: message.status, body: message.body, at: performance.now()});
    tellAll(message.path);
  };
  socket.onclose = () => {
    online = false;
    tellAll(null);
    setTimeout(connect, patience);
    patience = Math.min(patience * 2, 4000);
  };
}
connect();

// The latest answer to a GET of `path`, live: undefined until there is one.
export function useWatch(path) {
  const [, redraw] = useState(0);
  useEffect(() => {
    if (!path) return undefined;
    wanted.set(path, (wanted.get(path) || 0) + 1);
    subscribe();
    const listener = changed => { if (changed === path) redraw(n => n + 1); };
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
      const left = wanted.get(path) - 1;
      if (left > 0) wanted.set(path, left);
      else { wanted.delete(path); known.delete(path); }
      subscribe();
    };
  }, [path]);
  return path ? known.get(path) : undefined;
}

export function useOnline() {
  const [value, set] = useState(online);
  useEffect(() => {
    const listener = changed => { if (changed === null) set(online); };
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, []);
  return value;
}

export async function get(path) {
  const answer = await fetch(path, {headers: {accept: 'application/json'}});
  return {status: answer.status, body: await answer.json()};
}

let token = sessionStorage.getItem('holdfast-token') || '';
export const hasToken = () => token !== '';

export async function offerToken(text) {
  const answer = await fetch('/api/v1/access', {headers: {authorization: `Bearer ${text}`}});
  const {operations} = await answer.json();
  token = operations ? text : '';
  if (operations) sessionStorage.setItem('holdfast-token', text);
  else sessionStorage.removeItem('holdfast-token');
  return operations;
}

export async function operate(path) {
  const answer = await fetch(path, {method: 'POST', headers: {authorization: `Bearer ${token}`}});
  const body = await answer.json();
  return {ok: answer.ok, text: body.result || body.error || String(answer.status)};
}
