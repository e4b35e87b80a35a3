import {html} from '/lib.js';
export function Simulation() { return html`<h1>Simulation</h1>`; }
