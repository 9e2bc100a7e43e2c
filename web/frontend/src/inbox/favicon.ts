import { effect } from "@preact/signals";
import { counts } from "./rows";
import { t } from "./settings";
import { phase } from "./session";

const SIZE = 64;

/** Keeps the number of those who wait in the tab's title and on its picture. */
export function count(): void {
  const link = document.querySelector<HTMLLinkElement>("link[rel=icon]");
  const plain = link?.href ?? "";
  const picture = new Image();
  let drawn = "";
  const draw = (n: number): void => {
    const words = n > 99 ? "99" : String(n);
    if (!link || drawn === words) return;
    drawn = words;
    if (n === 0) {
      link.href = plain;
      return;
    }
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = SIZE;
    const pen = canvas.getContext("2d");
    if (!pen) return;
    if (picture.complete && picture.naturalWidth) pen.drawImage(picture, 0, 0, SIZE, SIZE);
    pen.fillStyle = "#c0271d";
    pen.beginPath();
    pen.arc(SIZE - 21, SIZE - 21, 21, 0, 2 * Math.PI);
    pen.fill();
    pen.fillStyle = "#ffffff";
    pen.font = `650 ${words.length > 1 ? 26 : 32}px system-ui, sans-serif`;
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.fillText(words, SIZE - 21, SIZE - 19);
    link.href = canvas.toDataURL("image/png");
  };
  const waiting = (): number => (phase.value === "inside" ? (counts.value?.waiting.n ?? 0) : 0);
  effect(() => {
    const n = waiting();
    document.title = `${n ? `(${n}) ` : ""}${t("inbox.title")} · Otklik`;
    draw(n);
  });
  picture.onload = () => {
    drawn = "";
    draw(waiting());
  };
  picture.src = "/favicon.svg";
}
