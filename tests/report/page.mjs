// The page that `report` writes, as people meet it. Truth: the program's JSON on its command line, counted here, and axe-core's
// rules for accessibility.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { launch, open, until } from "./browser.mjs";

const [program, source] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), "report-"));
const environment = { ...process.env };
delete environment._NT_SYMBOL_PATH;
const run = (...args) => execFileSync(program, args, { env: environment, maxBuffer: 1 << 28 }).toString();
const seed = join(source, "samples/seed1");
const hang = { dump: join(seed, "w3wp.dmp"), paths: ["-y", join(seed, "symbols")] };
const crash = { dump: join(source, "samples/processors/processors.dmp"), paths: [] };
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

function report(name, { dump, paths }, ...options) {
  const file = join(folder, name + ".html");
  run("report", dump, ...paths, "-o", file, "--json", join(folder, name + ".json"), ...options);
  return file;
}
// The dump with a text of its module list replaced by one that is as long.
function renamed(name, to) {
  const from = "\\SystemRoot\\System32\\drivers\\mrxsmb20.sys";
  const bytes = readFileSync(hang.dump);
  const at = bytes.indexOf(Buffer.from(from, "utf16le"));
  assert.ok(at > 0);
  assert.ok(to.length <= from.length);
  Buffer.from(to.padEnd(from.length, "_"), "utf16le").copy(bytes, at);
  const file = join(folder, name + ".dmp");
  writeFileSync(file, bytes);
  return { dump: file, paths: hang.paths };
}

let browser, page;
// Until the count of what was found is there.
const found = (begin) =>
  until(`found: ${begin}`, async () => (await page.locator("#hits").textContent()).startsWith(begin));
before(async () => {
  browser = await launch();
  page = await open(browser, report("hang", hang));
});
after(async () => {
  await browser.close();
  rmSync(folder, { recursive: true });
});
const threadsWith = (word) =>
  JSON.parse(run("stacks", hang.dump, ...hang.paths, "--json")).stacks.filter((stack) => stack.frames.some((frame) => {
    const symbol = frame.symbol;
    return symbol && `${symbol.module}!${symbol.name ?? ""}`.toLowerCase().includes(word);
  })).length;

test("it asks for nothing and has nothing to complain of", () => {
  assert.deepEqual(page.said, []);
  assert.deepEqual(page.asked.filter((url) => !url.startsWith("file:") && !url.startsWith("data:")), []);
  assert.equal(page.asked.filter((url) => url.startsWith("file:")).length, 1);
});

test("what happened stands first", async () => {
  const shown = await open(browser, report("crash", crash));
  const analysis = JSON.parse(run("analyze", crash.dump, "--json"));
  const text = await shown.locator("#summary").innerText();
  assert.ok(text.includes(analysis.bugcheck.name));
  assert.ok(text.includes(analysis.blame.module));
  assert.ok(text.includes(analysis.signature.hash));
  for (const finding of analysis.findings) assert.ok(text.includes(finding.sentence), finding.sentence);
  assert.deepEqual(shown.said, []);
  await shown.context().close();
});

test("groups are those of `groups`, and a click opens one with its frames and how each was found", async () => {
  const groups = JSON.parse(run("groups", hang.dump, ...hang.paths, "--json")).groups;
  const summaries = page.locator("details.group > summary");
  assert.equal(await summaries.count(), groups.length);
  for (let i = 0; i < groups.length; ++i)
    assert.match(await summaries.nth(i).innerText(), new RegExp(`^${groups[i].count} thread`));
  await summaries.first().click();
  const first = page.locator("details.group").first();
  await first.locator(".frames tbody tr").first().waitFor();
  const rows = await first.locator(".frames tbody tr").allInnerTexts();
  const stacks = JSON.parse(run("stacks", hang.dump, ...hang.paths, "--json")).stacks;
  const stack = stacks.find((each) => each.thread.address === groups[0].threads[0].thread);
  assert.equal(rows.length, stack.frames.length);
  stack.frames.forEach((frame, i) => {
    assert.ok(rows[i].includes(frame.trust.replaceAll("_", " ")), rows[i]);
    if (frame.symbol?.name) assert.ok(rows[i].includes(`${frame.symbol.module}!${frame.symbol.name}`), rows[i]);
    assert.equal(rows[i].includes("? "), frame.trust === "scan" || frame.trust === "reconstructed");
  });
  await summaries.first().click();
});

