import assert from "node:assert/strict";
import path from "node:path";
import { beforeEach, mock, test } from "node:test";
import { build } from "esbuild";

const src = path.join(import.meta.dirname, "../src/inbox");
const NOW = Date.parse("2026-11-22T08:00:00Z");

// As much of a browser as these modules touch when they are read; its clock stands until it is moved.
mock.timers.enable({ apis: ["setInterval", "setTimeout", "Date"], now: NOW });
const deaf = { addEventListener: () => {} };
Object.assign(globalThis, deaf, { window: globalThis, document: { ...deaf, visibilityState: "visible" } });

const { outputFiles } = await build({
  stdin: {
    contents: ["company", "rows", "trouble"].map((name) => `export * as ${name} from "./${name}";`).join(""),
    resolveDir: src,
  },
  bundle: true,
  format: "esm",
  write: false,
});
const script = Buffer.from(outputFiles[0].text).toString("base64");
const { company, rows, trouble } = await import(`data:text/javascript;base64,${script}`);

/** What was asked of the hub, each with the way to answer it. */
let asked = [];
const memberships = ["shop", "other"].map((id) => ({ project: { id }, role: "admin" }));
globalThis.fetch = () => new Promise((on) => asked.push((body) => on(Response.json(body))));
/** Answers that one, and returns once what was answered has been read. */
async function answer(question, body) {
  asked[question](body);
  for (let n = 0; n < 10; n += 1) await new Promise((on) => setImmediate(on));
}

const looker = (operator) => ({ operator, name: operator });
const looks = (operator, here) => company.showLooking({ ...looker(operator), dialog: "one", here });
const names = () => company.here("one").map(({ name }) => name);

const dead = { channel: "bot", kind: "telegram", name: "Bot", state: "halted", reason: "dead_key", since: null };
const told = (state, reason = "") => ({ event: "channel.told", project: "shop", channel: "bot", state, reason });
const found = (...items) => ({ items, calendar: null });
const shown = () => trouble.troubles.value.map(({ reason }) => reason);

beforeEach(() => {
  asked = [];
  rows.me.value = { operator: { id: "me" }, memberships };
  // Of another project nothing is known any more.
  rows.project.value = "";
  rows.project.value = "shop";
  company.setHere("one", [], Date.now() + 1);
});

test("whoever came or went while it was asked who is there stays come or gone", () => {
  looks("anna", true);
  mock.timers.tick(1_000);
  const before = Date.now();
  mock.timers.tick(1_000);
  looks("anna", false);
  looks("boris", true);
  company.setHere("one", [looker("anna"), looker("vera")], before);
  assert.deepEqual(names().sort(), ["boris", "vera"]);
});

test("who was there before it was asked and is not in the answer is gone", () => {
  looks("anna", true);
  mock.timers.tick(1_000);
  company.setHere("one", [looker("vera")], Date.now());
  assert.deepEqual(names(), ["vera"]);
});

test("a look that nobody renews ends by itself", () => {
  looks("anna", true);
  mock.timers.tick(60_000);
  assert.deepEqual(names(), []);
});

test("a channel that works again while its trouble was being read is not called dead", async () => {
  trouble.reload();
  trouble.learn(told("ok"));
  assert.equal(asked.length, 2);
  await answer(1, found());
  await answer(0, found(dead));
  assert.deepEqual(shown(), []);
});

test("of two questions about troubles the later one is answered, whichever answer comes last", async () => {
  trouble.reload();
  trouble.learn(told("halted", "dead_key"));
  await answer(1, found(dead));
  await answer(0, found());
  assert.deepEqual(shown(), ["dead_key"]);
});

test("what is told of another project changes nothing here, nor an answer that is of it", async () => {
  trouble.reload();
  trouble.learn({ ...told("halted", "dead_key"), project: "other" });
  assert.equal(asked.length, 1);
  rows.project.value = "other";
  await answer(0, found(dead));
  assert.deepEqual(shown(), []);
});
