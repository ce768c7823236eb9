import { beforeEach, expect, it } from 'vitest'

import { asksForHelp, follow, shortcutOf, SHORTCUTS } from './shortcuts'

const alt = (code: string, more: KeyboardEventInit = {}): KeyboardEvent => new KeyboardEvent('keydown', { code, altKey: true, ...more })

beforeEach(() => {
  document.body.innerHTML = ''
})

it('has each key once', () => {
  expect(new Set(SHORTCUTS.map((one) => one.code)).size).toBe(SHORTCUTS.length)
})

it('knows its keys with Alt alone, and once for each press', () => {
  expect(shortcutOf(alt('KeyA'))?.name).toBe('answer')
  expect(shortcutOf(new KeyboardEvent('keydown', { code: 'KeyA' }))).toBeNull()
  for (const more of [{ ctrlKey: true }, { shiftKey: true }, { metaKey: true }, { repeat: true }]) expect(shortcutOf(alt('KeyA', more))).toBeNull()
})

it('presses the first button that can be pressed, and no disabled one', () => {
  document.body.innerHTML = '<button data-test="phone-reject" disabled></button><button data-test="phone-hangup"></button>'
  let pressed = ''
  for (const button of document.querySelectorAll<HTMLElement>('button')) button.onclick = () => (pressed = button.dataset['test'] ?? '')
  const shortcut = shortcutOf(alt('KeyX'))
  expect(shortcut !== null && follow(shortcut, document)).toBe(true)
  expect(pressed).toBe('phone-hangup')
  const answer = shortcutOf(alt('KeyA'))
  expect(answer !== null && follow(answer, document)).toBe(false)
})

it('goes to the notes', () => {
  document.body.innerHTML = '<textarea id="notes"></textarea>'
  const shortcut = shortcutOf(alt('KeyN'))
  expect(shortcut !== null && follow(shortcut, document)).toBe(true)
  expect(document.activeElement?.id).toBe('notes')
})

it('takes a question mark for a wish only where nobody types', () => {
  document.body.innerHTML = '<textarea></textarea>'
  const field = document.querySelector('textarea')
  const asked: boolean[] = []
  document.addEventListener('keydown', (event) => asked.push(asksForHelp(event)), { once: false })
  document.body.dispatchEvent(new KeyboardEvent('keydown', { key: '?', bubbles: true }))
  field?.dispatchEvent(new KeyboardEvent('keydown', { key: '?', bubbles: true }))
  expect(asked).toEqual([true, false])
})