test("who waits for whom is what `waits` says, and what is likely is no fact", async () => {
  const { graph } = JSON.parse(run("waits", hang.dump, ...hang.paths, "--json"));
  assert.ok(graph.diagnosis.length > 0);
  const text = await page.locator("#waits").innerText();
  for (const each of graph.diagnosis) assert.ok(text.includes(`${each.sentence}. ${each.certainty === "fact" ? "" : "? "}${each.certainty}`), each.sentence);
  for (const root of graph.roots) assert.ok(text.includes(`${graph.objects[root].address} ${graph.objects[root].behind} thread`));
});

test("guesses are marked by more than colour", async () => {
  const shown = await open(browser, report("guesses", crash));
  await shown.locator("details.group > summary").first().click();
  const row = shown.locator("tr.guess").first();
  assert.match(await row.innerText(), /\? /);
  assert.equal(await row.evaluate((element) => getComputedStyle(element).fontStyle), "italic");
  await shown.context().close();
});

test("the search counts what is there and marks it", async () => {
  for (const word of ["smbcewait", "expwaitforresource", "rdbss!rxcommoncreate", "no such thing"]) {
    await page.fill("#search", word);
    const expected = threadsWith(word);
    await found(`${expected} thread${expected === 1 ? "" : "s"} in`);
  }
  await page.fill("#search", "smbcewait");
  const count = threadsWith("smbcewait");
  await found(`${count} thread${count === 1 ? "" : "s"} in`);
  await page.locator("details.group > summary").first().click();
  assert.equal((await page.locator("details.group mark").first().innerText()).toLowerCase(), "smbcewait");
  await page.fill("#search", "");
  await until("the search is over", async () => (await page.locator("#hits").textContent()) === "");
  const opened = page.locator("details.group[open]");
  assert.equal(await opened.count(), 1);  // the one that was opened stays so
  await opened.locator("> summary").click();
});

test("the keyboard does it all", async () => {
  await page.locator("#title").click();
  await page.keyboard.press("/");
  assert.equal(await page.evaluate(() => document.activeElement.id), "search");
  await page.keyboard.type("rxacquire");
  await until("something is found", async () => (await page.locator("#hits").textContent()) !== "");
  await page.keyboard.press("Escape");
  assert.equal(await page.inputValue("#search"), "");
  assert.equal(await page.locator("#hits").innerText(), "");
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  const second = page.locator("details.group").nth(1);
  assert.ok(await second.locator("summary").evaluate((element) => element === document.activeElement));
  await page.keyboard.press("Enter");
  assert.ok(await second.evaluate((element) => element.open));
  await page.keyboard.press("k");
  assert.ok(await page.locator("details.group > summary").first().evaluate((element) => element === document.activeElement));
  await page.keyboard.press("?");
  assert.ok(await page.locator("#keyhelp").isVisible());
  await page.keyboard.press("?");
});

test("the picture is as wide as threads are, and moves by keys and clicks", async () => {
  const { stacks } = JSON.parse(run("stacks", hang.dump, ...hang.paths, "--json"));
  const now = page.locator("#icicle-now");
  await page.locator("#icicle").focus();
  await page.keyboard.press("Escape");
  assert.match(await now.innerText(), new RegExp(`^all stacks: ${stacks.length} threads`));
  const widths = await page.locator("#icicle rect").evaluateAll((all) => all.map((box) => [box.querySelector("title").textContent, Number(box.getAttribute("width"))]));
  const whole = widths[0][1];
  for (const [text, width] of widths) {
    const [, count, of] = text.match(/: (\d+) threads? of (\d+)/);
    assert.ok(Math.abs(width - whole * count / of) < 1, text);
  }
  const smb = widths.find(([text]) => text.toLowerCase().includes("smbcewait"));
  assert.match(smb[0], new RegExp(`: ${threadsWith("smbcewait")} thread`));
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  assert.match(await now.innerText(), /KiSystemServiceCopyEnd/);
  await page.keyboard.press("Enter");
  await page.keyboard.press("Escape");
  await page.locator("#icicle rect").nth(3).click();
  assert.equal(await page.locator("#icicle rect").first().evaluate((box) => Math.round(box.getAttribute("width"))), Math.round(whole));
  await page.locator("#icicle").focus();
  await page.keyboard.press("Escape");
});

