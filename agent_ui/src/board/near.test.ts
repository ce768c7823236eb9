import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { createApp, h, nextTick, type App } from 'vue'

import { i18n, setLanguage } from '@/i18n'

import { rowOf, waitingOf } from './samples'
import WaitingTable from './WaitingTable.vue'

type Told = (entries: readonly { target: Element; isIntersecting: boolean }[]) => void

let app: App
let place: HTMLElement
let tell: Told
const watched = new Set<Element>()

class Observer {
  constructor(told: Told) {
    tell = told
  }

  observe(element: Element): void {
    watched.add(element)
  }

  unobserve(element: Element): void {
    watched.delete(element)
  }
}

beforeEach(() => {
  setLanguage('en')
  vi.stubGlobal('IntersectionObserver', Observer)
  place = document.createElement('div')
  document.body.append(place)
  const rows = [1, 2, 3].map((position) => ({ ...waitingOf(`w${position}`), position, customer_name: `Caller ${position}` }))
  const table = { rows, queues: { sales: rowOf({ queue_id: 'sales' }) }, agents: {}, now: Date.now() }
  app = createApp({ render: () => h(WaitingTable, table) })
  app.use(i18n).mount(place)
})

afterEach(() => {
  app.unmount()
  place.remove()
  vi.unstubAllGlobals()
})

const buttons = (): number => place.querySelectorAll('[data-test=waiting-open]').length

it('draws the rows one can see, keeps the names of the others, and lets go of what is gone', async () => {
  expect(watched.size).toBe(3)
  expect(buttons()).toBe(0)
  expect([...place.querySelectorAll('tbody th')].map((name) => name.textContent)).toEqual(['Caller 1', 'Caller 2', 'Caller 3'])
  const [first, second] = [...watched]
  if (first === undefined || second === undefined) throw new Error('nothing is watched')
  tell([first, second].map((target) => ({ target, isIntersecting: true })))
  await nextTick()
  expect(buttons()).toBe(2)
  tell([{ target: first, isIntersecting: false }])
  await nextTick()
  expect(buttons()).toBe(1)
  expect(place.textContent).toContain('Caller 1')
  app.unmount()
  expect(watched.size).toBe(0)
})
