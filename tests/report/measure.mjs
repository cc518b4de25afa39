// For bench/report_page.py: measure.mjs PAGE. Times are the browser's own.
import { launch, open } from "./browser.mjs";

const [file] = process.argv.slice(2);
const median = (numbers) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1];
const browser = await launch();
const usable = [];
const searches = {};
for (let i = 0; i < 5; ++i) {
  const page = await open(browser, file);
  usable.push(await page.evaluate(() => performance.getEntriesByName("usable")[0].startTime));
  for (const text of ["nt", "wait", "no such thing", "k"]) {
    // Until the browser has drawn it.
    (searches[text] ??= []).push(await page.evaluate((words) => new Promise((done) => {
      const began = performance.now();
      window.ntstack.search(words);
      requestAnimationFrame(() => setTimeout(() => done(performance.now() - began)));
    }), text));
  }
  await page.context().close();
}
console.log(`usable after ${median(usable).toFixed(0)} ms`);
for (const [text, times] of Object.entries(searches))
  console.log(`search "${text}": ${median(times).toFixed(0)} ms, at most ${Math.max(...times).toFixed(0)} ms`);
await browser.close();
