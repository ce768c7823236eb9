/** What a web hook's event is called; the code itself stands beside it, for whoever writes the receiver. */
import { useWords } from '@/i18n'

export function useEventName(): (event: string) => string {
  const { known } = useWords()
  return (event) => {
    const code = event.replace('.', '_')
    const name = known('hooks.event', code)
    return name === code ? event : name
  }
}
