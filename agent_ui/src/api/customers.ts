/** Customers with all that belongs to them, and past calls; the types are those the server describes. */
import { call, change, send } from './client'
import type { CustomerCard } from './documents'
import type { components } from './schema'

type Schemas = components['schemas']

export type AgentName = Schemas['AgentName']
export type CaseBody = Schemas['CaseBody']
export type CaseChange = Schemas['CaseChange']
export type CaseCode = Schemas['CaseCode']
export type CaseRecord = Schemas['CaseRecord']
export type CaseState = Schemas['CaseState']
export type Change = Schemas['Change']
export type Consent = Schemas['Consent']
export type CustomField = Schemas['CustomField']
export type CustomerChange = Schemas['CustomerChange']
export type CustomerList = Schemas['CustomerList']
export type CustomerRecord = Schemas['Customer']
export type Duplicate = Schemas['Duplicate']
export type Experience = Schemas['Experience']
export type InteractionDetail = Schemas['InteractionDetail']
export type InteractionView = Schemas['InteractionView']
export type Memberships = Schemas['Memberships']
export type Merge = Schemas['Merge']
export type MergeList = Schemas['MergeList']
export type NumberRecord = Schemas['NumberRecord']
export type OfferAnswer = Schemas['OfferAnswer']
export type Opportunity = Schemas['Opportunity']
export type OpportunityBody = Schemas['OpportunityBody']
export type Order = Schemas['Order']
export type ProposedOffer = Schemas['ProposedOffer']
export type ProposedOffers = Schemas['ProposedOffers']
export type Outcome = Schemas['Outcome']
export type SharedPoint = Schemas['SharedPoint']
export type StoryEntry = Schemas['StoryEntry']
export type StoryPage = Schemas['StoryPage']
export type Task = Schemas['Task']
export type TaskBody = Schemas['TaskBody']
export type TaskChange = Schemas['TaskChange']
export type TimelineEntry = Schemas['TimelineEntry']
export type TimelineKind = Schemas['TimelineKind']
export type ToldApart = Schemas['ToldApart']

/** Which past calls; empty texts ask for all. Days are whole ones of this browser's time zone. */
export interface CallFilters {
  readonly queueId: string
  readonly agentId: string
  readonly outcomes: readonly Outcome[]
  readonly from: string
  readonly to: string
  /** A moment; goes before the day `from`. */
  readonly since: string
}

/** An owner who is none: asks for what is nobody's. No id looks like it. */
export const NOBODY = ' '

/** Which cases or opportunities of all customers; empty texts ask for all. */
export interface MatterFilters {
  readonly ownerId: string
  readonly overdue: boolean
}

/** Which tasks of all customers: open ones, or those that are done. */
export interface TaskFilters {
  readonly ownerId: string
  readonly kind: string
  readonly done: boolean
  /** A moment; empty asks for all. */
  readonly dueBefore: string
}

function owner(id: string): { owner_id: string | null; unowned: string | null } {
  return id === NOBODY ? { owner_id: null, unowned: 'true' } : { owner_id: id || null, unowned: null }
}

/** `unsettled` is neither resolved nor closed; anything else is a state. */
function stateOf(chosen: string): { open: string | null; state: string | null } {
  return chosen === 'unsettled' ? { open: 'true', state: null } : { open: null, state: chosen || null }
}

const part = encodeURIComponent

function at(id: string, rest = ''): string {
  return `/customers/${part(id)}${rest}`
}

function query(values: Readonly<Record<string, string | number | readonly string[] | null>>): string {
  const built = new URLSearchParams()
  for (const [name, value] of Object.entries(values)) {
    if (value === null || value === '') continue
    for (const one of typeof value === 'object' ? value : [String(value)]) built.append(name, one)
  }
  return built.toString()
}

/** The beginning of a day (`2026-11-22`), or of the one after it, as the server wants it. */
export function dayBorder(day: string, after: boolean): string {
  if (day === '') return ''
  const begin = new Date(`${day}T00:00:00`)
  if (Number.isNaN(begin.getTime())) return ''
  if (after) begin.setDate(begin.getDate() + 1)
  return begin.toISOString()
}

