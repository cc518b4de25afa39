// Chromium with a page in it that may ask for nothing: what it says and wants is kept.
import { execSync } from "node:child_process";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

export const launch = () =>
  chromium.launch({ executablePath: execSync("command -v chromium").toString().trim(), args: ["--no-sandbox"] });

// Asks until it is so. Playwright's own waitForFunction needs eval, which the page's policy forbids.
export async function until(what, isSo, seconds = 20) {
  const end = Date.now() + 1000 * seconds;
  while (!(await isSo())) {
    if (Date.now() > end) throw new Error(`not within ${seconds} s: ${what}`);
    await new Promise((done) => setTimeout(done, 20));
  }
}

export async function open(browser, file, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1200, height: 900 }, ...options });
  const page = await context.newPage();
  page.said = [];
  page.asked = [];
  page.on("console", (message) => page.said.push(`${message.type()}: ${message.text()}`));
  page.on("pageerror", (error) => page.said.push(`error: ${error.message}`));
  page.on("request", (request) => page.asked.push(request.url()));
  await page.goto(pathToFileURL(file).href);
  await until("the page is usable", () => page.evaluate(() => performance.getEntriesByName("usable").length > 0));
  return page;
}
