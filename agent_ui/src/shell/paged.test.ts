import { describe, expect, it } from 'vitest'

import { usePaged } from './paged'

function later<T>() {
  let give: (value: T) => void = () => undefined
  const promise = new Promise<T>((resolve) => {
    give = resolve
  })
  return { promise, give }
}

const page = (items: string[], next: string | null = null) => ({ items, customers: Object.fromEntries(items.map((one) => [one, `Name of ${one}`])), next_before: next })

describe('a list read by pages', () => {
  it('puts the next page after the first, with the names of both', async () => {
    const asked: (string | null)[] = []
    const list = usePaged<string>((before) => {
      asked.push(before)
      return Promise.resolve(before === null ? page(['a', 'b'], 'b') : page(['c']))
    })
    await list.read()
    await list.read(true)
    expect(list.items.value).toEqual(['a', 'b', 'c'])
    expect(list.names.value['a']).toBe('Name of a')
    expect(asked).toEqual([null, 'b'])
    expect(list.nextBefore.value).toBeNull()
  })

  it('shows what was asked for last, whichever answer comes last', async () => {
    const slow = later<ReturnType<typeof page>>()
    const answers = [slow.promise, Promise.resolve(page(['new']))]
    const list = usePaged<string>(() => answers.shift() ?? Promise.reject(new Error('asked too often')))
    const first = list.read()
    await list.read()
    slow.give(page(['old']))
    await first
    expect(list.items.value).toEqual(['new'])
    expect(list.busy.value).toBe(false)
  })

  it('keeps what is there when the next reading fails, and says so', async () => {
    const answers = [Promise.resolve(page(['a'])), Promise.reject(new Error('away'))]
    const list = usePaged<string>(() => answers.shift() ?? Promise.resolve(page([])))
    await list.read()
    await list.read()
    expect(list.items.value).toEqual(['a'])
    expect(list.failure.value).toBeInstanceOf(Error)
  })
})
