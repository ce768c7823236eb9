import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { effectScope, nextTick, type EffectScope } from 'vue'

import { customersApi, type CustomerList, type CustomerRecord } from '@/api/customers'
import { NoAnswer } from '@/api/errors'
import { customerCard } from '@/desk/samples'

import { SLOW_MS, TYPING_PAUSE_MS, useCustomerSearch } from './search'

interface Asked {
  text: string
  after: string | null
  answer: (page: CustomerList) => void
  fail: (error: unknown) => void
}

let asked: Asked[]
let scope: EffectScope
let search: ReturnType<typeof useCustomerSearch>

function record(id: string): CustomerRecord {
  return customerCard(id, id)
}

async function settle(): Promise<void> {
  await vi.advanceTimersByTimeAsync(0)
}

async function type(text: string): Promise<void> {
  search.text.value = text
  await nextTick()
  await vi.advanceTimersByTimeAsync(TYPING_PAUSE_MS)
}

beforeEach(() => {
  vi.useFakeTimers()
  asked = []
  vi.spyOn(customersApi, 'search').mockImplementation(
    (text, after) => new Promise((answer, fail) => asked.push({ text, after, answer, fail })),
  )
  vi.spyOn(customersApi, 'card').mockImplementation((id) =>
    id === 'broken' ? Promise.reject(new NoAnswer('gone')) : Promise.resolve(customerCard(id, id)),
  )
  scope = effectScope()
  scope.run(() => {
    search = useCustomerSearch()
  })
})

afterEach(() => {
  scope.stop()
  vi.useRealTimers()
})

describe('the search of customers', () => {
  it('asks when the typing pauses, and shows whom it found with their cards', async () => {
    search.text.value = 'a'
    await nextTick()
    await type('ad')
    expect(asked.map((one) => one.text)).toEqual(['ad'])
    asked[0]?.answer({ items: [record('ada'), record('broken')], next_after: null })
    await settle()
    expect(search.phase.value).toBe('found')
    expect([...search.cards.value.keys()]).toEqual(['ada'])
  })

  it('throws an answer to an older text away, however late it comes', async () => {
    await type('old')
    await type('new')
    asked[1]?.answer({ items: [record('new')], next_after: null })
    await settle()
    asked[0]?.answer({ items: [record('old')], next_after: null })
    await settle()
    expect(search.items.value.map((one) => one.customer_id)).toEqual(['new'])
    await type('')
    expect(search.items.value).toEqual([])
    expect(search.phase.value).toBe('idle')
  })

  it('says that it is slow, that nobody was found, and that it failed', async () => {
    await type('slow')
    await vi.advanceTimersByTimeAsync(SLOW_MS)
    expect(search.phase.value).toBe('slow')
    asked[0]?.answer({ items: [], next_after: null })
    await settle()
    expect(search.phase.value).toBe('none')
    await type('fails')
    asked[1]?.fail(new NoAnswer('away'))
    await settle()
    expect(search.phase.value).toBe('failed')
    expect(search.problem.value).toBeInstanceOf(NoAnswer)
  })

  it('adds a page to those before', async () => {
    await type('many')
    asked[0]?.answer({ items: [record('one')], next_after: 'here' })
    await settle()
    void search.more()
    expect(asked[1]?.after).toBe('here')
    asked[1]?.answer({ items: [record('two')], next_after: null })
    await settle()
    expect(search.items.value.map((one) => one.customer_id)).toEqual(['one', 'two'])
    expect(search.nextAfter.value).toBeNull()
  })
})
