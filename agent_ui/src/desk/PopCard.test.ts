import { createPinia } from 'pinia'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createApp, h, nextTick, shallowRef, type App } from 'vue'

import type { Pop } from '@/api/documents'
import { i18n, setLanguage } from '@/i18n'

import PopCard from './PopCard.vue'
import { viewOf } from './pop_view'
import { customerCard, popOf } from './samples'

const pop = shallowRef<Pop>(popOf('i1'))
let app: App
let place: HTMLElement

function find(name: string): HTMLElement | null {
  return place.querySelector<HTMLElement>(`[data-test="${name}"]`)
}

beforeEach(() => {
  setLanguage('en')
  pop.value = popOf('i1')
  place = document.createElement('div')
  document.body.append(place)
  // Keyed as the desk keys it.
  app = createApp({ render: () => h(PopCard, { key: pop.value.interaction_id, view: viewOf(pop.value, null) }) })
  app.use(createPinia()).use(i18n).mount(place)
})

afterEach(() => {
  app.unmount()
  place.remove()
})

describe('the pop card', () => {
  it('says who, why and that the number proves nothing', async () => {
    pop.value = popOf('i1', { customers: [customerCard('ada', 'Ada')], customer_id: 'ada' })
    await nextTick()
    expect(find('pop-customer-name')?.textContent).toBe('Ada')
    expect(find('pop-ani')?.textContent).toBe('020 7946 0000')
    expect(find('pop-unverified')?.textContent).toBe('unverified')
    expect(find('pop-dnis')?.textContent).toBe('4000')
    expect(find('pop-queue')?.textContent.trim()).toBe('Sales')
    expect(find('pop-waited')?.textContent).toBe('1:15')
    expect(find('pop-reason')?.textContent).toBe('longest idle')
    expect(find('pop-menu-path')?.textContent).toContain('Main menu')
  })

  it('says that it is a callback, since when, and what comes next', async () => {
    const callback = {
      number: '+442079460000',
      requested_at: '2026-11-21T09:50:00Z',
      waiting_since: '2026-11-21T09:45:00Z',
      not_before: null,
      attempt: 2,
      attempts_allowed: 3,
      presence: 'absent' as const,
    }
    pop.value = popOf('cb-1', { stage: 'ringing', callback, waited_seconds: 900, media_type: 'callback' })
    await nextTick()
    expect(find('pop-callback')?.textContent).toContain('+442079460000')
    expect(find('pop-callback')?.textContent).toContain('15:00')
    expect(find('pop-callback')?.textContent).toContain('Attempt 2 of 3')
    expect(find('pop-callback-absent')?.textContent).toContain('Answer your phone first')
    pop.value = popOf('cb-1', { stage: 'talking', callback: { ...callback, presence: null } })
    await nextTick()
    expect(find('pop-callback-absent')).toBeNull()
    pop.value = popOf('i2')
    await nextTick()
    expect(find('pop-callback')).toBeNull()
  })

  it('changes all its words with the language', async () => {
    setLanguage('zh')
    await nextTick()
    expect(find('pop-queue')?.textContent.trim()).toBe('销售')
    expect(find('pop-unverified')?.textContent).toBe('未核实')
    expect(find('pop-reason')?.textContent).toBe('空闲最久')
  })

  it('shows markup in a name as text', async () => {
    const name = '<img src=x onerror=alert(1)><script>alert(2)</script>'
    pop.value = popOf('i1', { customers: [customerCard('x', name)], customer_id: 'x' })
    await nextTick()
    expect(find('pop-customer-name')?.textContent).toBe(name)
    expect(place.querySelector('script, img')).toBeNull()
  })

  it('says that a number was withheld instead of showing one', async () => {
    pop.value = popOf('i1', { ani: { e164: null, national: null, raw: 'anonymous', withheld: true, region: null } })
    await nextTick()
    expect(find('pop-ani')?.textContent).toBe('Number withheld')
  })

  it('keeps nothing of the previous caller: neither his name nor what was typed about him', async () => {
    const blank = { kind: 'person', name: '', language: null, segment: null, tags: [], contact_points: [], notes: '' } as const
    const unknown = (id: string, value: string): Pop =>
      popOf(id, { blank: { ...blank, tags: [], contact_points: [{ kind: 'phone', value, label: '' }] } })
    pop.value = unknown('i2', '+441')
    await nextTick()
    const name = find('blank-name') as HTMLInputElement
    expect((find('blank-phone') as HTMLInputElement).value).toBe('+441')
    name.value = 'Secret of the first'
    name.dispatchEvent(new Event('input'))
    await nextTick()
    pop.value = unknown('i3', '+442')
    await nextTick()
    expect((find('blank-name') as HTMLInputElement).value).toBe('')
    expect((find('blank-phone') as HTMLInputElement).value).toBe('+442')
  })

  it('keeps what is being typed when the same pop is sent again', async () => {
    const name = find('blank-name') as HTMLInputElement
    name.value = 'Half a na'
    name.dispatchEvent(new Event('input'))
    await nextTick()
    pop.value = popOf('i1', { notes: 'changed' })
    await nextTick()
    expect((find('blank-name') as HTMLInputElement).value).toBe('Half a na')
  })
})
