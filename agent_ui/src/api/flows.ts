/** The flows of the IVR, as docs/api.md says: look, check, try, publish, take back. */
import { call, send } from './client'
import type { Label, Language } from './documents'

export interface FlowFault {
  file: string
  line: number
  column: number
  length: number
  code: string
  what: string
  right: string
}

export interface FlowRow {
  name: string
  kind: 'flow' | 'prompts'
  source: 'file' | 'published'
  /** The newest publication or retraction; what is published is based on it. */
  version: number
  by: string | null
  at: string | null
  note: string
  file: string | null
  text_version: string | null
  in_force: boolean
  languages: string[]
  nodes: number
  numbers: { dnis: string; label: Label }[]
  is_default: boolean
  used_by: string[]
  uses: string[]
  started_today: number | null
  removable: boolean
  faults: FlowFault[]
}

export interface FlowList {
  items: FlowRow[]
  faults: FlowFault[]
  counted_since: string
}

export interface FlowDocument {
  row: FlowRow
  text: string
}

export interface FlowCheck {
  faults: FlowFault[]
  elsewhere: FlowFault[]
  text_version: string
  picture: string | null
  languages: string[]
  lines: Record<string, number>
  started_today: number
  other_ways: { one: string; other: string; count: number }[]
}

export interface TrialStep {
  did: 'presses' | 'silent' | 'hangs_up'
  keys?: string
}

export interface Turn {
  did: 'begins' | 'presses' | 'silent' | 'hangs_up'
  keys: string
  nodes: string[]
  heard: { language: string; text: string }[]
  notes: string[]
}

export interface Conversation {
  turns: Turn[]
  node: string
  ended: Record<string, string>
  at: string
  data: string | null
}

export interface Publication {
  version: number
  by: string
  at: string
  note: string
  retracted: boolean
  text_version: string | null
  is_newest: boolean
}

export interface DifferentLine {
  kind: 'same' | 'added' | 'removed' | 'gap'
  text: string
  before: number | null
  after: number | null
}

export type Theme = 'light' | 'dark'

function at(name: string, rest = ''): string {
  return `/flows/${encodeURIComponent(name)}${rest}`
}

async function row(response: Response): Promise<FlowRow | null> {
  return response.status === 204 ? null : ((await response.json()) as FlowRow)
}

export const flowsApi = {
  list: () => call<FlowList>('GET', '/flows'),
  read: (name: string) => call<FlowDocument>('GET', at(name)),
  check: (name: string, text: string, language: Language, theme: Theme) =>
    call<FlowCheck>('POST', at(name, '/check'), { text, language, theme }),
  /** `language` null: nothing is known of the caller. */
  attempt: (name: string, text: string, language: Language | null, steps: readonly TrialStep[]) =>
    call<Conversation>('POST', at(name, '/try'), { text, language, steps }),
  compareWith: async (name: string, text: string) =>
    (await call<{ lines: DifferentLine[] }>('POST', at(name, '/compare'), { text })).lines,
  differences: async (name: string, before: string, after: string) =>
    (await call<{ lines: DifferentLine[] }>('GET', at(name, `/differences?before=${before}&after=${after}`))).lines,
  history: async (name: string, before: number | null = null) =>
    (await call<{ items: Publication[] }>('GET', at(name, `/versions${before === null ? '' : `?before=${before}`}`))).items,
  publish: (name: string, text: string, note: string, basedOn: number) =>
    call<FlowRow>('POST', at(name, '/versions'), { text, note, based_on: basedOn }),
  /** Null: the old version had taken the flow away, and so it is again. */
  restore: async (name: string, version: number, note: string, basedOn: number) =>
    row(await send('POST', at(name, '/restore'), { version, note, based_on: basedOn })),
  /** Null: there is no file of it, and the flow is gone. */
  retract: async (name: string, note: string, basedOn: number) =>
    row(await send('DELETE', at(name, `/published?based_on=${basedOn}&note=${encodeURIComponent(note)}`))),
}
