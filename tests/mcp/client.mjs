// `ntstack mcp` as an agent meets it: a client on the reference SDK. Truth: the program's own output on its command line,
// and the protocol as the SDK checks it.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";

const [program, source] = process.argv.slice(2);
const hang = join(source, "samples/seed1/w3wp.dmp");
const crash = join(source, "samples/processors/processors.dmp");
const symbols = join(source, "samples/seed1/symbols");
const folder = mkdtempSync(join(tmpdir(), "mcp-"));
const environment = { ...process.env };
delete environment._NT_SYMBOL_PATH;

const run = (...args) => execFileSync(program, args, { env: environment, maxBuffer: 1 << 28 }).toString();
const textOf = (result) => result.content[0].text;
let client;

before(async () => {
  client = new Client({ name: "ntstack-test", version: "1" });
  await client.connect(new StdioClientTransport({ command: program, args: ["mcp", "-y", symbols], env: environment }));
});
after(async () => {
  await client.close();
  rmSync(folder, { recursive: true });
});

const call = (name, args) => client.callTool({ name, arguments: args });

test("it says who it is", async () => {
  assert.equal(client.getServerVersion().name, "ntstack");
  assert.match(run("--version"), new RegExp(client.getServerVersion().version.replaceAll(".", "\\.")));
  await client.ping();
});

test("every tool is read-only and has a schema that refuses what it does not know", async () => {
  const { tools } = await client.listTools();
  const names = tools.map((tool) => tool.name);
  for (const name of ["analyze", "stacks", "groups", "threads", "processes", "modules", "info", "diff", "stack_use",
                      "disassemble", "console", "symbols_check"])
    assert.ok(names.includes(name), name);
  for (const tool of tools) {
    assert.equal(tool.annotations.readOnlyHint, true);
    assert.equal(tool.inputSchema.additionalProperties, false);
    assert.ok(tool.description.length > 20);
  }
});

test("a tool says what the command says", async () => {
  for (const [tool, command] of [["analyze", "analyze"], ["info", "info"], ["modules", "modules"], ["threads", "threads"],
                                 ["processes", "processes"]]) {
    const result = await call(tool, { dump: hang });
    assert.ok(!result.isError);
    assert.equal(textOf(result), run(command, hang, "-y", symbols), tool);
  }
  for (const tool of ["stacks", "groups", "waits"])
    assert.equal(textOf(await call(tool, { dumps: [hang] })), run(tool, hang, "-y", symbols));
  assert.equal(textOf(await call("diff", { captures: [hang, hang] })), run("diff", hang, hang, "-y", symbols));
});

test("choices are passed on, and JSON is the command's", async () => {
  const { threads } = JSON.parse(run("threads", hang, "--json"));
  const thread = threads[0].address;
  const text = textOf(await call("stacks", { dumps: [hang], thread }));
  assert.equal(text, run("stacks", hang, "-y", symbols, `--thread=${thread}`));
  const json = JSON.parse(textOf(await call("info", { dump: crash, format: "json" })));
  assert.deepEqual(json, JSON.parse(run("info", crash, "--json")));
});

test("the console runs commands", async () => {
  const result = await call("console", { dump: hang, commands: "? 5 * 7; lm" });
  assert.match(textOf(result), /Evaluate expression: 35 = 00000000`00000023/);
  assert.match(textOf(result), /rdbss/);
});

test("nothing is written", async () => {
  const before = readdirSync(folder);
  const log = join(folder, "log.txt");
  const result = await call("console", { dump: hang, commands: `.logopen ${log}; k; .logclose` });
  assert.match(textOf(result), /no files are written here/);
  assert.ok(!existsSync(log));
  assert.deepEqual(readdirSync(folder), before);
  const cache = join(folder, "cache");
  for (const path of [`.sympath srv*${cache}*http://127.0.0.1:9/`, `.exepath+ cache*${cache}`, `.symfix ${cache}`, `.sympath http://127.0.0.1:9/`]) {
    const said = textOf(await call("console", { dump: crash, commands: `${path}; .reload /f` }));
    assert.match(said, /no files are written here/, path);
  }
  assert.ok(!existsSync(cache));
  assert.match(textOf(await call("console", { dump: crash, commands: `.sympath+ ${symbols}` })), /search path is: .*seed1/);
});

