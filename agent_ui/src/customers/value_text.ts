/** Values of forms and of the history of changes in words. */
import { useWords } from '@/i18n'
import { useAgentName } from '@/people/agent_name'
import { useLists } from '@/stores/lists'

const LONGEST = 300

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function useValueText() {
  const lists = useLists()
  const agentName = useAgentName()
  const { t, te, known, label, stamp } = useWords()

  /** A part's name; `consents.phone` and `custom.ID` are told by what they mean. */
  function partName(part: string): string {
    const [first = '', rest] = part.split('.', 2)
    if (rest === undefined) return known('customers.field', first)
    if (first === 'consents') return `${t('customers.field.consents')}: ${known('customers.channel', rest)}`
    const field = lists.fields.find((one) => one.field_id === rest)
    return field === undefined ? rest : label(field.label)
  }

  function plain(value: unknown): string {
    if (value === null || value === undefined || value === '') return t('common.none')
    if (typeof value === 'boolean') return t(value ? 'customers.yes' : 'customers.no')
    if (typeof value === 'number') return String(value)
    if (typeof value === 'string') return words(value)
    if (Array.isArray(value)) return value.length === 0 ? t('common.none') : value.map(plain).join('; ')
    if (!isRecord(value)) return ''
    if ('channel' in value) return `${known('customers.channel', String(value['channel']))}: ${known('customers.consent', String(value['state']))}`
    if ('value' in value) return String(value['value'])
    return Object.entries(value)
      .map(([name, inner]) => `${partName(name)}: ${plain(inner)}`)
      .join('; ')
  }

  /** Codes of sets the page knows, moments, and any other text as it is. */
  function words(value: string): string {
    for (const set of ['pop.caseState', 'customers.priority', 'pop.caseKind', 'customers.consent', 'customers.outcome', 'pop.kind']) {
      if (/^[a-z_]+$/.test(value) && te(`${set}.${value}`)) return t(`${set}.${value}`)
    }
    return /^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(value) ? stamp(value) : value
  }

  /** `part` is whose value it is: agents are told by their names. */
  function valueText(value: unknown, part: string): string {
    const isAgent = (part === 'owner_id' || part === 'account_manager_id') && typeof value === 'string' && value !== ''
    const text = isAgent ? agentName(value) : plain(value)
    return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text
  }

  return { partName, valueText }
}