test("stack use is what `stack-use` says, frame by frame", async () => {
  const { stacks } = JSON.parse(run("stacks", hang.dump, ...hang.paths, "--json"));
  const values = await page.locator("#use-thread option").evaluateAll((all) => all.map((option) => Number(option.value)));
  assert.ok(values.length > 1);
  for (const number of [values[0], values.at(-1)]) {
    const thread = stacks[number].thread.address;
    const [account] = JSON.parse(run("stack-use", hang.dump, ...hang.paths, "--thread", thread, "--json")).accounts;
    const segments = account.segments.filter((each) => each.accounted && each.used > 0);
    await page.selectOption("#use-thread", String(number));
    const text = await page.locator("#use .body").innerText();
    assert.ok(segments.length > 0);
    for (const each of segments) assert.ok(text.includes(`${each.used} of ${each.size} bytes in use`), text);
    const bytes = await page.locator("#use .bytes").allInnerTexts();
    assert.equal(bytes.reduce((sum, each) => sum + Number(each), 0), segments.reduce((sum, each) => sum + each.bytes_in_frames, 0));
    const widths = await page.locator("#use .bar-of").evaluateAll((all) => all.map((bar) => parseFloat(bar.style.width)));
    const most = Math.max(...bytes.map(Number));
    widths.forEach((width, i) => assert.ok(Math.abs(width - 100 * bytes[i] / most) < 0.01, `${width}`));
  }
});

test("each thread of a group shows its own stack, and leads to its stack use", async () => {
  const { stacks } = JSON.parse(run("stacks", hang.dump, ...hang.paths, "--json"));
  const groups = JSON.parse(run("groups", hang.dump, ...hang.paths, "--json")).groups;
  const at = groups.findIndex((group) => group.threads.length > 2);
  const group = page.locator("details.group").nth(at);
  await group.locator("> summary").click();
  const third = group.locator(".thread").nth(2);
  await third.click();
  assert.equal(await third.getAttribute("aria-pressed"), "true");
  assert.equal(await group.locator('.thread[aria-pressed="true"]').count(), 1);
  const number = stacks.findIndex((stack) => stack.thread.address === groups[at].threads[2].thread);
  const rows = await group.locator(".frames tbody tr").allInnerTexts();
  stacks[number].frames.forEach((frame, i) => {
    if (frame.symbol?.name)
      assert.ok(rows[i].includes(`${frame.symbol.module}!${frame.symbol.name}+0x${frame.symbol.offset.toString(16)}`), rows[i]);
  });
  await group.locator("button", { hasText: "its stack use" }).click();
  assert.equal(await page.inputValue("#use-thread"), String(number));
  await group.locator("> summary").click();
});

test("threads are found by their IDs, decimal and hexadecimal", async () => {
  const { stacks } = JSON.parse(run("stacks", hang.dump, ...hang.paths, "--json"));
  const id = stacks.find((stack) => stack.frames.length > 0).thread.id;
  for (const text of [`tid ${id} `, `0x${id.toString(16)}`]) {
    await page.fill("#search", text);
    await found("1 thread in 1 group");
  }
  await page.fill("#search", "");
  await until("the search is over", async () => (await page.locator("#hits").textContent()) === "");
});

