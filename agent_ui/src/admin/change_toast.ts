/** What was changed last, so that it can be taken back at once; shown by the frame of administration. */
import { ref, shallowRef } from 'vue'

import { adminApi, type Applied } from './admin_api'

export interface Told {
  readonly kind: 'applied' | 'undone' | 'said'
  readonly version: number
  readonly text: string
  readonly warnings: readonly string[]
  /** It concerns the exchange too: accounts of phones, or queues. */
  readonly atExchange: boolean
  /** How it is taken back; null where it cannot be. */
  readonly undo: (() => Promise<void>) | null
}

const told = shallowRef<Told | null>(null)
/** Grows with every change, so that pages read anew. */
const count = ref(0)

function concernsExchange(done: Applied): boolean {
  return done.changes.some((change) => change.part === 'agents' || change.part === 'queues')
}

function show(next: Told): void {
  told.value = next
  count.value += 1
}

export function useChanges() {
  function applied(done: Applied, undoNote: string): void {
    if (done.changes.length === 0) {
      show({ kind: 'said', version: done.version, text: 'nothing', warnings: [], atExchange: false, undo: null })
      return
    }
    const undo = async (): Promise<void> => {
      const back = await adminApi.undo(done.version, undoNote)
      show({ kind: 'undone', version: back.version, text: '', warnings: [], atExchange: concernsExchange(back), undo: null })
    }
    const { version, warnings } = done
    show({ kind: 'applied', version, text: '', warnings, atExchange: concernsExchange(done), undo })
  }

  /** Of changes that have no version: a text in the page's language, and how it is taken back. */
  function said(text: string, undo: (() => Promise<void>) | null = null): void {
    show({ kind: 'said', version: 0, text, warnings: [], atExchange: false, undo })
  }

  function close(): void {
    told.value = null
  }

  return { told, count, applied, said, close }
}
