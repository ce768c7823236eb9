/**
 * The server's time as the page knows it. Timers on the page count from the server's timestamps, so a desktop whose clock
 * is wrong must not show wrong waits: every answer's `Date` header corrects it.
 */
import { onScopeDispose, readonly, ref, type Ref } from 'vue'

/** `Date` has whole seconds and the answer took a moment; a smaller difference is noise. */
const TOLERANCE_MS = 2_000

let offsetMs = 0

/** Takes note of the server's `Date` header, received at `receivedAtMs` of the local clock. */
export function noteServerDate(header: string | null, receivedAtMs: number): void {
  if (header === null) return
  const server = Date.parse(header)
  if (Number.isNaN(server)) return
  const difference = server + 500 - receivedAtMs
  offsetMs = Math.abs(difference) > TOLERANCE_MS ? difference : 0
}

/** Milliseconds since the epoch by the server's clock. */
export function serverNowMs(): number {
  return Date.now() + offsetMs
}

/** The server's time as a ref that moves every second while the calling scope lives. */
export function useClock(): Readonly<Ref<number>> {
  const now = ref(serverNowMs())
  const timer = setInterval(() => {
    now.value = serverNowMs()
  }, 1_000)
  onScopeDispose(() => clearInterval(timer))
  return readonly(now)
}
