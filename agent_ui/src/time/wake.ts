/** Tells when this page has reason to doubt what it shows: it slept, was hidden, or the network changed. */
import { onScopeDispose } from 'vue'

const LOOK_MS = 2_000
/** Timers that came so much too late have slept; a hidden page's come once a minute, and a look too many does no harm. */
const SLEPT_MS = 8_000

export function onWake(wake: () => void): void {
  let looked = Date.now()
  const look = (): void => {
    const before = looked
    looked = Date.now()
    if (looked - before > SLEPT_MS) wake()
  }
  const shown = (): void => {
    if (document.visibilityState === 'visible') wake()
  }
  const timer = setInterval(look, LOOK_MS)
  window.addEventListener('online', wake)
  document.addEventListener('resume', wake)
  document.addEventListener('visibilitychange', shown)
  onScopeDispose(() => {
    clearInterval(timer)
    window.removeEventListener('online', wake)
    document.removeEventListener('resume', wake)
    document.removeEventListener('visibilitychange', shown)
  })
}
