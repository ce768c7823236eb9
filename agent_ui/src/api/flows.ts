/** The flows of the IVR, as docs/api.md says: look, check, try, publish, take back. */
import { call, send } from './client'
import type { Language } from './documents'
import type { components } from './schema'

type Schemas = components['schemas']

export type FlowFault = Schemas['FaultView']
export type FlowRow = Schemas['FlowRow']
export type FlowList = Schemas['FlowList']
export type FlowDocument = Schemas['FlowDocument']
export type FlowCheck = Schemas['CheckView']
export type TrialStep = Schemas['StepBody']
export type Turn = Schemas['TurnView']
export type Conversation = Schemas['Conversation']
export type Publication = Schemas['PublicationView']
export type DifferentLine = Schemas['DifferentLine']

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
