/** An entry of a customer's timeline as it is told: a heading, its text, and short remarks. */
import type { StoryEntry, TimelineKind } from '@/api/customers'
import type { Code, Label } from '@/api/documents'
import { useWords } from '@/i18n'
import { useAgentName } from '@/people/agent_name'
import { useLists } from '@/stores/lists'
import { formatDuration } from '@/time/duration'

import { shownMoney } from './money'

export interface Told {
  readonly title: string
  readonly text: string
  readonly remarks: readonly string[]
  readonly by: string
  /** The contact that can be opened from here. */
  readonly interactionId: string | null
}

/** What one chooses between, and the kinds of entries that each means. */
export const SHOWS: Readonly<Record<string, readonly TimelineKind[]>> = {
  all: [],
  contacts: ['interaction'],
  notes: ['note'],
  cases: ['case', 'task'],
  surveys: ['survey'],
  offers: ['best_offer'],
  sales: ['order', 'opportunity'],
  changes: ['change'],
}

/** A text of the entry's data; empty where there is none. */
export function textOf(data: Readonly<Record<string, unknown>>, name: string): string {
  const value = data[name]
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : ''
}

/** How long a contact lasted; null while it goes on. */
function seconds(entry: StoryEntry): number | null {
  const end = Date.parse(textOf(entry.data, 'ended_at'))
  return Number.isNaN(end) ? null : Math.max(0, (end - Date.parse(entry.at)) / 1_000)
}

/** The parts that a line of history changed. */
function fieldsOf(data: StoryEntry['data']): { field: string; after: unknown }[] {
  const fields = Array.isArray(data['fields']) ? data['fields'] : []
  return fields.flatMap((one: unknown) => (typeof one === 'object' && one !== null && 'field' in one && 'after' in one ? [{ field: String(one.field), after: one.after }] : []))
}

export function useStory(dispositions: () => readonly Code[], queueLabel: (queueId: string) => Label | null) {
  const { t, known, label, labelOfCode, day, language, stamp } = useWords()
  const agentName = useAgentName()
  const lists = useLists()

  function queue(queueId: string): string {
    const found = queueId === '' ? null : queueLabel(queueId)
    return found === null ? queueId : label(found)
  }

  function said(remarks: readonly string[]): string[] {
    return remarks.filter((remark) => remark !== '')
  }

  function agent(id: string): string {
    return id === '' ? '' : t('customers.agent', { agent: agentName(id) })
  }

  function due(at: string): string {
    return at === '' ? '' : t('customers.due', { moment: stamp(at) })
  }

  /** Why it was, and what became of it. */
  function escalation(data: StoryEntry['data']): string[] {
    const after = Object.fromEntries(fieldsOf(data).map((one) => [one.field, typeof one.after === 'string' ? one.after : '']))
    return [
      after['missed'] ? t('customers.missed', { moment: stamp(after['missed']) }) : '',
      after['owner_id'] ? t('customers.nowWith', { agent: agentName(after['owner_id']) }) : '',
      after['priority'] ? `${t('customers.field.priority')}: ${known('customers.priority', after['priority'])}` : '',
    ]
  }

  function tell(entry: StoryEntry): Told {
    const data = entry.data
    const of = (name: string): string => textOf(data, name)
    const none: Told = { title: known('customers.kind', entry.kind), text: '', remarks: [], by: of('by') === 'system' ? t('customers.system') : of('by'), interactionId: null }
    switch (entry.kind) {
      case 'interaction': {
        const lasted = seconds(entry)
        return {
          ...none,
          title: known('customers.media', of('media_type')),
          text: of('notes'),
          remarks: said([
            t(`outcome.${of('outcome') || 'open'}`),
            labelOfCode(of('disposition'), dispositions()),
            queue(of('queue_id')),
            agent(of('agent_id')),
            lasted === null ? '' : formatDuration(lasted),
          ]),
          interactionId: entry.entry_id,
        }
      }
      case 'note':
        return { ...none, text: of('text'), interactionId: of('interaction_id') || null }
      case 'case':
        return {
          ...none,
          title: `${none.title}: ${known('pop.caseKind', of('kind'))}`,
          text: of('subject'),
          remarks: said([known('pop.caseState', of('state')), agent(of('owner_id')), due(of('due_at'))]),
          by: of('opened_by'),
        }
      case 'task':
        return {
          ...none,
          title: known('customers.taskKind', of('kind')),
          text: of('text'),
          remarks: said([of('done_at') === '' ? '' : t('customers.done'), agent(of('owner_id')), due(of('due_at'))]),
          by: of('created_by'),
        }
      case 'survey': {
        const scores = data['scores']
        const given = typeof scores === 'object' && scores !== null ? Object.entries(scores) : []
        return {
          ...none,
          remarks: said([
            ...given.map(([question, score]) => `${question}: ${String(score)}`),
            given.length === 0 ? t('customers.noAnswer') : '',
            queue(of('queue_id')),
            agent(of('agent_id')),
          ]),
          interactionId: entry.entry_id,
        }
      }
      case 'order':
        return {
          ...none,
          title: `${none.title} ${of('number')}`,
          remarks: said([
            labelOfCode(of('state'), lists.orderStates),
            shownMoney({ amount: of('total'), currency: of('currency') }, language.value),
            of('due_on') === '' ? '' : t('customers.due', { moment: day(of('due_on')) }),
          ]),
          by: of('created_by'),
        }
      case 'opportunity':
        return {
          ...none,
          text: of('title'),
          remarks: said([known('customers.opportunityState', of('state')), labelOfCode(of('stage'), lists.stages), agent(of('owner_id'))]),
          by: of('opened_by'),
        }
      case 'best_offer':
        return {
          ...none,
          title: `${none.title}: ${label({ zh: of('label_zh'), en: of('label_en') })}`,
          remarks: said([known('bestOffers.answer', of('answer')), agent(of('agent_id'))]),
          interactionId: of('interaction_id') || null,
        }
      case 'change':
        return {
          ...none,
          title: `${known('customers.entity', of('entity'))}: ${known('customers.action', of('action'))}`,
          text: of('about'),
          remarks: said(of('action') === 'escalated' ? escalation(data) : fieldsOf(data).map((one) => known('customers.field', one.field))),
        }
    }
  }

  return { tell, queue }
}
