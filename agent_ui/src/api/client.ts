/** Calls of the REST API: one request with a time limit, one error tree, one place that notices a lost session. */
import { noteServerDate } from '@/time/clock'

import type {
  Agent,
  AlertDocument,
  Audience,
  Code,
  Customer,
  CustomerCard,
  Demo,
  Interaction,
  InteractionPatch,
  Message,
  MessageList,
  Monitoring,
  MonitorMode,
  NewCustomer,
  PhoneAccount,
  PhoneKind,
  Pop,
  SentNotice,
  Session,
  SurveyReport,
  WaitingReason,
  WantedState,
} from './documents'
import { NoAnswer, ServerSaidNo } from './errors'

const BASE = '/api/v1'
const TIMEOUT_MS = 10_000

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

let onSignedOut: () => void = () => undefined

/** Registers what happens when any call but the sign-in itself is answered with 401. */
export function whenSignedOut(action: () => void): void {
  onSignedOut = action
}

/** For requests that do not go by `call`. */
export function signedOut(): void {
  onSignedOut()
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

async function problemOf(response: Response): Promise<ServerSaidNo> {
  let body: unknown = null
  try {
    body = await response.json()
  } catch {
    // A proxy's answer need not be JSON; the status alone has to do.
  }
  const fields = isRecord(body) ? body : {}
  const code = typeof fields['code'] === 'string' ? fields['code'] : `http_${response.status}`
  const detail = typeof fields['detail'] === 'string' ? fields['detail'] : response.statusText
  const retryAfter = Number.parseInt(response.headers.get('Retry-After') ?? '', 10)
  const errors: unknown[] = Array.isArray(fields['errors']) ? fields['errors'] : []
  const faults = errors.filter(isRecord).map((one) => ({ where: String(one['where']), message: String(one['message']) }))
  const said = isRecord(fields['said']) ? { zh: String(fields['said']['zh']), en: String(fields['said']['en']) } : null
  return new ServerSaidNo(response.status, code, detail, Number.isNaN(retryAfter) ? null : retryAfter, faults, said)
}

export async function send(
  method: Method,
  path: string,
  body?: unknown,
  keepalive = false,
  headers: Readonly<Record<string, string>> = {},
  timeoutMs = TIMEOUT_MS,
): Promise<Response> {
  let response: Response
  const told = body === undefined ? headers : { ...headers, 'Content-Type': 'application/json' }
  try {
    response = await fetch(BASE + path, {
      method,
      credentials: 'same-origin',
      cache: 'no-store',
      keepalive,
      signal: AbortSignal.timeout(timeoutMs),
      headers: told,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
  } catch (error) {
    throw new NoAnswer(error instanceof Error ? error.message : String(error))
  }
  noteServerDate(response.headers.get('Date'), Date.now())
  if (response.ok) return response
  const problem = await problemOf(response)
  const signingIn = method === 'POST' && path === '/session'
  if (response.status === 401 && !signingIn) onSignedOut()
  throw problem
}

/** The answer's document. Its shape is the contract of docs/api.md; only the live feed checks what it is sent. */
export async function call<T>(method: Method, path: string, body?: unknown, keepalive = false): Promise<T> {
  const response = await send(method, path, body, keepalive)
  try {
    return (await response.json()) as T
  } catch {
    throw new NoAnswer(`${method} ${path} was answered with something that is not JSON`)
  }
}

/** Changes one version of a document and no other: `outdated` when somebody changed it meanwhile. */
export async function change<T>(path: string, version: number, body: unknown): Promise<T> {
  return (await (await send('PATCH', path, body, false, { 'If-Match': `"${version}"` })).json()) as T
}

/** An order whose answer the live feed shows anyway. */
async function order(method: Method, path: string, body?: unknown): Promise<void> {
  await send(method, path, body)
}

const segment = encodeURIComponent

function emergency(queueId: string | null): string {
  return queueId === null ? '/queues/emergency' : `/queues/${segment(queueId)}/emergency`
}

export const api = {
  signIn: (name: string, password: string) => call<Session>('POST', '/session', { name, password }),
  session: () => call<Session>('GET', '/session'),
  signOut: async () => {
    await send('DELETE', '/session')
  },

  me: () => call<Agent>('GET', '/agents/me'),
  /** Whether the agent's desk is open on another computer, or in another browser. */
  desktop: () => call<{ elsewhere: boolean }>('GET', '/agents/me/desktop'),
  setState: (state: WantedState, reason?: string) =>
    call<Agent>('PUT', '/agents/me/state', reason === undefined ? { state } : { state, reason }),
  setPhone: (kind: PhoneKind, address?: string) =>
    call<Agent>('PUT', '/agents/me/phone', address === undefined ? { kind } : { kind, address }),
  phoneAccount: () => call<PhoneAccount>('GET', '/agents/me/phone/account'),
  /** The page goes away with a talk on its phone; the request outlives it. */
  leaveTalk: async () => {
    await send('POST', '/agents/me/phone/away', undefined, true)
  },
  rejoinTalk: async () => {
    await send('POST', '/agents/me/phone/rejoin')
  },
  endWrapUp: (then: 'ready' | 'not_ready', reason?: string) =>
    call<Agent>('POST', '/agents/me/wrap-up/end', reason === undefined ? { then } : { then, reason }),
  pop: async (): Promise<Pop | null> => {
    const response = await send('GET', '/agents/me/pop')
    return response.status === 204 ? null : ((await response.json()) as Pop)
  },

  /** `keepalive` lets the request outlive the page that sends it. */
  patchInteraction: (id: string, patch: InteractionPatch, keepalive = false) =>
    call<Interaction>('PATCH', `/interactions/${segment(id)}`, patch, keepalive),
  createCustomer: (input: NewCustomer) => call<Customer>('POST', '/customers', input),

  /** What was asked after talks from `since` on, and what was answered. */
  surveys: (since: Date) => call<SurveyReport>('GET', `/surveys?since=${segment(since.toISOString())}`),

  reasons: async () => (await call<{ items: Code[] }>('GET', '/reasons')).items,
  dispositions: async () => (await call<{ items: Code[] }>('GET', '/dispositions')).items,

  extendWrapUp: (seconds: number) => call<Agent>('POST', '/agents/me/wrap-up/extend', { seconds }),

  messages: (show: 'open' | 'mine' | 'done', after: string | null) => {
    const query = new URLSearchParams({ limit: '50' })
    if (show === 'done') query.set('newest_first', 'true')
    for (const state of { open: ['new', 'taken'], mine: ['taken'], done: ['done'] }[show]) query.append('state', state)
    if (show === 'mine') query.set('mine', 'true')
    if (after !== null) query.set('after', after)
    return call<MessageList>('GET', `/messages?${query.toString()}`)
  },
  message: (id: string) => call<Message>('GET', `/messages/${segment(id)}`),
  messageAudio: (id: string) => `${BASE}/messages/${segment(id)}/audio`,
  takeMessage: (id: string) => call<Message>('POST', `/messages/${segment(id)}/take`),
  putBackMessage: (id: string) => call<Message>('POST', `/messages/${segment(id)}/put-back`),
  finishMessage: (id: string, disposition: string | null, notes: string) =>
    call<Message>('POST', `/messages/${segment(id)}/finish`, { disposition, notes }),
  callBackMessage: (id: string) => call<{ interaction_id: string }>('POST', `/messages/${segment(id)}/call-back`),
  messageCustomer: (id: string) => call<CustomerCard>('GET', `/messages/${segment(id)}/customer`),

  acknowledgeAlert: (number: number) => call<AlertDocument>('POST', `/alerts/${number}/acknowledgement`),
  dismissReminder: (number: number) => order('DELETE', `/agents/me/reminders/${number}`),

  whyWaiting: (id: string) => call<WaitingReason>('GET', `/waiting/${segment(id)}/why`),
  setPriority: (id: string, priority: number) => order('PUT', `/waiting/${segment(id)}/priority`, { priority }),
  moveCaller: (id: string, queueId: string) => order('PUT', `/waiting/${segment(id)}/queue`, { queue_id: queueId }),
  pickForAgent: (id: string, agentId: string) => order('PUT', `/waiting/${segment(id)}/agent`, { agent_id: agentId }),
  cancelCallback: (id: string) => order('DELETE', `/waiting/${segment(id)}`),
  forceState: (agentId: string, state: WantedState, reason?: string) =>
    call<Agent>('PUT', `/agents/${segment(agentId)}/state`, reason === undefined ? { state } : { state, reason }),
  /** One queue, or with null every queue. */
  closeQueue: (queueId: string | null) => order('PUT', emergency(queueId)),
  openQueue: (queueId: string | null) => order('DELETE', emergency(queueId)),

  /** Calls the supervisor's phone; without one said, that of his own agent. */
  listen: (agentId: string, mode: MonitorMode, phone?: { kind: PhoneKind; address: string }) =>
    call<Monitoring>('POST', '/monitoring', { agent_id: agentId, mode, ...(phone === undefined ? {} : { phone }) }),
  setMonitorMode: (id: string, mode: MonitorMode) => call<Monitoring>('PUT', `/monitoring/${segment(id)}/mode`, { mode }),
  takeOver: (id: string) => call<Monitoring>('POST', `/monitoring/${segment(id)}/take-over`),
  stopListening: (id: string) => call<Monitoring>('DELETE', `/monitoring/${segment(id)}`),

  sendNotice: (to: Audience, toId: string | null, text: string) =>
    call<SentNotice>('POST', '/notices', toId === null ? { to, text } : { to, to_id: toId, text }),
  closeNotice: (id: string) => order('PUT', `/agents/me/notices/${segment(id)}/read`),

  /** The demo's numbers and callers, null outside the demo. */
  demo: async (): Promise<Demo | null> => {
    try {
      return await call<Demo>('GET', '/demo')
    } catch (error) {
      if (error instanceof ServerSaidNo && error.status === 404) return null
      throw error
    }
  },
}
