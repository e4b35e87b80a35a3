// What needs a second thought: the token, and every operation, with how many calls it touches.
import {html, useEffect, useRef, useState} from '/lib.js';
import {hasToken, offerToken, operate} from '/live.js';

let open = () => {};

// `sentence` says what happens and to how many calls; nothing is done before it is confirmed.
export function confirmOperation({title, sentence, verb, path, danger}) { open({title, sentence, verb, path, danger}); }

export function Dialogs() {
  const [what, set] = useState(null);
  const [token, setToken] = useState('');
  const [allowed, setAllowed] = useState(hasToken());
  const [said, say] = useState('');
  const box = useRef();
  open = next => { say(''); setAllowed(hasToken()); set(next); };
  useEffect(() => { if (what && !box.current.open) box.current.showModal(); }, [what]);
  if (!what) return null;
  const close = () => { box.current.close(); set(null); setToken(''); };
  const submit = async event => {
    event.preventDefault();
    if (!allowed) {
      if (await offerToken(token.trim())) { setAllowed(true); say(''); } else say('That is not the token.');
      return;
    }
    const done = await operate(what.path);
    if (done.ok) close(); else say(done.text);
  };
  return html`<dialog ref=${box} onClose=${() => set(null)} aria-labelledby="dialog-title">
    <form onSubmit=${submit}>
      <h2 id="dialog-title">${what.title}</h2>
      <p>${what.sentence}</p>
      ${!allowed && html`<label>Operations need the token of this cluster. It is in <code>console.token</code> in the state directory.
        <input type="password" autocomplete="off" value=${token} onInput=${e => setToken(e.target.value)} placeholder="token"/></label>`}
      ${said && html`<p class="said" role="alert">${said}</p>`}
      <div class="buttons"><button type="button" class="ghost" onClick=${close}>Leave it</button>
        <button class=${allowed && what.danger ? 'danger' : 'primary'}>${allowed ? what.verb : 'Unlock'}</button></div>
    </form></dialog>`;
}
