/** Values of forms and of the history of changes in words. */
import { useWords } from '@/i18n'
import { useAgentName } from '@/people/agent_name'
import { useLists } from '@/stores/lists'

import { shownMoney } from './money'

const LONGEST = 300

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function useValueText() {
  const lists = useLists()
  const agentName = useAgentName()
  const { t, te, known, label, labelOfCode, language, stamp } = useWords()

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
    const { amount, currency } = value
    if (typeof amount === 'string' && typeof currency === 'string') return shownMoney({ amount, currency }, language.value)
    if ('value' in value) return String(value['value'])
    return Object.entries(value)
      .map(([name, inner]) => `${partName(name)}: ${plain(inner)}`)
      .join('; ')
  }

  /** Codes of sets the page knows, moments, and any other text as it is. */
  function words(value: string): string {
    for (const set of ['pop.caseState', 'customers.priority', 'pop.caseKind', 'customers.consent', 'customers.outcome', 'customers.taskKind', 'pop.kind']) {
      if (/^[a-z_]+$/.test(value) && te(`${set}.${value}`)) return t(`${set}.${value}`)
    }
    return /^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(value) ? stamp(value) : value
  }

  /** What the business calls a code of its own lists. */
  function listed(value: string, part: string): string | null {
    const codes = { stage: lists.stages, reason: [...lists.complaintReasons, ...lists.closingReasons], remedy: lists.remedies }[part]
    return codes === undefined ? null : labelOfCode(value, codes)
  }

  /** `part` is whose value it is: agents and customers are told by their names, codes of the business's lists by its words. */
  function valueText(value: unknown, part: string, customers: Readonly<Record<string, string>> = {}): string {
    const said = typeof value === 'string' && value !== '' ? value : null
    const isAgent = part === 'owner_id' || part === 'account_manager_id'
    const named = said === null ? null : isAgent ? agentName(said) : part === 'other_customer_id' ? customers[said] : listed(said, part)
    const text = named || plain(value)
    return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text
  }

  return { partName, valueText }
}
