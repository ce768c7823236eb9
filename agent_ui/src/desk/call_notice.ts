/** A call that rings while the page is not looked at: the browser's own notice, where the agent has allowed it. */

let shown: Notification | null = null

function isThere(): boolean {
  return 'Notification' in window
}

/** Whether it is worth asking: the browser can, and has not been asked yet. */
export function mayAsk(): boolean {
  return isThere() && Notification.permission === 'default'
}

/** Asks; to be called from a click, or browsers refuse. True when it was answered, whatever the answer. */
export async function ask(): Promise<boolean> {
  if (!mayAsk()) return true
  return (await Notification.requestPermission()) !== 'default'
}

export function showCallNotice(title: string, body: string): void {
  closeCallNotice()
  if (!isThere() || Notification.permission !== 'granted' || (document.visibilityState === 'visible' && document.hasFocus())) return
  try {
    shown = new Notification(title, { body, tag: 'callcenter.call', requireInteraction: true })
  } catch {
    return // Some browsers allow it to workers alone.
  }
  shown.onclick = () => {
    window.focus()
    closeCallNotice()
  }
}

export function closeCallNotice(): void {
  shown?.close()
  shown = null
}

/** In how many whole seconds the phone answers by itself; null where it does not, or does not ring. */
export function answersIn(afterSeconds: number | null, ringsSinceMs: number | null, nowMs: number): number | null {
  if (afterSeconds === null || ringsSinceMs === null) return null
  return Math.max(0, Math.ceil(afterSeconds - (nowMs - ringsSinceMs) / 1_000))
}
