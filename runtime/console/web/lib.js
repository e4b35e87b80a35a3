// What all pages have in common: markup, times and numbers for people, and the colour of a node.
import {h} from '/vendor/preact.js';
import htm from '/vendor/htm.js';

export const html = htm.bind(h);
export {render} from '/vendor/preact.js';
export {useState, useEffect, useMemo, useRef, useCallback, useLayoutEffect} from '/vendor/hooks.js';

export function duration(us) {
  if (us == null) return '–';
  if (us < 1000) return `${Math.round(us)} µs`;
  if (us < 1e6) return `${(us / 1000).toFixed(us < 1e4 ? 1 : 0)} ms`;
  if (us < 12e7) return `${(us / 1e6).toFixed(us < 1e7 ? 2 : 1)} s`;
  if (us < 72e8) return `${Math.round(us / 6e7)} min`;
  return `${Math.round(us / 36e8)} h`;
}

export function count(n) {
  if (n == null) return '–';
  return n < 1e4 ? String(n) : n < 1e6 ? `${(n / 1000).toFixed(n < 1e5 ? 1 : 0)}k` : `${(n / 1e6).toFixed(1)}M`;
}

export function clock(us) {
  const d = new Date(us / 1000);
  const two = n => String(n).padStart(2, '0');
  return `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}.${String(d.getMilliseconds()).padStart(3, '0')}`;
}

// Containers have hues of their own, by their number, so that one keeps its colour over restarts;
// proxies share the cooler end, the others are plain.
export function hue(node) {
  const [, role, number] = /^([a-z]+)[^\d]*(\d+)(?:#\d+)?$/.exec(node || '') || [];
  if (role === 'coordinator' || role === 'dispatcher' || !number) return 'hue-0';
  return role === 'proxy' ? 'hue-8' : `hue-${1 + (number - 1) % 7}`;
}

// "<sip:alice@example.com>" without its brackets; a display name stays as it is.
export const person = text => (/^<(.*)>$/.exec(text || '') || [0, text])[1];

export const bare = node => (node || '').replace(/#\d+$/, '');

// How long the oldest message of a mailbox has waited, as a class of colour.
export const heat = us => us < 5e3 ? 'calm' : us < 5e4 ? 'warm' : us < 5e5 ? 'hot' : 'burning';

export const plural = (n, one, many = `${one}s`) => `${n} ${n === 1 ? one : many}`;