test("the picture is there as a list too, with every thread", async () => {
  const { stacks } = JSON.parse(run("stacks", hang.dump, ...hang.paths, "--json"));
  const list = page.locator("#as-list");
  await list.locator("> summary").click();
  await list.locator("> div > details > summary").first().waitFor();
  const tops = await list.locator("> div > details > summary").allInnerTexts();
  const threads = tops.reduce((sum, text) => sum + Number(text.match(/^(\d+) thread/)[1]), 0);
  assert.equal(threads, stacks.filter((stack) => stack.frames.length > 0).length);
  await list.locator("> div > details > summary").first().click();
  await list.locator("ol.chain li").first().waitFor();
  assert.ok(await list.locator("ol.chain li").count() > 1);
  await list.locator("> summary").click();
});

test("modules are sorted as one likes", async () => {
  const { modules } = JSON.parse(run("modules", hang.dump, "--json"));
  assert.equal(await page.locator("#modules tbody tr").count(), modules.length);
  await page.locator("#modules th button", { hasText: "Name" }).click();
  const names = await page.locator("#modules tbody tr td:first-child").allInnerTexts();
  assert.deepEqual(names, [...names].sort((a, b) => (a.toLowerCase() < b.toLowerCase() ? -1 : 1)));
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Name");
  assert.equal(await page.locator("#modules th").first().getAttribute("aria-sort"), "ascending");
});

test("modules say on how many stacks they are, and which files are at hand", async () => {
  const needs = JSON.parse(run("symbols", "check", hang.dump, ...hang.paths, "--json")).symbol_files;
  assert.ok(needs.length > 0);
  const rows = await page.locator("#modules tbody tr").evaluateAll((all) => all.map((row) => [...row.cells].map((cell) => cell.textContent)));
  for (const each of needs) {
    const row = rows.find((cells) => cells[0] === each.module && cells[1] === each.base);
    assert.equal(row[4], String(each.stacks));
    assert.ok(row[5].startsWith(each.image.at_hand ? "image," : "no image,"), row[5]);
    assert.equal(row[5].includes(", PDB"), each.pdb.at_hand, row[5]);
  }
  assert.equal(rows.filter((cells) => cells[4] !== "").length, needs.length);
});

test("no script or style but the page's own would run", async () => {
  const shown = await open(browser, report("policy", hang));
  const ran = await shown.evaluate(() => {
    const script = document.createElement("script");
    script.textContent = "window.ran = true";
    document.body.append(script);
    return window.ran === true;
  });
  assert.equal(ran, false);
  assert.ok(shown.said.some((text) => text.includes("Content Security Policy")));
  await shown.context().close();
});

test("light, dark and a phone: accessible, and nothing wider than the screen", async () => {
  const file = report("looks", hang);
  const backs = [];
  for (const options of [{ colorScheme: "light" }, { colorScheme: "dark" }, { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true }]) {
    const shown = await open(browser, file, { ...options, bypassCSP: true });
    await shown.locator("details.group > summary").first().click();
    await shown.addScriptTag({ content: axe });
    const { violations } = await shown.evaluate(() => axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"] }));
    assert.deepEqual(violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target).join(" ")}`), []);
    backs.push(await shown.evaluate(() => getComputedStyle(document.body).backgroundColor));
    const [inner, scroll] = await shown.evaluate(() => [innerWidth, document.documentElement.scrollWidth]);
    assert.ok(scroll <= inner, `${scroll} of ${inner}`);
    if (process.env.NTSTACK_SCREENSHOTS)
      await shown.screenshot({ path: join(process.env.NTSTACK_SCREENSHOTS, `report-${backs.length}.png`), fullPage: true });
    await shown.context().close();
  }
  assert.notEqual(backs[0], backs[1]);
  const shown = await open(browser, file, { colorScheme: "light" });
  await shown.click("#theme");
  assert.equal(await shown.evaluate(() => getComputedStyle(document.body).backgroundColor), backs[1]);
  await shown.context().close();
});

test("names of a stranger's dump stay text", async () => {
  for (const [i, name] of ["</script><img src=x onerror=alert(1)>.sys", "%DATA%<!--<script>\"'&amp;.sys", "\u2028${alert(1)}`.sys"].entries()) {
    const shown = await open(browser, report(`hostile${i}`, renamed(`hostile${i}`, name)));
    assert.deepEqual(shown.said, []);
    assert.equal(await shown.locator("img").count(), 0);
    assert.equal(shown.asked.filter((url) => url.startsWith("file:")).length, 1);
    if (i === 0) assert.ok((await shown.locator("#modules").innerText()).includes("<img src=x onerror=alert(1)>"));
    await shown.context().close();
  }
});

