/** The board's time for what stands inside a row: a second that passes draws the times anew, and not the rows. */
import { inject, ref, type InjectionKey, type Ref } from 'vue'

export const BOARD_NOW: InjectionKey<Readonly<Ref<number>>> = Symbol('the board’s time')

export function useBoardNow(): Readonly<Ref<number>> {
  return inject(BOARD_NOW, () => ref(Date.now()), true)
}
