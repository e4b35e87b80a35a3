// Looks at the console with Debian's chromium, as a person would: see ../console_in_a_browser.
//   node look.mjs CONSOLE TOKEN_FILE OUTPUT_DIRECTORY TRACE_WITH_A_VIOLATION
// Prints one line of JSON; any console error, dialog or request to elsewhere is a failure.
import {mkdirSync, readFileSync} from 'node:fs';
import {chromium} from 'playwright-core';

const [address, tokenFile, output, trace] = process.argv.slice(2);
const base = `http://${address}/`;
const problems = [];
const told = {};
mkdirSync(output, {recursive: true});

function expect(condition, what) { if (!condition) throw new Error(what); }

function watch(page) {
  page.on('console', m => { if (['error', 'warning'].includes(m.type())) problems.push(`console: ${m.text()}`); });
  page.on('pageerror', e => problems.push(`exception: ${e.message}`));
  page.on('dialog', d => { problems.push(`dialog: ${d.message()}`); d.dismiss(); });
  page.on('request', r => { if (!r.url().startsWith(base) && !r.url().startsWith(`ws://${address}/`)) problems.push(`request to ${r.url()}`); });
  page.on('response', r => { if (r.status() >= 400) problems.push(`${r.status()} for ${r.url()}`); });
  return page;
}

// The page lives: what is under the pointer may be drawn anew at that moment. A person clicks again.
async function press(what, then, step) {
  told.step = step;
  for (let left = 3; ; --left) {
    try {
      await what.click({timeout: 6000});
      await then.waitFor({timeout: 6000});
      return;
    } catch (error) { if (left === 0) throw error; }
  }
}

