import type { JSX } from "preact";
import { signal } from "@preact/signals";
import { useRef, useState } from "preact/hooks";
import { fileAddress } from "../links";
import { Icon } from "./parts";
import { t } from "./settings";
import { seconds } from "./times";
import type { Attachment } from "./wire";

const SPEEDS = [1, 1.5, 2] as const;

/** Who listens faster listens faster to everything. */
const speed = signal<number>(1);
let playing: HTMLAudioElement | null = null;

export function Voice({ file }: { file: Pick<Attachment, "url" | "name"> }): JSX.Element {
  const sound = useRef<HTMLAudioElement>(null);
  const [on, setOn] = useState(false);
  const [at, setAt] = useState(0);
  const [total, setTotal] = useState(0);
  const [failed, setFailed] = useState(false);

  async function toggle(): Promise<void> {
    const audio = sound.current;
    if (!audio) return;
    if (!audio.paused) {
      audio.pause();
      return;
    }
    // Two voices at once are understood by nobody.
    playing?.pause();
    playing = audio;
    audio.playbackRate = speed.value;
    await audio.play().catch(() => setFailed(true));
  }

  function faster(): void {
    const i = SPEEDS.findIndex((one) => one === speed.value);
    speed.value = SPEEDS[(i + 1) % SPEEDS.length] ?? 1;
    if (playing) playing.playbackRate = speed.value;
  }

  function measured(audio: HTMLAudioElement): void {
    // A recording that was never closed tells its length only when its end was looked for.
    if (audio.duration === Number.POSITIVE_INFINITY) audio.currentTime = 1e9;
    else if (Number.isFinite(audio.duration)) {
      if (audio.paused && audio.currentTime >= audio.duration) audio.currentTime = 0;
      setTotal(audio.duration);
    }
  }

  const address = fileAddress(file.url);
  return (
    <div class="voice" role="group" aria-label={t("inbox.voice", { name: file.name })}>
      <audio
        ref={sound}
        src={address}
        preload="metadata"
        onLoadedMetadata={(event) => measured(event.currentTarget)}
        onDurationChange={(event) => measured(event.currentTarget)}
        onTimeUpdate={(event) => setAt(event.currentTarget.currentTime)}
        onPlay={() => setOn(true)}
        onPause={() => setOn(false)}
        onEnded={(event) => {
          event.currentTarget.currentTime = 0;
          setOn(false);
        }}
        onError={() => setFailed(true)}
      />
      <button
        type="button"
        class="voice-play"
        disabled={failed}
        aria-label={t(on ? "inbox.voice.pause" : "inbox.voice.play")}
        title={t(on ? "inbox.voice.pause" : "inbox.voice.play")}
        onClick={() => void toggle()}
      >
        <Icon name={on ? "pause" : "play"} />
      </button>
      {failed ? (
        <a class="voice-failed" href={address} download={file.name}>
          {t("inbox.voice.failed")}
        </a>
      ) : (
        <>
          <input
            type="range"
            min={0}
            max={Math.max(total, 0.1)}
            step={0.1}
            value={Math.min(at, total || at)}
            aria-label={t("inbox.voice.position")}
            aria-valuetext={t("inbox.voice.at", { at: seconds(at), total: seconds(total) })}
            onInput={(event) => {
              if (sound.current) sound.current.currentTime = Number(event.currentTarget.value);
            }}
          />
          <span class="voice-time">{seconds(on || at > 0 ? at : total)}</span>
          <button
            type="button"
            class="voice-speed"
            aria-label={t("inbox.voice.speed", { speed: speed.value })}
            title={t("inbox.voice.speed", { speed: speed.value })}
            onClick={faster}
          >
            {`${speed.value}×`}
          </button>
        </>
      )}
    </div>
  );
}
