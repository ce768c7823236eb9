/** What is known of the caller on the screen, for the fields of scripts and offers. */
import type { CustomerCard, Pop } from '@/api/documents'
import { useWords } from '@/i18n'
import { useDesk } from '@/stores/desk'
import { formatDuration } from '@/time/duration'

import type { ScriptValues } from './script'

export function useScriptValues(): (pop: Pop, customer: CustomerCard | null) => ScriptValues {
  const desk = useDesk()
  const { label, number } = useWords()
  return (pop, customer) => ({
    'customer.name': customer?.name ?? null,
    'customer.class': customer?.segment ?? customer?.worth?.value_class ?? null,
    'caller.number': number(pop.ani),
    'queue.name': pop.queue === null ? null : label(pop.queue.label),
    'agent.name': desk.agent?.name ?? null,
    waited: formatDuration(pop.waited_seconds),
  })
}
