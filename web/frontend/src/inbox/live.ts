import { signal } from "@preact/signals";
import { backOff } from "../keys";
import type { Event, Frame } from "./wire";

export type Light = "on" | "connecting" | "off";
export const light = signal<Light>("connecting");

interface Listener {
  event: (event: Event) => void;
  /** Something may have been missed: read again what is on the screen. */
  reload: () => void;
  /** The server says that the session is over, or does not let the socket in. */
  doubt: () => Promise<boolean>;
}

/** The server pings every 25 s; a socket that is silent for longer than two of them is dead. */
const SILENCE = 60_000;

/** When the server was last heard; everything shown is as fresh as that. */
export const heardAt = signal(0);

let socket: WebSocket | null = null;
let listener: Listener | null = null;
let cursor: string | null = null;
let attempt = 0;
let again = 0;
let silence = 0;
let heard = 0;

/** Keeps one socket until `stop`; whatever breaks, it comes back where it left off. */
export function start(to: Listener): void {
  stop();
  listener = to;
  cursor = null;
  attempt = 0;
  connect();
}

export function stop(): void {
  listener = null;
  clearTimeout(again);
  clearTimeout(silence);
  socket?.close(1000);
  socket = null;
}

export function tell(frame: object): void {
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(frame));
}

function connect(): void {
  clearTimeout(again);
  if (!listener) return;
  light.value = "connecting";
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  const mine = new WebSocket(`${scheme}//${location.host}/api/v1/live`);
  let greeted = false;
  socket = mine;
  listen();
  mine.onopen = () => mine.send(JSON.stringify({ hello: { cursor } }));
  mine.onmessage = (message: MessageEvent<string>) => {
    if (socket !== mine) return;
    listen();
    const frame = JSON.parse(message.data) as Frame;
    switch (frame.t) {
      case "hello": {
        const first = cursor === null;
        greeted = true;
        attempt = 0;
        cursor = frame.cursor;
        light.value = "on";
        if (first || frame.gap) listener?.reload();
        break;
      }
      case "event":
        cursor = frame.cursor;
        listener?.event(frame.event);
        break;
      case "ping":
        mine.send('{"t":"pong"}');
        break;
    }
  };
  mine.onclose = (closed) => {
    if (socket === mine) void lost(closed.code, greeted);
  };
}

async function lost(code: number, greeted: boolean): Promise<void> {
  socket = null;
  clearTimeout(silence);
  light.value = attempt > 0 || !navigator.onLine ? "off" : "connecting";
  const told = listener;
  if ((code === 4401 || !greeted) && told && navigator.onLine) {
    // A socket that is not let in tells no reason; the API does.
    const stay = await told.doubt();
    if (!stay || listener !== told || socket) return;
  }
  again = window.setTimeout(connect, code === 4408 && greeted ? 0 : backOff(attempt));
  attempt += 1;
}

function listen(): void {
  heard = Date.now();
  if (heard - heardAt.peek() > 1_000) heardAt.value = heard;
  clearTimeout(silence);
  silence = window.setTimeout(() => renew(), SILENCE);
}

/** Leaves a socket that may be dead and comes back with the cursor; at worst for nothing. */
function renew(): void {
  if (!listener) return;
  const dead = socket;
  socket = null;
  dead?.close();
  attempt = 0;
  connect();
}

window.addEventListener("online", renew);
window.addEventListener("offline", () => {
  light.value = "off";
});
document.addEventListener("visibilitychange", () => {
  // Timers slept with the machine, so only the clock can tell that the socket has been silent.
  if (document.visibilityState === "visible" && (!socket || Date.now() - heard > SILENCE)) renew();
});
