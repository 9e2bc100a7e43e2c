// What every client here does alike: says in lines of JSON what it heard, and serves its door.

import { createHash } from "node:crypto";
import { createServer } from "node:http";

export const [way, url, key, group] = process.argv.slice(2);

export function say(what) {
  process.stdout.write(`${JSON.stringify(what)}\n`);
}

export function digest(bytes) {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Serves `door` on a port of its own; the address of it. */
export async function serve(door) {
  const server = createServer(door);
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  return `http://127.0.0.1:${server.address().port}`;
}

/** The picture that the clients send. */
export const PICTURE = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64",
);

// Whoever started it has gone.
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
