import assert from "node:assert/strict";
import { readFile, readdir } from "node:fs/promises";
import path from "node:path";
import { test } from "node:test";
import { parse } from "acorn";
import { transform } from "esbuild";

const src = path.join(import.meta.dirname, "../src");
/** What is the same in every language. */
const NAMES = new Set(["Otklik"]);
const SPOKEN = ["alt", "label", "placeholder", "title"];

const isSpoken = (name) => SPOKEN.includes(name) || /^aria-(label|description|roledescription|valuetext)$/.test(name);
const ADDRESS = /^(https:\/\/)?[\w.-]+\.[a-z]+$/;
const isProse = (words) =>
  /\p{L}{2}/u.test(words) && !ADDRESS.test(words) && !NAMES.has(words.replace(/[^\p{L}]/gu, ""));

/** The words that an expression may come out as, without looking into what it calls. */
function words(node) {
  switch (node?.type) {
    case "Literal":
      return typeof node.value === "string" ? [node.value] : [];
    case "TemplateLiteral":
      return node.quasis.map((quasi) => quasi.value.cooked);
    case "ArrayExpression":
      return node.elements.flatMap(words);
    case "ConditionalExpression":
      return [...words(node.consequent), ...words(node.alternate)];
    case "LogicalExpression":
    case "BinaryExpression":
      return /^[<>=!]|^in/.test(node.operator) ? [] : [...words(node.left), ...words(node.right)];
    default:
      return [];
  }
}

const nameOf = (key) => key?.name ?? key?.value;

/** What a node gives a person to read: children and names of elements, text put into the page. */
function read(node) {
  if (node.type === "CallExpression" && /^jsxs?$/.test(node.callee.name ?? ""))
    return (node.arguments[1]?.properties ?? [])
      .filter(({ key }) => nameOf(key) === "children" || isSpoken(nameOf(key)))
      .flatMap(({ value }) => words(value));
  if (node.type === "AssignmentExpression" && node.left.type === "MemberExpression") {
    const name = nameOf(node.left.property);
    return /^(textContent|innerText|ariaLabel)$/.test(name) || isSpoken(name) ? words(node.right) : [];
  }
  if (node.type === "CallExpression" && node.callee.property?.name === "setAttribute")
    return isSpoken(node.arguments[0].value) ? words(node.arguments[1]) : [];
  return [];
}

/** Every text of a source that does not come from the catalogue. */
async function literal(source, loader) {
  const { code } = await transform(source, { loader, jsx: "automatic", format: "esm", target: "es2022" });
  const found = [];
  const walk = (node) => {
    if (!node || typeof node !== "object") return;
    if (Array.isArray(node)) return node.forEach(walk);
    if (node.type) found.push(...read(node).filter(isProse));
    if (node.type === "Literal" && /\p{Script=Cyrillic}{2}/u.test(node.value)) found.push(node.value);
    Object.values(node).forEach(walk);
  };
  walk(parse(code, { ecmaVersion: 2022, sourceType: "module" }).body);
  return [...new Set(found)];
}

test("a text written into a component is found wherever it stands", async () => {
  const found = (tsx) => literal(tsx, "tsx");
  assert.deepEqual(await found("const a = <p>Some words {name}</p>"), ["Some words "]);
  assert.deepEqual(await found("const a = <p>{late ? 'Late' : t('soon')}</p>"), ["Late"]);
  assert.deepEqual(await found("const a = <i aria-label={`Page ${n}`} class='quiet' />"), ["Page "]);
  assert.deepEqual(await found("const a = t('ключ')"), ["ключ"]);
  assert.deepEqual(await found("field.placeholder = 'Your name'"), ["Your name"]);
  assert.deepEqual(await found("field.setAttribute('aria-label', 'Close')"), ["Close"]);
  assert.deepEqual(await found("const a = <p id='some' title={t('key')}>{t('word')} · {n}</p>"), []);
  assert.deepEqual(await found("const a = <p>{kind === 'site' && <b />}</p>"), []);
});

test("no screen has words of its own, for both languages live in the catalogue", async () => {
  const all = await readdir(src, { recursive: true });
  const files = all.filter((name) => /\.tsx?$/.test(name) && !name.endsWith(".d.ts"));
  assert.ok(files.length > 50);
  const found = {};
  for (const name of files) {
    const own = await literal(await readFile(path.join(src, name), "utf8"), name.endsWith("x") ? "tsx" : "ts");
    if (own.length) found[name] = own;
  }
  assert.deepEqual(found, {});
});
