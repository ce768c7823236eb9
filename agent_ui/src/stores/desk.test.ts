import { createPinia, setActivePinia } from 'pinia'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import { api } from '@/api/client'
import type { Customer, Interaction, Pop } from '@/api/documents'
import { customerCard, popOf } from '@/desk/samples'
import type { Socket } from '@/live/feed'

import { useDesk } from './desk'
import { useLive } from './live'

/** The server's end of the live feed. */
class FakeSocket implements Socket {
  static last: FakeSocket | null = null
  onopen: Socket['onopen'] = null
  onmessage: Socket['onmessage'] = null
  onclose: Socket['onclose'] = null
  readonly sent: string[] = []

  constructor() {
    FakeSocket.last = this
  }

  send(text: string): void {
    this.sent.push(text)
  }

  close(): void {
    this.sent.push('closed')
  }

  says(message: object): void {
    this.onmessage?.(new MessageEvent('message', { data: JSON.stringify(message) }))
  }
}

const ADA = customerCard('ada', 'Ada')
const BEN = customerCard('ben', 'Ben')
let seq = 0

function show(pop: Pop | null): void {
  seq += 1
  FakeSocket.last?.says({ type: 'event', seq, topic: 'me', key: 'pop', document: pop })
}

function later<T>(): { promise: Promise<T>; answer: (value: T) => void } {
  let answer: (value: T) => void = () => undefined
  const promise = new Promise<T>((resolve) => (answer = resolve))
  return { promise, answer }
}

beforeEach(() => {
  vi.stubGlobal('WebSocket', FakeSocket)
  setActivePinia(createPinia())
  useLive().want('desk', ['me'])
  FakeSocket.last?.onopen?.(new Event('open'))
  FakeSocket.last?.says({ type: 'snapshot', epoch: 'e', seq, topics: { me: {} } })
})

afterEach(() => {
  useLive().stop()
  vi.unstubAllGlobals()
})

describe('the desk', () => {
  it('drops the answer to a choice when another interaction has come meanwhile', async () => {
    const desk = useDesk()
    const slow = later<Interaction>()
    vi.spyOn(api, 'patchInteraction').mockReturnValue(slow.promise)
    show(popOf('i1', { customers: [ADA, BEN] }))
    const choosing = desk.chooseCustomer('i1', 'ada')
    show(popOf('i2', { customers: [ADA, BEN] }))
    slow.answer({} as Interaction)
    await choosing
    expect(desk.view.kind).toBe('choose')
  })

  it('attaches a created customer to the interaction he was created for, not to the one on the screen by then', async () => {
    const desk = useDesk()
    const slow = later<Customer>()
    vi.spyOn(api, 'createCustomer').mockReturnValue(slow.promise)
    const patch = vi.spyOn(api, 'patchInteraction').mockResolvedValue({} as Interaction)
    show(popOf('i1'))
    const creating = desk.createCustomer('i1', { name: ADA.name })
    show(popOf('i2'))
    slow.answer(ADA)
    await creating
    expect(patch).toHaveBeenCalledExactlyOnceWith('i1', { customer_id: 'ada' })
    expect(desk.view.kind).toBe('blank')
  })

  it('shows the chosen customer while his interaction is on the screen, and nobody when it has gone', async () => {
    const desk = useDesk()
    vi.spyOn(api, 'patchInteraction').mockResolvedValue({} as Interaction)
    show(popOf('i1', { customers: [ADA, BEN] }))
    await desk.chooseCustomer('i1', 'ben')
    expect(desk.view).toMatchObject({ kind: 'customer', customer: BEN })
    show(null)
    expect(desk.view).toEqual({ kind: 'nothing' })
  })

  it('forgets every document when its feed is stopped, as at the end of a session', () => {
    const desk = useDesk()
    show(popOf('i1', { customers: [ADA], customer_id: 'ada' }))
    expect(desk.view.kind).toBe('customer')
    useLive().stop()
    expect(desk.view).toEqual({ kind: 'nothing' })
  })
})
