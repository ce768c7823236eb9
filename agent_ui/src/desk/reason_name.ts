/** Names of states and of reasons, both the business's own and those the server sets itself. */
import { useWords } from '@/i18n'
import { useDesk } from '@/stores/desk'

export function useReasonName() {
  const desk = useDesk()
  const { t, te, labelOfCode } = useWords()

  function reasonName(code: string): string {
    const key = `state.reason.${code}`
    return te(key) ? t(key) : labelOfCode(code, desk.reasons)
  }

  function stateName(state: string): string {
    const key = `state.${state}`
    return te(key) ? t(key) : state
  }

  return { reasonName, stateName }
}
