/** Management's figures, runs and rules of customer value, as the server tells of them. */
import { call, send } from '@/api/client'
import type { components } from '@/api/schema'

type Schemas = components['schemas']

export type Movement = Schemas['MovementView']
export type Profits = Schemas['Profits']
export type Profit = Schemas['ProfitView']
export type Satisfaction = Schemas['SatisfactionView']
export type SatisfactionReport = Schemas['SatisfactionReport']
export type Complaint = Schemas['ComplaintView']
export type OfferFigure = Schemas['BestOfferView']
/** When a figure was counted, null before the first time; how much of a new count is done, null where none runs. */
export type Counted = Schemas['Counted']
export type ValueModels = Schemas['ValueModels']
export type RunPicture = Schemas['RunPicture']
export type Parameter = Schemas['Parameter']
export type ValueRun = Schemas['ValueRun']
export type ValueRules = Schemas['ValueRules']
export type RulesVersion = Schemas['RulesVersion']
export type Listed = Schemas['Listed']
export type ListPage = Schemas['ListPage']
export type PeriodKind = Schemas['PeriodKind']

/** Files and lists of a million customers take seconds; figures are counted in the background. */
const PATIENCE_MS = 90_000

export interface Span {
  readonly from: string
  readonly to: string
  readonly by: PeriodKind
}

export interface Behind {
  readonly what: Listed
  readonly from: string
  readonly to: string
  readonly key: string
  readonly title: string
}

async function slow<T>(path: string): Promise<T> {
  const response = await send('GET', path, undefined, false, {}, PATIENCE_MS)
  return (await response.json()) as T
}

function query(values: Readonly<Record<string, string>>): string {
  return new URLSearchParams(values).toString()
}

export function figureAddress(figure: string, span: Span, format: 'csv' | 'xlsx'): string {
  return `/api/v1/management/export/${figure}?${query({ ...span, format })}`
}

export function listAddress(list: Behind, format: 'csv' | 'xlsx'): string {
  return `/api/v1/management/lists/${list.what}/export?${query({ from: list.from, to: list.to, key: list.key, format })}`
}

export const management = {
  count: async (figure: string, span: Span) => {
    await send('POST', `/management/figures/${figure}/count?${query({ ...span })}`)
  },
  movements: (span: Span) => slow<Counted & { items: Movement[] }>(`/management/movements?${query({ ...span })}`),
  profits: (span: Span) => slow<Profits>(`/management/profits?${query({ ...span })}`),
  satisfaction: (span: Span) => slow<SatisfactionReport>(`/management/satisfaction?${query({ from: span.from, to: span.to })}`),
  complaints: (span: Span) => slow<Counted & { items: Complaint[] }>(`/management/complaints?${query({ from: span.from, to: span.to })}`),
  bestOffers: (span: Span) => slow<Counted & { items: OfferFigure[] }>(`/management/best-offers?${query({ from: span.from, to: span.to })}`),
  models: () => slow<ValueModels>('/management/models'),
  list: (list: Behind, offset: number) =>
    slow<ListPage>(`/management/lists/${list.what}?${query({ from: list.from, to: list.to, key: list.key, offset: String(offset) })}`),

  runs: () => call<{ items: ValueRun[] }>('GET', '/value-runs?limit=5'),
  start: (kind: 'whole' | 'changed') => call<ValueRun>('POST', '/value-runs', { kind }),
  cancel: (id: string) => call<ValueRun>('POST', `/value-runs/${encodeURIComponent(id)}/cancel`),

  rulesHistory: () => call<{ items: RulesVersion[] }>('GET', '/value-rules/history'),
  setRules: async (rules: ValueRules, version: number): Promise<RulesVersion> => {
    const response = await send('PUT', '/value-rules', rules, false, { 'If-Match': `"${version}"` })
    return (await response.json()) as RulesVersion
  },
  undoRules: (version: number) => call<RulesVersion>('POST', '/value-rules/undo', { version }),
}
