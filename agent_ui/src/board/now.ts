/** The board's time for what stands inside a row: a second that passes draws the times anew, and not the rows. */
import { inject, ref, type InjectionKey, type Ref } from 'vue'

import type { Agent, QueueRow } from '@/api/documents'

export const BOARD_NOW: InjectionKey<Readonly<Ref<number>>> = Symbol('the board’s time')

export function useBoardNow(): Readonly<Ref<number>> {
  return inject(BOARD_NOW, () => ref(Date.now()), true)
}

/** Everybody on the floor, for the one row that is opened: as a row's property it would have every row drawn anew. */
export interface BoardFloor {
  readonly queues: Readonly<Ref<Readonly<Record<string, QueueRow>>>>
  readonly agents: Readonly<Ref<readonly Agent[]>>
}

export const BOARD_FLOOR: InjectionKey<BoardFloor> = Symbol('the floor behind the board')

export function useBoardFloor(): BoardFloor {
  return inject(BOARD_FLOOR, () => ({ queues: ref({}), agents: ref([]) }), true)
}