test("a dump's file name stays text", async () => {
  const dump = join(folder, "<img src=x onerror=alert(1)>.dmp");
  writeFileSync(dump, readFileSync(hang.dump));
  const shown = await open(browser, report("title", { dump, paths: [] }));
  assert.deepEqual(shown.said, []);
  assert.equal(await shown.locator("img").count(), 0);
  assert.equal(await shown.locator("#title").innerText(), "<img src=x onerror=alert(1)>.dmp");
  await shown.context().close();
});

test("what is redacted is in no output", async () => {
  const dump = renamed("redacted", "C:\\Users\\janedoe\\drv\\mrxsmb20.sys");
  const host = renamed("host", "\\Device\\Mup\\secrethost\\a\\b.sys");
  const mapped = renamed("mapped", "\\Device\\Mup\\;X:01\\secrethost\\a\\b.sys");
  const cases = [["user", dump, "janedoe"], ["share", host, "secrethost"], ["mapped", mapped, "secrethost"]];
  for (const [name, given, secret] of cases) {
    report(name, given);
    assert.ok(readFileSync(join(folder, name + ".html"), "utf8").includes(secret));
    report(name, given, "--redact");
    for (const ending of [".html", ".json"]) assert.ok(!readFileSync(join(folder, name + ending), "utf8").includes(secret), ending);
    const document = JSON.parse(readFileSync(join(folder, name + ".json"), "utf8"));
    assert.equal(document.redacted, true);
    assert.ok(document.stacks.length > 0 && document.modules.length > 0);
  }
});

test("what is redacted does not tell in which folder somebody's files lie", () => {
  const set = join(folder, "case of jane", "set");
  mkdirSync(set, { recursive: true });
  writeFileSync(join(set, "a.dmp"), readFileSync(hang.dump));
  writeFileSync(join(set, "b.dmp"), readFileSync(hang.dump).subarray(0, 3000));
  const [page, json] = [join(folder, "folder.html"), join(folder, "folder.json")];
  run("report", set, "-o", page, "--json", json);
  assert.ok(readFileSync(json, "utf8").includes("case of jane"));
  run("report", set, "-o", page, "--json", json, "--redact");
  for (const file of [page, json]) assert.ok(!readFileSync(file, "utf8").includes("case of jane"), file);
  assert.ok(JSON.parse(readFileSync(json, "utf8")).warnings.some((text) => text.includes("left out: opening b.dmp")));
});

test("a page that can't be written leaves none", () => {
  assert.throws(() => run("report", hang.dump, "-o", join(folder, "no", "such.html")), /Command failed/);
  assert.ok(!existsSync(join(folder, "no")));
  assert.throws(() => run("report", hang.dump), /Command failed/);
  assert.throws(() => run("report", hang.dump, "--thread", "1", "-o", join(folder, "none.html")), /Command failed/);
  assert.ok(!existsSync(join(folder, "none.html")));
});

test("a dump is never written over", () => {
  const dump = join(folder, "kept.dmp");
  const bytes = readFileSync(hang.dump);
  writeFileSync(dump, bytes);
  for (const options of [["-o", dump], ["-o", join(folder, ".", "kept.dmp")], ["-o", join(folder, "a.html"), "--json", dump]])
    assert.throws(() => run("report", crash.dump, ...options), /Command failed/);
  assert.ok(readFileSync(dump).equals(bytes));
  assert.throws(() => run("report", crash.dump, "-o", join(folder, "b.html"), "--json", join(folder, "b.html")), /Command failed/);
});
