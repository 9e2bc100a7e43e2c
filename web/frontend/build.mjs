// Writes web/static: hashed bundles, the widget's loader under its fixed name, and manifest.json.
import { createHash } from "node:crypto";
import { mkdir, readFile, readdir, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = path.dirname(fileURLToPath(import.meta.url));
const src = path.join(here, "src");
const texts = path.join(here, "../../hub/texts");
const out = path.join(here, "../static");

/** Resolves the import "catalogue" to the sentences whose keys begin with one of the prefixes. */
function catalogue(prefixes) {
  const pick = (all) =>
    Object.fromEntries(
      Object.entries(all).filter(([key]) => prefixes.some((prefix) => key.startsWith(prefix))),
    );
  return {
    name: "catalogue",
    setup(hooks) {
      hooks.onResolve({ filter: /^catalogue$/ }, () => ({ path: "catalogue", namespace: "texts" }));
      hooks.onLoad({ filter: /.*/, namespace: "texts" }, async () => {
        const files = ["ru.json", "en.json"].map((name) => path.join(texts, name));
        const [ru, en] = await Promise.all(
          files.map(async (file) => pick(JSON.parse(await readFile(file, "utf8")))),
        );
        return { contents: JSON.stringify({ ru, en }), loader: "json", watchFiles: files };
      });
    },
  };
}

async function bundle(entry, prefixes, options) {
  const result = await build({
    entryPoints: [path.join(src, entry)],
    bundle: true,
    minify: true,
    write: false,
    charset: "utf8",
    legalComments: "none",
    jsx: "automatic",
    jsxImportSource: "preact",
    plugins: [catalogue(prefixes)],
    outdir: out,
    ...options,
  });
  return Object.fromEntries(
    result.outputFiles.map((file) => [path.extname(file.path).slice(1), file.contents]),
  );
}

const digest = (bytes) => createHash("sha256").update(bytes).digest("hex").slice(0, 10);

const inbox = await bundle(
  "inbox/main.tsx",
  ["inbox.", "status.", "kind.", "error."],
  { format: "iife", target: "es2022" },
);
const panel = await bundle("widget/panel.ts", ["widget."], {
  format: "esm",
  target: "es2020",
  loader: { ".css": "text" },
});
const loader = await bundle("widget/loader.ts", ["widget.launcher."], {
  format: "iife",
  target: "es2019",
  supported: { "dynamic-import": true },
  loader: { ".css": "text" },
  define: { PANEL_HASH: JSON.stringify(digest(panel.js)) },
});

const manifest = {};
await mkdir(out, { recursive: true });
const stale = new Set(await readdir(out));

async function put(name, bytes, { hashed }) {
  const file = hashed ? name.replace(".", `.${digest(bytes)}.`) : name;
  await writeFile(path.join(out, file), bytes);
  manifest[name] = file;
  stale.delete(file);
}

await put("inbox.js", inbox.js, { hashed: true });
await put("inbox.css", inbox.css, { hashed: true });
await put("panel.js", panel.js, { hashed: true });
await put("widget.js", loader.js, { hashed: false });

// The manifest comes last and whole: whoever sees it sees all that it names.
const draft = path.join(out, "manifest.json.new");
await writeFile(draft, `${JSON.stringify(manifest, null, 2)}\n`);
await rename(draft, path.join(out, "manifest.json"));
stale.delete("manifest.json");
await Promise.all([...stale].map((name) => rm(path.join(out, name), { recursive: true })));
