/** Users, the audit log, trunks and case lists over REST, as docs/api.md says. */
import { call, send } from '@/api/client'
import type { components } from '@/api/schema'

type Schemas = components['schemas']

export type Account = Schemas['UserAccount']
export type AuditLine = Schemas['AuditLine']
export type AccountList = Schemas['AccountList']
export type ServiceTarget = Schemas['ServiceTargetView']
export type TrunkList = Schemas['TrunkList']
export type RoleWord = 'agent' | 'supervisor' | 'administrator'

export interface NewUser {
  name: string
  display_name: string
  role: RoleWord
  agent_id: string | null
  language: 'zh' | 'en'
  password: string
}

export interface UserChange {
  display_name?: string
  role?: RoleWord
  agent_id?: string
  language?: 'zh' | 'en'
  disabled?: boolean
}

export interface AuditFilter {
  by: string
  action: string
  about: string
  since: string | null
  until: string | null
}

function of(userId: string, rest = ''): string {
  return `/users/${encodeURIComponent(userId)}${rest}`
}

export const peopleApi = {
  users: async () => (await call<{ items: Account[] }>('GET', '/users')).items,
  add: (user: NewUser) => call<Account>('POST', '/users', user),
  change: (userId: string, change: UserChange) => call<Account>('PATCH', of(userId), change),
  setPassword: (userId: string, password: string) => send('PUT', of(userId, '/password'), { password }),
  signOut: (userId: string) => send('DELETE', of(userId, '/sessions')),
  remove: (userId: string) => send('DELETE', of(userId)),
  newSecret: (agentId: string) =>
    call<{ agent_id: string; secret: string }>('POST', `/agents/${encodeURIComponent(agentId)}/phone/secret`),

  audit: async (filter: AuditFilter, before: number | null) => {
    const query = new URLSearchParams({ limit: '100' })
    for (const [name, value] of Object.entries(filter)) if (value !== null && value !== '') query.set(name, String(value))
    if (before !== null) query.set('before', String(before))
    return (await call<{ items: AuditLine[] }>('GET', `/audit?${query.toString()}`)).items
  },
  auditActions: async () => (await call<{ items: string[] }>('GET', '/audit/actions')).items,

  phoneAccounts: () => call<AccountList>('GET', '/phone-accounts'),
  trunks: () => call<TrunkList>('GET', '/trunks'),

  serviceTargets: async () => (await call<Schemas['ServiceTargetList']>('GET', '/service-targets')).items,
  putServiceTarget: (kind: string, priority: string, body: Schemas['ServiceTargetBody']) =>
    call<ServiceTarget>('PUT', `/service-targets/${kind}/${priority}`, body),
  putCode: (list: 'complaint-reasons' | 'remedies', code: string, body: { label: { zh: string; en: string }; retired: boolean }) =>
    call<unknown>('PUT', `/${list}/${encodeURIComponent(code)}`, body),
}