test("a long answer comes in pages that are the whole", async () => {
  const whole = run("stacks", hang, "-y", symbols, "--json");
  const first = await call("stacks", { dumps: [hang], format: "json" });
  const { pages } = first._meta;
  assert.ok(pages > 1);
  let text = textOf(first);
  for (let page = 2; page <= pages; ++page) {
    const next = await call("stacks", { dumps: [hang], format: "json", page });
    assert.equal(next._meta.page, page);
    assert.ok(textOf(next).length <= 24000);
    text += textOf(next);
  }
  assert.equal(text, whole);
  const beyond = await call("stacks", { dumps: [hang], format: "json", page: pages + 1 });
  assert.ok(beyond.isError);
});

test("errors are marked and say what is wrong", async () => {
  const none = join(folder, "none.dmp");
  const gone = await call("analyze", { dump: none });
  assert.ok(gone.isError);
  assert.match(textOf(gone), /none\.dmp/);
  writeFileSync(join(folder, "noise.dmp"), "this is no dump");
  assert.ok((await call("stacks", { dumps: [join(folder, "noise.dmp")] })).isError);
  for (const args of [{}, { dump: 7 }, { dump: hang, page: 0 }, { dump: hang, format: "xml" }, { dump: hang, more: 1 }])
    assert.ok((await call("analyze", args)).isError, JSON.stringify(args));
  assert.ok((await call("analyze", { dump: `${hang}\u0000 and more` })).isError, "a command line would end there");
  await assert.rejects(call("crash", {}), /no such tool/);
  await assert.rejects(call("capture", { dump: hang }), /no such tool/);
});

test("what looks like an option is none", async () => {
  const result = await call("analyze", { dump: "--bugchecks" });
  assert.ok(result.isError);
  assert.match(textOf(result), /--bugchecks/);
  assert.ok((await call("stacks", { dumps: [hang], thread: "--no-group" })).isError);
});

// What a server of its own answers to lines as they are.
const answersTo = async (...lines) => {
  const server = spawn(program, ["mcp"], { env: environment });
  let out = "";
  server.stdout.on("data", (data) => (out += data));
  server.stdin.end(lines.join("\n") + "\n");
  const code = await new Promise((done) => server.on("close", done));
  assert.equal(code, 0);
  return out.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
};

test("lines that are no requests are answered as JSON-RPC has it", async () => {
  const answers = await answersTo(
    "no json", "7", '{"jsonrpc":"2.0","id":5}', '{"jsonrpc":"2.0","id":"a","method":"none"}',
    '{"jsonrpc":"2.0","method":"notifications/initialized"}', '{"jsonrpc":"2.0","id":6,"method":"ping"}',
    '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":[]}', '{"jsonrpc":"2.0","id":{"a":[1]},"method":"ping"}',
    '{"jsonrpc":"2.0","id":null,"method":"ping"}', '{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"no"}}');
  assert.deepEqual(answers.map((a) => a.error?.code ?? a.result), [-32700, -32600, -32600, -32601, {}, -32602, -32600, -32600]);
  assert.deepEqual(answers.map((a) => a.id), [null, null, 5, "a", 6, 7, null, null]);
});

test("several requests at once are answered at once, as version 2025-03-26 has it", async () => {
  const [several, none, one] = await answersTo(
    '[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","method":"notifications/initialized"},3]', "[]",
    '[{"jsonrpc":"2.0","method":"notifications/initialized"}]', '{"jsonrpc":"2.0","id":2,"method":"ping"}');
  assert.deepEqual(several.map((a) => [a.id, a.error?.code]), [[1, undefined], [null, -32600]]);
  assert.equal(none.error.code, -32600);
  assert.deepEqual(one, { jsonrpc: "2.0", id: 2, result: {} });
});

test("what is nested deep or is long does no harm", async () => {
  const deep = "[".repeat(300000) + "]".repeat(300000);
  const answers = await answersTo(
    `{"jsonrpc":"2.0","id":${deep},"method":"ping"}`, deep,
    `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"info","arguments":{"dump":${deep}}}}`,
    `{"jsonrpc":"2.0","id":2,"method":"${"x".repeat(17 << 20)}"}`, '{"jsonrpc":"2.0","id":3,"method":"ping"}');
  assert.equal(answers[0].error.code, -32600);
  assert.equal(answers[1][0].error.code, -32600);
  assert.equal(answers[2].result.isError, true);
  assert.equal(answers[3].error.code, -32700);
  assert.deepEqual(answers[4].result, {});
});