export const customersApi = {
  search: (text: string, after: string | null, limit = 20) =>
    call<CustomerList>('GET', `/customers?${query({ search: text, after, limit })}`),
  read: (id: string) => call<CustomerRecord>('GET', at(id)),
  card: (id: string) => call<CustomerCard>('GET', at(id, '/card')),
  /** Of the version that was read; `outdated` when somebody changed it meanwhile. */
  change: (id: string, version: number, changes: CustomerChange) => change<CustomerRecord>(at(id), version, changes),

  duplicates: async (id: string) => (await call<Schemas['DuplicateList']>('GET', at(id, '/duplicates'))).items,
  toldApart: async (id: string) => (await call<Schemas['ToldApartList']>('GET', at(id, '/told-apart'))).items,
  tellApart: async (id: string, other: string) => {
    await send('PUT', at(id, `/told-apart/${part(other)}`))
  },
  takeBackApart: async (id: string, other: string) => {
    await send('DELETE', at(id, `/told-apart/${part(other)}`))
  },
  /** Numbers and addresses of several customers. */
  shared: (after: string | null) => call<Schemas['SharedList']>('GET', `/shared-contact-points?${query({ limit: 50, after })}`),
  merges: (id: string) => call<MergeList>('GET', at(id, '/merges')),
  merge: async (id: string, version: number, other: string) =>
    (await (await send('POST', at(id, '/merges'), { merged_id: other }, false, { 'If-Match': `"${version}"` })).json()) as Merge,
  undoMerge: (mergeId: string) => call<Merge>('POST', `/merges/${part(mergeId)}/undo`),

  experience: (id: string) => call<Experience>('GET', at(id, '/experience')),
  bestOffers: (id: string, interactionId: string | null) =>
    call<ProposedOffers>('GET', at(id, `/best-offers?${query({ interaction_id: interactionId })}`)),
  answerOffer: async (interactionId: string, offer: string, answer: OfferAnswer) => {
    await send('PUT', `/interactions/${part(interactionId)}/best-offers/${part(offer)}`, { answer })
  },
  takeBackOffer: async (interactionId: string, offer: string) => {
    await send('DELETE', `/interactions/${part(interactionId)}/best-offers/${part(offer)}`)
  },

  numbers: async (id: string) => (await call<Schemas['NumberList']>('GET', at(id, '/numbers'))).items,
  giveNumber: (id: string, number: string) =>
    call<NumberRecord>('POST', at(id, '/numbers'), number === '' ? {} : { number }),
  takeNumber: async (id: string, number: string) => {
    await send('DELETE', at(id, `/numbers/${part(number)}`))
  },
  setPin: (id: string, number: string, pin: string) =>
    call<NumberRecord>('PUT', at(id, `/numbers/${part(number)}/pin`), { pin }),
  removePin: (id: string, number: string) => call<NumberRecord>('DELETE', at(id, `/numbers/${part(number)}/pin`)),
  unlock: (id: string, number: string) => call<NumberRecord>('DELETE', at(id, `/numbers/${part(number)}/lock`)),

  timeline: (id: string, kinds: readonly TimelineKind[], before: string | null, limit = 30) =>
    call<StoryPage>('GET', at(id, `/timeline?${query({ kind: kinds, before, limit })}`)),
  changes: (id: string, before: number | null) =>
    call<Schemas['ChangeList']>('GET', at(id, `/changes?${query({ before, limit: 30 })}`)),
  addNote: (id: string, text: string, interactionId: string | null) =>
    call<Schemas['Note']>('POST', at(id, '/notes'), interactionId === null ? { text } : { text, interaction_id: interactionId }),

  cases: (id: string, open: boolean | null, before: string | null = null) =>
    call<Schemas['CaseList']>('GET', `/cases?${query({ customer_id: id, open: open === null ? null : String(open), before, limit: 50 })}`),
  case: (id: string) => call<CaseRecord>('GET', `/cases/${part(id)}`),
  openCase: (customerId: string, body: Partial<CaseBody>) => call<CaseRecord>('POST', at(customerId, '/cases'), body),
  changeCase: (id: string, version: number, changes: CaseChange) => change<CaseRecord>(`/cases/${part(id)}`, version, changes),
  linkCase: (id: string, interactionId: string) =>
    call<CaseRecord>('PUT', `/cases/${part(id)}/interactions/${part(interactionId)}`),
  allCases: (filters: MatterFilters & { kind: string; state: string; escalated: boolean }, before: string | null) =>
    call<Schemas['CaseList']>(
      'GET',
      `/cases?${query({ ...owner(filters.ownerId), kind: filters.kind || null, ...stateOf(filters.state), overdue: filters.overdue ? 'true' : null, escalated: filters.escalated ? 'true' : null, before, limit: 50 })}`,
    ),
  allOpportunities: (filters: MatterFilters & { stage: string; state: string }, before: string | null) =>
    call<Schemas['OpportunityList']>(
      'GET',
      `/opportunities?${query({ ...owner(filters.ownerId), stage: filters.stage || null, state: filters.state || null, overdue: filters.overdue ? 'true' : null, before, limit: 50 })}`,
    ),
  complaintReasons: async () => (await call<Schemas['CaseCodeList']>('GET', '/complaint-reasons')).items,
  remedies: async () => (await call<Schemas['CaseCodeList']>('GET', '/remedies')).items,

  tasks: async (id: string) => (await call<Schemas['TaskList']>('GET', at(id, '/tasks?limit=100'))).items,
  allTasks: (filters: TaskFilters, after: string | null) =>
    call<Schemas['TaskPage']>(
      'GET',
      `/tasks?${query({ ...owner(filters.ownerId), kind: filters.kind || null, done: filters.done ? 'true' : null, due_before: filters.dueBefore || null, after, limit: 50 })}`,
    ),
  task: (id: string) => call<Task>('GET', `/tasks/${part(id)}`),
  addTask: (id: string, body: TaskBody) => call<Task>('POST', at(id, '/tasks'), body),
  changeTask: (id: string, version: number, changes: TaskChange) => change<Task>(`/tasks/${part(id)}`, version, changes),

  memberships: (id: string) => call<Memberships>('GET', at(id, '/memberships')),
  putMember: async (organisation: string, member: string, role: string) => {
    await send('PUT', at(organisation, `/members/${part(member)}`), { role })
  },
  removeMember: async (organisation: string, member: string) => {
    await send('DELETE', at(organisation, `/members/${part(member)}`))
  },

  orders: (id: string) => call<Schemas['OrderList']>('GET', `/orders?${query({ customer_id: id, limit: 50 })}`),
  opportunities: (id: string) => call<Schemas['OpportunityList']>('GET', `/opportunities?${query({ customer_id: id, limit: 50 })}`),
  opportunity: (id: string) => call<Opportunity>('GET', `/opportunities/${part(id)}`),
  openOpportunity: (customerId: string, body: OpportunityBody) => call<Opportunity>('POST', at(customerId, '/opportunities'), body),
  changeOpportunity: (id: string, version: number, body: OpportunityBody) => change<Opportunity>(`/opportunities/${part(id)}`, version, body),
  closingReasons: async () => (await call<Schemas['CaseCodeList']>('GET', '/closing-reasons')).items,
  orderStates: async () => (await call<Schemas['CaseCodeList']>('GET', '/order-states')).items,
  opportunityStages: async () => (await call<Schemas['CaseCodeList']>('GET', '/opportunity-stages')).items,
  customFields: async () => (await call<Schemas['CustomFieldList']>('GET', '/custom-fields')).items,
  agentNames: async () => (await call<Schemas['AgentNames']>('GET', '/agents/names')).items,

  calls: (filters: CallFilters, before: string | null) =>
    call<Schemas['InteractionList']>(
      'GET',
      `/interactions?${query({
        limit: 50,
        before,
        queue_id: filters.queueId,
        agent_id: filters.agentId,
        outcome: filters.outcomes,
        since: filters.since || dayBorder(filters.from, false),
        until: dayBorder(filters.to, true),
      })}`,
    ),
  lastCalls: (customerId: string) =>
    call<Schemas['InteractionList']>('GET', `/interactions?${query({ customer_id: customerId, limit: 1 })}`),
  interaction: (id: string) => call<InteractionDetail>('GET', `/interactions/${part(id)}`),
}
