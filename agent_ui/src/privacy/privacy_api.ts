/** Privacy over REST, as docs/api.md says: who looked at whom, one person as a file, erasing him, and how long what is kept. */
import { call, send } from '@/api/client'
import type { components } from '@/api/schema'

import { type Progress, readWhole } from './download'

type Schemas = components['schemas']

export type Access = Schemas['Access']
export type AccessKind = Schemas['AccessKind']
export type AccessList = Schemas['AccessList']
export type Due = Schemas['Due']
export type Erasure = Schemas['Erasure']
export type ErasurePlan = Schemas['PlanView']

export interface AccessFilter {
  by: string
  customerId: string
  kind: AccessKind | ''
  since: string | null
  until: string | null
}

const EXPORT_MS = 600_000
const PLAN_MS = 60_000

function of(customerId: string, rest: string): string {
  return `/customers/${encodeURIComponent(customerId)}/${rest}`
}

function asQuery(values: Readonly<Record<string, string | number | null>>): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(values)) if (value !== null && value !== '') query.set(name, String(value))
  return query.toString()
}

export const privacyApi = {
  accesses: (filter: AccessFilter, before: number | null) => {
    const { customerId, ...rest } = filter
    return call<AccessList>('GET', `/accesses?${asQuery({ ...rest, customer_id: customerId, limit: 50, before })}`)
  },
  accessesOf: (customerId: string, before: number | null) =>
    call<AccessList>('GET', of(customerId, `accesses?${asQuery({ limit: 20, before })}`)),

  personalData: async (customerId: string, told: (progress: Progress) => void): Promise<Blob> =>
    readWhole(await send('GET', of(customerId, 'personal-data'), undefined, false, {}, EXPORT_MS), told),

  /** Reads files of imports too, so it may take longer than other questions. */
  plan: async (customerId: string) =>
    (await (await send('GET', of(customerId, 'erasure'), undefined, false, {}, PLAN_MS)).json()) as ErasurePlan,
  erase: (customerId: string, confirm: string, openCasesToo: boolean) =>
    call<Erasure>('POST', of(customerId, 'erasure'), { confirm, open_cases_too: openCasesToo }),
  erasure: (erasureId: string) => call<Erasure>('GET', `/erasures/${encodeURIComponent(erasureId)}`),
  erasures: async (customerId: string) =>
    (await call<{ items: Erasure[] }>('GET', `/erasures?${asQuery({ customer_id: customerId })}`)).items,

  retention: async () => (await call<{ items: Due[] }>('GET', '/retention')).items,
}
