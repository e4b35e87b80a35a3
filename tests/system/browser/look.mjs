// Looks at the console with Debian's chromium, as a person would: see ../console_in_a_browser.
//   node look.mjs CONSOLE TOKEN_FILE OUTPUT_DIRECTORY
// Prints one line of JSON; any console error, dialog or request to elsewhere is a failure.
import {mkdirSync, readFileSync} from 'node:fs';
import {chromium} from 'playwright-core';

const [address, tokenFile, output] = process.argv.slice(2);
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
      await what.click({timeout: 2500});
      await then.waitFor({timeout: 2500});
      return;
    } catch (error) { if (left === 0) throw error; }
  }
}

const browser = await chromium.launch({executablePath: '/usr/bin/chromium', headless: true,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync']});
try {
  const wide = await browser.newContext({viewport: {width: 1280, height: 800}, colorScheme: 'dark'});
  wide.setDefaultTimeout(8000);
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

  // From an arrow to the actor's step and back.
  await press(page.locator('.rung').first(), page.locator('.hops button').first(), 'an arrow');
  await press(page.locator('.hops button').first(), page.locator('.messages tr.chosen').first(), 'its step');

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
  expect(told.new_owner_after_ms <= 1000 + 600, `the call was on its new owner after ${told.new_owner_after_ms} ms`);

  // Every page at both widths and in both themes.
  const hashes = {cluster: '#/cluster', tree: '#/tree', calls: '#/calls', call: hash, failovers: '#/failovers', graveyard: '#/graveyard', simulation: '#/simulation'};
  // Of an actor that stays where it is: shards go back to the container that has returned.
  const survivor = told.moved.split(' -> ')[1];
  const host = await page.evaluate(async node => (await (await fetch('/api/v1/actors?kind=container')).json()).rows.find(a => a.node === node), survivor);
  hashes.actor = `#/actor/${host.node}/${host.id}`;
  for (const [width, height] of [[1280, 800], [390, 844]]) {
    const context = await browser.newContext({viewport: {width, height}});
    context.setDefaultTimeout(8000);
    const view = watch(await context.newPage());
    await view.goto(base);
    for (const [name, to] of Object.entries(hashes)) {
      told.page = `${name} at ${width}`;
      await view.evaluate(h => { location.hash = h; }, to);
      await view.waitForFunction(() => document.querySelector('main')?.children.length > 0 && !document.querySelector('main > .empty'));
      await view.waitForTimeout(name === 'tree' || name === 'cluster' ? 700 : 150);
      for (const scheme of ['light', 'dark']) {
        await view.emulateMedia({colorScheme: scheme});
        await view.screenshot({path: `${output}/${name}-${width}-${scheme}.png`});
      }
      const over = await view.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      expect(over <= 0, `${name} is ${over} px too wide at ${width}`);
    }
    await context.close();
  }
  expect(problems.length === 0, problems.slice(0, 5).join('; '));
  console.log(JSON.stringify(told));
} catch (error) {
  console.log(JSON.stringify({failed: error.message.split('\n')[0], problems: problems.slice(0, 5), told}));
  process.exitCode = 1;
} finally {
  await browser.close();
}
