// The tree page in several browsers for a while: see ../../soak_console.
//   node tree.mjs CONSOLE BROWSERS SECONDS
import {chromium} from 'playwright-core';

const [address, browsers, seconds] = process.argv.slice(2);
const browser = await chromium.launch({executablePath: '/usr/bin/chromium', headless: true,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync']});
const pages = [];
let first = 0;
for (let i = 0; i < Number(browsers); i++) {
  const page = await (await browser.newContext({viewport: {width: 1280, height: 800}})).newPage();
  const began = Date.now();
  await page.goto(`http://${address}/#/tree`);
  await page.locator('.space .row').first().waitFor();
  first = Math.max(first, Date.now() - began);
  pages.push(page);
}
for (const page of pages) {
  await page.getByText('Unfold all').click();
  await page.evaluate(() => {
    window.longest = 0;
    new PerformanceObserver(list => { for (const e of list.getEntries()) window.longest = Math.max(window.longest, e.duration); }).observe({entryTypes: ['longtask']});
  });
}
await pages[0].waitForTimeout(Number(seconds) * 1000);
const longest = Math.max(...await Promise.all(pages.map(p => p.evaluate(() => window.longest))));
console.log(JSON.stringify({first_paint_ms: first, longest_update_ms: Math.round(longest)}));
await browser.close();