const browser = await chromium.launch({executablePath: '/usr/bin/chromium', headless: true,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync']});
try {
  const wide = await browser.newContext({viewport: {width: 1280, height: 800}, colorScheme: 'dark'});
  wide.setDefaultTimeout(15000);
  const page = watch(await wide.newPage());

  // A call that exercise placed appears; its ladder is right, arrow by arrow.
  await page.goto(`${base}#/calls`);
  const row = page.locator('.calls tbody tr', {has: page.locator('.tag.stable')}).first();
  await row.waitFor();
  await page.fill('input[type=search]', '<script>');
  await page.locator('.calls td:first-child', {hasText: '<script>'}).first().waitFor(); // a name is a name
  await page.fill('input[type=search]', 'caller-');
  await row.waitFor();
  await press(row.locator('a').first(), page.locator('.rung').first(), 'a call');
  // Once every node has told what it saw of the call: until then the clocks of proxies alone order it.
  const setup = ['INVITE', 'INVITE', '180 (INVITE)', '180 (INVITE)', '200 (INVITE)', '200 (INVITE)', 'ACK', 'ACK'];
  const sorted = list => [...list].sort().join();
  let names;
  for (const until = Date.now() + 5000; ; await page.waitForTimeout(100)) {
    const arrows = await page.locator('.rung .what').allTextContents();
    names = arrows.map(a => a.split(/ {2}/)[0].trim()).filter(a => !a.includes('again') && !a.startsWith('100'));
    if (sorted(names.slice(0, 8)) === sorted(setup) && names[0] === 'INVITE' && names[1] === 'INVITE') break;
    expect(Date.now() < until, `the ladder begins ${names.slice(0, 10).join(', ')}`);
  }
  told.ladder = names.slice(0, 8);
  // Arrow by arrow: the caller's half and the callee's in turn, requests and answers the other way round.
  const arrows = (await page.locator('.rung').evaluateAll(all => all.map(g => g.getAttribute('aria-label'))))
    .filter(a => !a.startsWith('100')).slice(0, 8);
  const ends = arrows.map(a => / (from|to) (\S+)$/.exec(a)).map(m => ({way: m[1], agent: m[2]}));
  const caller = ends[0].agent, callee = ends[1].agent;
  expect(caller !== callee, `both halves are of ${caller}`);
  arrows.forEach((a, i) => {
    const request = /^(INVITE|ACK) /.test(a), ofCaller = ends[i].agent === caller;
    expect(ofCaller || ends[i].agent === callee, `${a}: of a third one`);
    expect((ends[i].way === 'from') === (request === ofCaller), `${a}: the wrong way`);
  });

  // From an arrow to the actor's step and back: the step names its arrows, and choosing it marks them.
  await press(page.locator('.rung').first(), page.locator('.hops button').first(), 'an arrow');
  await press(page.locator('.hops button').first(), page.locator('.messages tr.chosen').first(), 'its step');
  const step = page.locator('.messages tr', {hasText: '→ ACK'}).locator('button');
  if (await step.count()) { // kept: the last steps of a session are
    await press(step.first(), page.locator('.rung.chosen .what', {hasText: 'ACK'}), 'back to the arrow');
    told.back_to = await page.locator('.rung.chosen .what').first().textContent();
  }

  // By keyboard alone: pages by digit, the search, a call by Tab and Enter, its arrows, the ring, the tree.
  told.step = 'keys';
  await page.keyboard.press('3');
  await page.locator('.calls tbody tr').first().waitFor();
  await page.keyboard.press('/');
  await page.keyboard.type('caller-');
  await row.waitFor();
  await row.locator('a').first().focus();
  await page.keyboard.press('Enter');
  await page.locator('.rung').nth(2).waitFor();
  await page.locator('.rung').nth(2).focus();
  await page.keyboard.press('Enter');
  await page.locator('.rung.chosen').waitFor();
  await page.keyboard.press('1');
  await page.mouse.move(1270, 790);
  await page.locator('.ring svg').focus();
  for (let i = 0; i < 5; i++) await page.keyboard.press('ArrowRight');
  expect((await page.locator('.ring .big').textContent()) === 'shard 4', 'the fifth shard');
  await page.keyboard.press('Enter');
  await page.locator('.shard-panel h2', {hasText: 'Shard 4'}).waitFor();
  told.copies = await page.locator('.shard-panel .facts').textContent();
  expect(/behind by\d+ commits?/.test(told.copies.replace(/\s+/g, ' ').replace('behind by ', 'behind by')), `lag of the shard: ${told.copies}`);
  await page.keyboard.press('2');
  await page.locator('.rows .row').nth(3).waitFor(); // keys need something to move about in
  await page.locator('.rows').focus();
  await page.keyboard.press('Home');
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowDown');
  await page.locator('.row.focused a').waitFor();
  await page.keyboard.press('Enter');
  await page.locator('.facts').waitFor(); // an actor, with what is around it
  await page.goto(`${base}#/call/x`); // so that the call is looked at anew
  await page.goto(`${base}#/calls`);
  await page.fill('input[type=search]', 'caller-');
  await row.waitFor();
  await press(row.locator('a').first(), page.locator('.rung').first(), 'the call again');

  // The same call in a second tab, and its container killed from the first.
  const hash = await page.evaluate(() => location.hash);
  const other = watch(await wide.newPage());
  await other.goto(`${base}${hash}`);
  const owner = other.locator('.figures b').first();
  const before = await owner.textContent();
  await page.goto(`${base}#/cluster`);
  const card = page.locator('.node', {has: page.getByRole('heading', {name: before, exact: true})});
  await press(card.getByRole('button', {name: 'Kill'}), page.locator('dialog input[type=password]'), 'kill');
  await page.fill('dialog input[type=password]', 'not the token');
  await page.click('dialog button.primary');
  await page.locator('dialog .said').waitFor();
  await page.fill('dialog input[type=password]', readFileSync(tokenFile, 'utf8').trim());
  await page.click('dialog button.primary');
  await page.locator('dialog button.danger').waitFor();
  told.asked = await page.locator('dialog p').first().textContent();
  expect(/\d+ sessions?/.test(told.asked), `it asked: ${told.asked}`);
  await page.click('dialog button.danger');
  const began = Date.now();
  await other.waitForFunction(name => { const b = document.querySelector('.figures b'); return b && b.textContent !== name; }, before, {polling: 20});
  told.new_owner_after_ms = Date.now() - began;
  told.moved = `${before} -> ${await owner.textContent()}`;
  await other.locator('.ladder .failover').first().waitFor();
  told.failover_in_ladder_after_ms = Date.now() - began;
  await page.locator('.timeline li.failover').first().waitFor();
  expect(told.new_owner_after_ms <= 1000, `the call was on its new owner after ${told.new_owner_after_ms} ms`);

  // Back in time: the ring as it was before, and to now again.
  await press(page.locator('.timeline .when').last(), page.locator('.then'), 'the past');
  told.past = await page.locator('.then p').textContent();
  await page.locator('.then button', {hasText: 'Later'}).click();
  await press(page.locator('.then button', {hasText: 'Now'}), page.locator('.left:not(:has(.then)) .ring').first(), 'now');

  // A shard moved from the page, once every shard has its copy again.
  await page.waitForFunction(async () => (await fetch('/readyz')).status === 200, null, {timeout: 20000, polling: 200});
  const from = await page.evaluate(async () => (await (await fetch('/api/v1/overview')).json()).ring[7]);
  await page.mouse.move(1270, 790); // not over the ring, where it would choose
  await page.locator('.ring svg').focus();
  for (let i = 0; i < 8; i++) await page.keyboard.press('ArrowRight');
  await page.keyboard.press('Enter');
  await press(page.locator('.shard-panel button', {hasText: 'Move'}), page.locator('dialog h2', {hasText: 'Move shard 7'}), 'move');
  told.move = await page.locator('dialog p').first().textContent();
  expect(/\d+ sessions?/.test(told.move), `it asked: ${told.move}`);
  await page.click('dialog button.primary');
  await page.waitForFunction(async owner => { const s = (await (await fetch('/api/v1/overview')).json()).ring[7]; return s.o !== owner && s.a; }, from.o, {timeout: 20000, polling: 200});

  // A run with a violation, scrubbed through.
  told.step = 'simulation';
  const openTrace = async view => {
    await view.locator('input[type=file]').setInputFiles(trace);
    await view.locator('.track').waitFor();
  };
  await page.goto(`${base}#/simulation`);
  await openTrace(page);
  await page.keyboard.press('v');
  await page.locator('.why').waitFor();
  told.violation = (await page.locator('.why').first().textContent()).slice(0, 120);
  const moment = () => page.locator('.moment b').textContent();
  const atViolation = await moment();
  await page.keyboard.press('ArrowLeft');
  await page.locator('.track input').fill('0');
  await page.locator('.sim').focus();
  await page.keyboard.press('f');
  await page.locator('.why').waitFor();
  told.first_fault = (await page.locator('.why').first().textContent()).slice(0, 80);
  const before2 = await moment();
  await page.keyboard.press(' ');
  await page.waitForFunction(was => document.querySelector('.moment b').textContent !== was, before2);
  await page.keyboard.press(' ');
  expect(parseFloat(await moment()) <= parseFloat(atViolation), 'it plays in virtual time');
  await page.keyboard.press('v');
  for (const [tab, what] of [['Actors', '.sim-actors table'], ['Calls', '.rung'], ['Failovers', '.waterfall'], ['Cluster', '.ring']])
    await press(page.getByRole('tab', {name: tab}), page.locator(what).first(), `simulated ${tab}`);

  // Every page at both widths and in both themes.
  const hashes = {cluster: '#/cluster', tree: '#/tree', calls: '#/calls', call: hash, failovers: '#/failovers', graveyard: '#/graveyard', simulation: '#/simulation'};
  // Of an actor that stays where it is: shards go back to the container that has returned.
  const survivor = told.moved.split(' -> ')[1];
  const host = await page.evaluate(async node => (await (await fetch('/api/v1/actors?kind=container')).json()).rows.find(a => a.node === node), survivor);
  hashes.actor = `#/actor/${host.node}/${host.id}`;
  for (const [width, height] of [[1280, 800], [390, 844]]) {
    const context = await browser.newContext({viewport: {width, height}});
    context.setDefaultTimeout(15000);
    const view = watch(await context.newPage());
    await view.goto(base);
    for (const [name, to] of Object.entries(hashes)) {
      told.page = `${name} at ${width}`;
      await view.evaluate(h => { location.hash = h; }, to);
      await view.waitForFunction(() => document.querySelector('main')?.children.length > 0 && !document.querySelector('main > .empty'));
      await view.waitForTimeout(name === 'tree' || name === 'cluster' ? 700 : 150);
      if (name === 'cluster') { // with a shard chosen
        await view.locator('.ring svg').focus();
        await view.keyboard.press('ArrowRight');
        await view.keyboard.press('Enter');
      }
      if (name === 'simulation') { await openTrace(view); await view.keyboard.press('v'); }
      for (const scheme of ['light', 'dark']) {
        await view.emulateMedia({colorScheme: scheme});
        await view.screenshot({path: `${output}/${name}-${width}-${scheme}.png`});
        if (name !== 'simulation') continue;
        for (const tab of ['Actors', 'Calls', 'Failovers']) {
          await view.getByRole('tab', {name: tab}).click();
          await view.screenshot({path: `${output}/simulation-${tab.toLowerCase()}-${width}-${scheme}.png`});
        }
        await view.getByRole('tab', {name: 'Cluster'}).click();
      }
      const over = await view.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      expect(over <= 0, `${name} is ${over} px too wide at ${width}`);
    }
    await context.close();
  }
  expect(problems.length === 0, problems.slice(0, 5).join('; '));
  console.log(JSON.stringify(told));
} catch (error) {
  for (const [i, view] of browser.contexts().flatMap(c => c.pages()).entries()) await view.screenshot({path: `${output}/failed-${i}.png`}).catch(() => {});
  console.log(JSON.stringify({failed: error.message.split('\n')[0], problems: problems.slice(0, 5), told}));
  process.exitCode = 1;
} finally {
  await browser.close();
}
