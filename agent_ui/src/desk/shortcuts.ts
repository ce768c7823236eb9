/** The keys of the desk: each presses a button of the page, or goes to a field, so that a key can never do more than a click. */

export interface Shortcut {
  /** With Alt; the physical key, whatever the keyboard's language. */
  readonly code: string
  readonly key: string
  /** Its words are `desk.keys.<name>`. */
  readonly name: string
  /** The first of these (`data-test`) that is on the page and enabled is pressed. */
  readonly press?: readonly string[]
  /** The field that is gone to (`id`). */
  readonly go?: string
}

export const SHORTCUTS: readonly Shortcut[] = [
  { code: 'KeyA', key: 'A', name: 'answer', press: ['phone-answer', 'bar-answer', 'internal-answer'] },
  { code: 'KeyX', key: 'X', name: 'hangUp', press: ['phone-reject', 'bar-reject', 'internal-reject', 'phone-hangup', 'internal-end'] },
  { code: 'KeyM', key: 'M', name: 'mute', press: ['phone-mute'] },
  { code: 'KeyH', key: 'H', name: 'hold', press: ['phone-hold'] },
  { code: 'KeyK', key: 'K', name: 'keypad', press: ['phone-keypad'] },
  { code: 'KeyT', key: 'T', name: 'transfer', press: ['transfer-open'] },
  { code: 'KeyR', key: 'R', name: 'ready', press: ['state-ready'] },
  { code: 'KeyB', key: 'B', name: 'notReady', press: ['state-not-ready'] },
  { code: 'KeyN', key: 'N', name: 'notes', go: 'notes' },
  { code: 'KeyJ', key: 'J', name: 'disposition', go: 'disposition' },
  { code: 'KeyW', key: 'W', name: 'endWrapUp', press: ['end-wrap-up'] },
  { code: 'KeyL', key: 'L', name: 'extend', press: ['extend-wrap-up'] },
  { code: 'KeyC', key: 'C', name: 'colleagues', go: 'colleague-search' },
  { code: 'KeyG', key: 'G', name: 'desk', press: ['nav-desk'] },
]

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || ['INPUT', 'TEXTAREA', 'SELECT'].includes(target.tagName))
}

/** Whether the overlay with the keys is wanted: a question mark that is no part of a text. */
export function asksForHelp(event: KeyboardEvent): boolean {
  return event.key === '?' && !event.ctrlKey && !event.metaKey && !isTyping(event.target)
}

export function shortcutOf(event: KeyboardEvent): Shortcut | null {
  if (!event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || event.repeat) return null
  return SHORTCUTS.find((one) => one.code === event.code) ?? null
}

/** Does it; false where nothing on the page can be pressed or gone to now. */
export function follow(shortcut: Shortcut, page: Document): boolean {
  if (shortcut.go !== undefined) {
    const field = page.getElementById(shortcut.go)
    field?.focus()
    return field !== null
  }
  for (const name of shortcut.press ?? []) {
    const button = page.querySelector<HTMLElement>(`[data-test="${name}"]`)
    if (button === null || (button instanceof HTMLButtonElement && button.disabled)) continue
    button.click()
    return true
  }
  return false
}
