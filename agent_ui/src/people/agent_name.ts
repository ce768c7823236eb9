/** An agent's name wherever a page has his id. */
import { useWords } from '@/i18n'
import { usePeople } from '@/stores/people'

/** Asks for the names; the function answers with the id until they are there, and says of an id that nobody has (any more) that it is so. */
export function useAgentName(): (id: string | null | undefined) => string {
  const people = usePeople()
  const { t } = useWords()
  void people.load()

  return (id) => {
    if (id === null || id === undefined || id === '') return ''
    return people.nameOf(id) ?? (people.known ? t('people.gone', { id }) : id)
  }
}
