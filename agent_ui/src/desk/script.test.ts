import { expect, it } from 'vitest'

import { fillScript, type ScriptValues } from './script'

const VALUES: ScriptValues = {
  'customer.name': '王芳 {queue.name} <script>',
  'customer.class': null,
  'caller.number': '+86 138',
  'queue.name': 'Sales',
  'agent.name': 'Li Na',
  waited: ' ',
}

it('puts values in as text and looks through none of them again', () => {
  expect(fillScript('Hello {customer.name}, {queue.name}.', VALUES)).toEqual([
    { text: 'Hello ', filled: false },
    { text: '王芳 {queue.name} <script>', filled: true },
    { text: ', ', filled: false },
    { text: 'Sales', filled: true },
    { text: '.', filled: false },
  ])
})

it('shows a gap where nothing is known, and leaves alone what is no field', () => {
  const text = (template: string): string => fillScript(template, VALUES).map((part) => part.text).join('')
  expect(text('{customer.class}|{ waited }|{toString}|{}')).toBe('…|…|{toString}|{}')
  expect(text('')).toBe('')
})
