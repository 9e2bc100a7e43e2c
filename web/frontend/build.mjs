// Writes web/static: hashed bundles, the widget's loader under its fixed name, and manifest.json.
import { createHash } from "node:crypto";
import { mkdir, readFile, readdir, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { emoji } from "./emoji.mjs";

const here = path.dirname(fileURLToPath(import.meta.url));
const src = path.join(here, "src");
const texts = path.join(here, "../../hub/texts");
const out = path.join(here, "../static");
const first = path.join(src, "inbox/main.tsx");

/** Which sentences the code of a folder carries with it. */
const PREFIXES = {
  inbox: ["inbox.", "status.", "kind.", "error.", "failure.", "invalid.", "connection."],
  admin: ["admin.", "call.says.", "channel.", "consent.", "filter.", "rules.", "planning.", "automation."],
  widget: ["widget."],
  "widget/loader.ts": ["widget.launcher."],
};

const digest = (bytes) => createHash("sha256").update(bytes).digest("hex").slice(0, 10);

/** Resolves the import "catalogue" to the sentences of whoever imports it. */
function catalogue(owner) {
  const pick = (all, prefixes) =>
    Object.fromEntries(
      Object.entries(all).filter(([key]) => prefixes.some((prefix) => key.startsWith(prefix))),
    );
  return {
    name: "catalogue",
    setup(hooks) {
      hooks.onResolve({ filter: /^catalogue$/ }, ({ importer }) => {
        const folder = path.relative(src, importer).split(path.sep)[0];
        return { path: owner ?? (folder in PREFIXES ? folder : "inbox"), namespace: "texts" };
      });
      hooks.onLoad({ filter: /.*/, namespace: "texts" }, async ({ path: whose }) => {
        const files = ["ru.json", "en.json"].map((name) => path.join(texts, name));
        const [ru, en] = await Promise.all(
          files.map(async (file) => pick(JSON.parse(await readFile(file, "utf8")), PREFIXES[whose])),
        );
        return { contents: JSON.stringify({ ru, en }), loader: "json", watchFiles: files };
      });
    },
  };
}

/** The modules that are there before anything lazy is asked for. */
async function atOnce() {
  const { metafile } = await build({
    ...how,
    entryPoints: [first],
    format: "esm",
    metafile: true,
    external: ["*.css"],
    plugins: [catalogue(), emoji()],
  });
  const { inputs } = metafile;
  const found = new Set();
  const walk = (name) => {
    if (found.has(name)) return;
    found.add(name);
    for (const { path: to, kind, external } of inputs[name].imports)
      if (kind === "import-statement" && !external) walk(to);
  };
  walk(Object.keys(inputs).find((name) => path.resolve(name) === first));
  return new Set([...found].map((name) => path.resolve(name)));
}

/** A sheet that only a lazy part imports becomes a file of its own, there before the part runs. */
function sheets(early, made) {
  return {
    name: "sheets",
    setup(hooks) {
      hooks.onResolve({ filter: /\.css$/ }, ({ importer, path: asked, resolveDir }) =>
        early.has(importer) || importer.endsWith(".css")
          ? undefined
          : { path: path.resolve(resolveDir, asked), namespace: "sheet" },
      );
      hooks.onLoad({ filter: /.*/, namespace: "sheet" }, async ({ path: file }) => {
        const { outputFiles } = await build({
          entryPoints: [file],
          bundle: true,
          minify: true,
          write: false,
          outdir: out,
        });
        const name = `${path.basename(file, ".css")}.${digest(outputFiles[0].contents)}.css`;
        made.set(name, outputFiles[0].contents);
        const loader = JSON.stringify(path.join(src, "inbox/stylesheet.ts"));
        return {
          contents: `import { sheet } from ${loader}; await sheet(${JSON.stringify(name)});`,
          resolveDir: path.dirname(file),
          watchFiles: [file],
        };
      });
    },
  };
}

const how = {
  bundle: true,
  minify: true,
  write: false,
  charset: "utf8",
  legalComments: "none",
  jsx: "automatic",
  jsxImportSource: "preact",
  outdir: out,
};

async function bundle(entry, owner, options) {
  const result = await build({
    ...how,
    entryPoints: [path.join(src, entry)],
    plugins: [catalogue(owner)],
    ...options,
  });
  return result.outputFiles[0].contents;
}

const lazySheets = new Map();
const inbox = await build({
  ...how,
  entryPoints: { inbox: first },
  format: "esm",
  target: "es2022",
  splitting: true,
  metafile: true,
  entryNames: "[name].[hash]",
  chunkNames: "[name].[hash]",
  plugins: [catalogue(), emoji(), sheets(await atOnce(), lazySheets)],
});
const panel = await bundle("widget/panel.ts", "widget", {
  format: "esm",
  target: "es2020",
  loader: { ".css": "text" },
});
const loader = await bundle("widget/loader.ts", "widget/loader.ts", {
  format: "iife",
  target: "es2019",
  supported: { "dynamic-import": true },
  loader: { ".css": "text" },
  define: { PANEL_HASH: JSON.stringify(digest(panel)) },
});

const manifest = {};
await mkdir(out, { recursive: true });
const stale = new Set(await readdir(out));

async function put(file, bytes, name) {
  await writeFile(path.join(out, file), bytes);
  if (name) manifest[name] = file;
  stale.delete(file);
}

// A lazy part's name may be that of a whole page: only the entry itself goes by its name.
const whole = Object.entries(inbox.metafile.outputs).find(
  ([, made]) => made.entryPoint && path.resolve(made.entryPoint) === first,
);
/** The shared parts that the page needs before it can begin, each named to be fetched at once. */
function partsOf(name, found = new Set()) {
  for (const { path: to, kind } of inbox.metafile.outputs[name].imports)
    if (kind === "import-statement" && !found.has(to)) {
      found.add(to);
      partsOf(to, found);
    }
  return [...found].map((to) => path.basename(to));
}

manifest["inbox.js parts"] = partsOf(whole[0]);
const named = new Map([
  [path.basename(whole[0]), "inbox.js"],
  [path.basename(whole[1].cssBundle), "inbox.css"],
]);
for (const { path: file, contents } of inbox.outputFiles)
  if (file.endsWith(".js") || named.has(path.basename(file)))
    await put(path.basename(file), contents, named.get(path.basename(file)));
for (const [file, contents] of lazySheets) await put(file, contents);
await put(`panel.${digest(panel)}.js`, panel, "panel.js");
await put("widget.js", loader, "widget.js");

// The manifest comes last and whole: whoever sees it sees all that it names.
const draft = path.join(out, "manifest.json.new");
await writeFile(draft, `${JSON.stringify(manifest, null, 2)}\n`);
await rename(draft, path.join(out, "manifest.json"));
stale.delete("manifest.json");
await Promise.all([...stale].map((name) => rm(path.join(out, name), { recursive: true })));
