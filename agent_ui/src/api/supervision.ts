/** What supervisors set up: their board, screens on the wall, rules of alerts, web hooks. Types are the server's own. */
import { call, change, send } from './client'
import type { AlertDocument } from './documents'
import type { components } from './schema'

type Schemas = components['schemas']

export type BoardWishes = Schemas['BoardWishes']
export type Delivery = Schemas['Delivery']
export type DeliveryState = Schemas['DeliveryState']
export type Hook = Schemas['Hook']
export type HookEvent = Schemas['HookEvent']
export type HookList = Schemas['HookList']
export type HookWithSecret = Schemas['HookWithSecret']
export type WallLink = Schemas['WallLink']
export type WallList = Schemas['WallList']
export type WallRow = Schemas['WallRow']
export type WallView = Schemas['WallView']

const part = encodeURIComponent

async function put<T>(path: string, version: number, body: unknown): Promise<T> {
  return (await (await send('PUT', path, body, false, { 'If-Match': `"${version}"` })).json()) as T
}

export const supervisionApi = {
  wishes: () => call<BoardWishes>('GET', '/preferences/board'),
  keepWishes: (wishes: Pick<BoardWishes, 'queues' | 'hidden'>, version: number) =>
    put<BoardWishes>('/preferences/board', version, wishes),

  walls: () => call<WallList>('GET', '/walls'),
  makeWall: (name: string, queues: readonly string[], days: number) =>
    call<Schemas['WallWithToken']>('POST', '/walls', { name, queues, days }),
  revokeWall: async (id: string) => {
    await send('DELETE', `/walls/${part(id)}`)
  },

  /** The newest first, from the one before `before`. */
  alerts: async (openOnly: boolean, before: number | null, limit: number) =>
    (
      await call<{ items: AlertDocument[] }>(
        'GET',
        `/alerts?limit=${limit}${openOnly ? '&open=true' : ''}${before === null ? '' : `&before=${before}`}`,
      )
    ).items,

  hooks: () => call<HookList>('GET', '/hooks'),
  addHook: (body: Schemas['HookBody']) => call<HookWithSecret>('POST', '/hooks', body),
  changeHook: (id: string, version: number, body: Schemas['HookChange']) =>
    change<Hook>(`/hooks/${part(id)}`, version, body),
  renewSecret: (id: string) => call<HookWithSecret>('POST', `/hooks/${part(id)}/secret`),
  resumeHook: (id: string) => call<Hook>('POST', `/hooks/${part(id)}/resume`),
  removeHook: async (id: string) => {
    await send('DELETE', `/hooks/${part(id)}`)
  },
  deliveries: async (id: string, before: number | null) =>
    (await call<Schemas['DeliveryList']>('GET', `/hooks/${part(id)}/deliveries?limit=50${before === null ? '' : `&before=${before}`}`)).items,
  testHook: (id: string) => call<Delivery>('POST', `/hooks/${part(id)}/test`),
  redeliver: (id: string, delivery: string) =>
    call<Delivery>('POST', `/hooks/${part(id)}/deliveries/${part(delivery)}/redelivery`),
}
