// Sounds made of two or three tones each, so that no file has to be fetched for them.
import { signal } from "@preact/signals";
import { type Rings, ringing } from "./settings";

interface Tone {
  hertz: number;
  at: number;
  lasts: number;
}

/** A rise for somebody new, one soft tap for a message, a fall and a rise for what is handed over, three rings for a call. */
const TUNES: Record<Rings, Tone[]> = {
  new: [
    { hertz: 587, at: 0, lasts: 0.16 },
    { hertz: 740, at: 0.13, lasts: 0.16 },
    { hertz: 880, at: 0.26, lasts: 0.34 },
  ],
  message: [
    { hertz: 784, at: 0, lasts: 0.12 },
    { hertz: 1046, at: 0.09, lasts: 0.22 },
  ],
  transfer: [
    { hertz: 698, at: 0, lasts: 0.14 },
    { hertz: 523, at: 0.13, lasts: 0.14 },
    { hertz: 698, at: 0.26, lasts: 0.28 },
  ],
  call: [0, 0.5, 1].flatMap((at) => [
    { hertz: 660, at, lasts: 0.18 },
    { hertz: 550, at: at + 0.16, lasts: 0.22 },
  ]),
};

let context: AudioContext | null = null;

/** Whether the browser lets this tab be heard; it does after the first press on the page. */
export const audible = signal(false);

/** To be called from a press: browsers let a page sound only after one. */
export function wake(): void {
  context ??= new AudioContext();
  const mine = context;
  const settle = (): void => {
    audible.value = mine.state === "running";
  };
  mine.onstatechange = settle;
  if (mine.state === "running") settle();
  else void mine.resume().then(settle, () => {});
}

/** Plays the tune at the operator's volume. */
export function play(tune: Rings): void {
  const loud = Number(ringing.volume.value) / 100;
  if (!context || context.state !== "running" || loud === 0) return;
  const start = context.currentTime + 0.02;
  for (const { hertz, at, lasts } of TUNES[tune]) {
    const tone = context.createOscillator();
    const gain = context.createGain();
    tone.type = "triangle";
    tone.frequency.value = hertz;
    // An ear hears loudness by its square, and a tone that starts or ends at once as a click.
    gain.gain.setValueAtTime(0.0001, start + at);
    gain.gain.exponentialRampToValueAtTime(0.35 * loud * loud + 0.0002, start + at + 0.012);
    gain.gain.exponentialRampToValueAtTime(0.0001, start + at + lasts);
    tone.connect(gain).connect(context.destination);
    tone.start(start + at);
    tone.stop(start + at + lasts + 0.02);
  }
}
