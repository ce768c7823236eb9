/**
 * What the agent writes about an interaction: notes and disposition, saved as typed.
 *
 * Law: a draft belongs to one interaction id and is forgotten only when the server has it.
 */
import { defineStore } from 'pinia'
import { computed, ref } from 'vue'

import { api } from '@/api/client'
import type { InteractionPatch } from '@/api/documents'
import { ClientError, ServerSaidNo } from '@/api/errors'

export const TYPING_PAUSE_MS = 600
const RETRY_FIRST_MS = 1_000
const RETRY_LIMIT_MS = 15_000
const RETRIES = 40

export interface Written {
  notes: string
  disposition: string | null
}

/** `waiting`: typed and not sent yet. `unsent`: no answer, tried again by itself. `refused`: the server said no. */
export type DraftStatus = 'clean' | 'waiting' | 'saving' | 'unsent' | 'refused'

export interface Draft {
  now: Written
  saved: Written
  status: DraftStatus
  problem: ClientError | null
}

function difference(draft: Draft): InteractionPatch | null {
  const patch: InteractionPatch = {}
  if (draft.now.notes !== draft.saved.notes) patch.notes = draft.now.notes
  if (draft.now.disposition !== draft.saved.disposition) patch.disposition = draft.now.disposition
  return Object.keys(patch).length === 0 ? null : patch
}

export const useDrafts = defineStore('drafts', () => {
  const drafts = ref<Record<string, Draft>>({})
  const current = ref<string | null>(null)
  const timers = new Map<string, ReturnType<typeof setTimeout>>()
  const running = new Map<string, Promise<void>>()
  const failures = new Map<string, number>()

  /** Interactions that are off the screen and whose texts the server does not have. */
  const left = computed(() => Object.keys(drafts.value).filter((id) => id !== current.value))

  /** The interaction on the screen, with what the server has of it; null when there is none. */
  function show(interactionId: string | null, server: Written): void {
    const before = current.value
    current.value = interactionId
    if (before !== null && before !== interactionId) void flush(before)
    if (interactionId === null) return
    const draft = drafts.value[interactionId]
    if (draft === undefined) {
      drafts.value[interactionId] = { now: { ...server }, saved: { ...server }, status: 'clean', problem: null }
    } else if (draft.status === 'clean') {
      draft.now = { ...server }
      draft.saved = { ...server }
    }
  }

  function writeNotes(interactionId: string, notes: string): void {
    const draft = drafts.value[interactionId]
    if (draft === undefined) return
    draft.now.notes = notes
    if (draft.status !== 'saving') draft.status = 'waiting'
    later(interactionId, TYPING_PAUSE_MS)
  }

  function chooseDisposition(interactionId: string, code: string | null): void {
    const draft = drafts.value[interactionId]
    if (draft === undefined) return
    draft.now.disposition = code
    if (draft.status !== 'saving') draft.status = 'waiting'
    void flush(interactionId)
  }

  function later(interactionId: string, pauseMs: number): void {
    const timer = timers.get(interactionId)
    if (timer !== undefined) clearTimeout(timer)
    timers.set(
      interactionId,
      setTimeout(() => void flush(interactionId), pauseMs),
    )
  }

  /** Sends what is unsaved; resolves when it was answered, whatever the answer. */
  async function flush(interactionId: string): Promise<void> {
    const timer = timers.get(interactionId)
    if (timer !== undefined) clearTimeout(timer)
    timers.delete(interactionId)
    const before = running.get(interactionId)
    if (before !== undefined) await before
    const run = save(interactionId).finally(() => running.delete(interactionId))
    running.set(interactionId, run)
    await run
  }

  async function save(interactionId: string): Promise<void> {
    const draft = drafts.value[interactionId]
    if (draft === undefined) return
    const patch = difference(draft)
    if (patch !== null) {
      const sent = { ...draft.now }
      draft.status = 'saving'
      try {
        await api.patchInteraction(interactionId, patch)
      } catch (error) {
        failed(interactionId, draft, error)
        return
      }
      draft.saved = sent
    }
    failures.delete(interactionId)
    draft.problem = null
    if (difference(draft) === null) {
      draft.status = 'clean'
      if (interactionId !== current.value) Reflect.deleteProperty(drafts.value, interactionId)
    } else {
      draft.status = 'waiting'
      if (!timers.has(interactionId)) later(interactionId, TYPING_PAUSE_MS)
    }
  }

  function failed(interactionId: string, draft: Draft, error: unknown): void {
    draft.problem = error instanceof ClientError ? error : new ClientError('unknown', String(error))
    if (error instanceof ServerSaidNo && !error.passing) {
      draft.status = 'refused'
      return
    }
    draft.status = 'unsent'
    const count = failures.get(interactionId) ?? 0
    failures.set(interactionId, count + 1)
    if (count < RETRIES) later(interactionId, Math.min(RETRY_LIMIT_MS, RETRY_FIRST_MS * 2 ** Math.min(count, 8)))
  }

  /** The page is going away: the last words go with it. */
  function flushOnLeave(): void {
    for (const [id, draft] of Object.entries(drafts.value)) {
      const patch = difference(draft)
      if (patch !== null) api.patchInteraction(id, patch, true).catch(() => undefined)
    }
  }

  /** Someone else may sign in here next: nothing written stays. */
  function forget(): void {
    for (const timer of timers.values()) clearTimeout(timer)
    timers.clear()
    failures.clear()
    drafts.value = {}
    current.value = null
  }

  return { drafts, current, left, show, writeNotes, chooseDisposition, flush, flushOnLeave, forget }
})
