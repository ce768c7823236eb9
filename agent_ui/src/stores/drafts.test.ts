import { createPinia, setActivePinia } from 'pinia'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import { api } from '@/api/client'
import type { Interaction, InteractionPatch } from '@/api/documents'
import { NoAnswer, ServerSaidNo } from '@/api/errors'

import { TYPING_PAUSE_MS, useDrafts } from './drafts'

/** A server one can hold back and make refuse; keeps what it was told. */
class FakeServer {
  readonly told: [string, InteractionPatch][] = []
  refusal: Error | null = null
  private held: (() => void)[] | null = null

  patch = async (id: string, patch: InteractionPatch): Promise<Interaction> => {
    this.told.push([id, patch])
    const { refusal } = this
    if (this.held !== null) {
      const held = this.held
      await new Promise<void>((resolve) => held.push(resolve))
    }
    if (refusal !== null) throw refusal
    return {} as Interaction
  }

  holdBack(): void {
    this.held = []
  }

  async letGo(): Promise<void> {
    const held = this.held ?? []
    this.held = null
    for (const answer of held) answer()
    await vi.advanceTimersByTimeAsync(0)
  }
}

const EMPTY = { notes: '', disposition: null }
let server: FakeServer
let drafts: ReturnType<typeof useDrafts>

beforeEach(() => {
  vi.useFakeTimers()
  setActivePinia(createPinia())
  server = new FakeServer()
  vi.spyOn(api, 'patchInteraction').mockImplementation(server.patch)
  drafts = useDrafts()
})

afterEach(() => {
  drafts.forget()
  vi.useRealTimers()
})

describe('notes', () => {
  it('are saved once typing pauses, in one piece', async () => {
    drafts.show('i1', EMPTY)
    for (const text of ['h', 'he', 'hello']) {
      drafts.writeNotes('i1', text)
      await vi.advanceTimersByTimeAsync(TYPING_PAUSE_MS - 1)
    }
    expect(server.told).toEqual([])
    await vi.advanceTimersByTimeAsync(1)
    expect(server.told).toEqual([['i1', { notes: 'hello' }]])
    expect(drafts.drafts['i1']?.status).toBe('clean')
  })

  it('typed while a save runs are saved after it', async () => {
    drafts.show('i1', EMPTY)
    server.holdBack()
    drafts.writeNotes('i1', 'one')
    await vi.advanceTimersByTimeAsync(TYPING_PAUSE_MS)
    drafts.writeNotes('i1', 'one two')
    await server.letGo()
    expect(drafts.drafts['i1']?.status).toBe('waiting')
    await vi.advanceTimersByTimeAsync(TYPING_PAUSE_MS)
    expect(server.told.at(-1)).toEqual(['i1', { notes: 'one two' }])
    expect(drafts.drafts['i1']?.status).toBe('clean')
  })

  it('being typed are not overwritten by the server’s echo of older ones', () => {
    drafts.show('i1', EMPTY)
    drafts.writeNotes('i1', 'new words')
    drafts.show('i1', { notes: 'old words', disposition: null })
    expect(drafts.drafts['i1']?.now.notes).toBe('new words')
  })

  it('refused by the server stay as they were typed, with the reason, and go out again when asked', async () => {
    drafts.show('i1', EMPTY)
    server.refusal = new ServerSaidNo(422, 'notes_too_long', 'notes: at most 10 letters', null)
    drafts.writeNotes('i1', 'a long story')
    await vi.advanceTimersByTimeAsync(60_000)
    expect(server.told).toHaveLength(1)
    expect(drafts.drafts['i1']).toMatchObject({ now: { notes: 'a long story' }, status: 'refused', problem: { code: 'notes_too_long' } })
    server.refusal = null
    await drafts.flush('i1')
    expect(drafts.drafts['i1']).toMatchObject({ status: 'clean', problem: null })
  })

  it('without an answer are tried again by themselves', async () => {
    drafts.show('i1', EMPTY)
    server.refusal = new NoAnswer('network')
    drafts.writeNotes('i1', 'hello')
    await vi.advanceTimersByTimeAsync(TYPING_PAUSE_MS)
    expect(drafts.drafts['i1']?.status).toBe('unsent')
    server.refusal = null
    await vi.advanceTimersByTimeAsync(1_000)
    expect(drafts.drafts['i1']?.status).toBe('clean')
  })

  it('of the interaction that left the screen are saved to it and to no other', async () => {
    drafts.show('i1', EMPTY)
    drafts.writeNotes('i1', 'about the first')
    drafts.show('i2', EMPTY)
    expect(drafts.drafts['i2']?.now.notes).toBe('')
    await vi.advanceTimersByTimeAsync(0)
    expect(server.told).toEqual([['i1', { notes: 'about the first' }]])
    expect(drafts.drafts['i1']).toBeUndefined()
  })

  it('of the interaction that left the screen are kept and counted while the server does not have them', async () => {
    drafts.show('i1', EMPTY)
    server.refusal = new ServerSaidNo(409, 'illegal_transition', 'no', null)
    drafts.writeNotes('i1', 'about the first')
    drafts.show(null, EMPTY)
    await vi.advanceTimersByTimeAsync(0)
    expect(drafts.left).toEqual(['i1'])
    server.refusal = null
    await drafts.flush('i1')
    expect(drafts.left).toEqual([])
  })
})

describe('the disposition', () => {
  it('is saved at once, with the notes not yet sent', async () => {
    drafts.show('i1', EMPTY)
    drafts.writeNotes('i1', 'hello')
    drafts.chooseDisposition('i1', 'solved')
    await vi.advanceTimersByTimeAsync(0)
    expect(server.told).toEqual([['i1', { notes: 'hello', disposition: 'solved' }]])
  })
})
