import { createPinia } from 'pinia'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createApp, h, nextTick, shallowRef, type App } from 'vue'

import { api } from '@/api/client'
import { customersApi, type StoryPage } from '@/api/customers'
import type { Pop } from '@/api/documents'
import { NoAnswer } from '@/api/errors'
import { i18n, setLanguage } from '@/i18n'

import PopCard from './PopCard.vue'
import { emptyCard, viewOf } from './pop_view'
import { customerCard, popOf } from './samples'

const pop = shallowRef<Pop>(popOf('i1'))
let app: App
let place: HTMLElement

function find(name: string): HTMLElement | null {
  return place.querySelector<HTMLElement>(`[data-test="${name}"]`)
}

/** Timelines that were asked for, by customer; the test answers them. */
let stories: Map<string, (page: StoryPage) => void>

beforeEach(() => {
  setLanguage('en')
  stories = new Map()
  vi.spyOn(api, 'reasons').mockResolvedValue([])
  vi.spyOn(api, 'dispositions').mockResolvedValue([])
  vi.spyOn(customersApi, 'cases').mockRejectedValue(new NoAnswer('the store is away'))
  vi.spyOn(customersApi, 'complaintReasons').mockResolvedValue([])
  vi.spyOn(customersApi, 'remedies').mockResolvedValue([])
  vi.spyOn(customersApi, 'tasks').mockResolvedValue([])
  vi.spyOn(customersApi, 'timeline').mockImplementation((id) => new Promise((answer) => stories.set(id, answer)))
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
    const unknown = (id: string, value: string): Pop => popOf(id, { blank: { ...emptyCard(), contact_points: [{ kind: 'phone', value, label: '' }] } })
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

  it('shows what is open from the card itself, also while the store is away', async () => {
    const open = { case_id: 'k1', kind: 'complaint', subject: 'Box was wet', state: 'open', opened_at: '2026-11-01T00:00:00Z', priority: 'high', due_at: null, owner_id: null }
    pop.value = popOf('i1', { customers: [{ ...customerCard('ada', 'Ada'), open_cases: [open] }], customer_id: 'ada' })
    await vi.waitFor(() => expect(find('cases-problem')).not.toBeNull())
    expect(find('pop-cases')?.textContent).toContain('Box was wet')
    expect(find('pop-cases')?.textContent).toContain('high')
  })

  it('shows nothing of the previous customer, though his timeline comes late and a case of his was half written', async () => {
    const secret = (id: string): Pop => popOf(id, { customers: [{ ...customerCard(`of-${id}`, `Name of ${id}`), notes: `Notes of ${id}` }], customer_id: `of-${id}` })
    pop.value = secret('i1')
    await nextTick()
    find('case-new')?.click()
    await nextTick()
    const subject = find('case-subject') as HTMLInputElement
    subject.value = 'Secret of the first'
    subject.dispatchEvent(new Event('input'))
    pop.value = secret('i2')
    await nextTick()
    stories.get('of-i1')?.({ items: [{ at: '2026-11-01T00:00:00Z', kind: 'note', entry_id: 'n1', data: { by: 'li', text: 'Note of the first' } }], next_before: null })
    stories.get('of-i2')?.({ items: [{ at: '2026-11-02T00:00:00Z', kind: 'note', entry_id: 'n2', data: { by: 'li', text: 'Note of the second' } }], next_before: null })
    await vi.waitFor(() => expect(place.textContent).toContain('Note of the second'))
    expect(find('pop-customer-name')?.textContent).toBe('Name of i2')
    expect(place.innerHTML).not.toMatch(/i1|of the first/)
    expect(find('case-form')).toBeNull()
  })

  it('shows markup, emoji, right-to-left letters and 4 kB in notes as text', async () => {
    const nasty = `<script>alert(1)</script> 🎧👩‍💻 مرحبا‮ ${'x'.repeat(4_096)}`
    pop.value = popOf('i1', { customers: [{ ...customerCard('x', nasty), notes: nasty }], customer_id: 'x' })
    await nextTick()
    stories.get('x')?.({ items: [{ at: '2026-11-01T00:00:00Z', kind: 'note', entry_id: 'n1', data: { by: nasty, text: nasty } }], next_before: null })
    await vi.waitFor(() => expect(find('story')?.textContent).toContain(nasty))
    expect(find('pop-customer-name')?.textContent).toBe(nasty)
    expect(find('pop-customer-notes')?.textContent).toBe(nasty)
    expect(place.querySelector('script, img')).toBeNull()
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
