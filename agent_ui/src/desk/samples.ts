/** Documents for the tests of this page, complete as the contract wants them. */
import type { Agent, CustomerCard, Pop } from '@/api/documents'

export function customerCard(customerId: string, name: string): CustomerCard {
  return {
    customer_id: customerId,
    kind: 'person',
    name,
    language: 'en',
    segment: 'A',
    tags: [],
    contact_points: [{ kind: 'phone', value: '+442079460000', label: '' }],
    notes: '',
    created_at: '2026-01-01T00:00:00Z',
    last_interactions: [],
    open_cases: [],
    account_manager_id: null,
    consents: [],
    custom: {},
    numbers: [],
    segments: [],
    version: 1,
    worth: null,
  }
}

export function popOf(interactionId: string, part: Partial<Pop> = {}): Pop {
  return {
    offer_id: `offer-${interactionId}`,
    interaction_id: interactionId,
    made_at: '2026-11-21T10:00:00Z',
    stage: 'talking',
    ani: { e164: '+442079460000', national: '020 7946 0000', raw: '+442079460000', withheld: false, region: 'GB' },
    dnis: '4000',
    queue: { queue_id: 'sales', label: { zh: '销售', en: 'Sales' } },
    language: 'en',
    menu_path: [{ node: 'main', key: '1', label: { zh: '主菜单', en: 'Main menu' } }],
    waited_seconds: 75,
    reason: { text: { zh: '空闲最久', en: 'longest idle' }, parts: [] },
    verified: false,
    customers: [],
    customer_id: null,
    blank: null,
    disposition: null,
    notes: '',
    media_type: 'voice',
    callback: null,
    typed: [],
    script: null,
    auto_answer_seconds: null,
    transferred: null,
    external: [],
    ...part,
  }
}

export function agentOf(part: Partial<Agent> = {}): Agent {
  return {
    agent_id: '1001',
    name: '1001',
    state: 'talking',
    reason: null,
    since: '2026-11-21T10:00:00Z',
    ready_since: null,
    interaction_id: null,
    offer_id: null,
    wrap_up_until: null,
    after_call: null,
    phone: { kind: 'sip', address: null, status: 'free' },
    skills: [],
    groups: [],
    forced_by: null,
    not_ready_until: null,
    warn_at: null,
    overdue: false,
    misses: 0,
    resting_until: null,
    chats: 0,
    chat_limit: 0,
    queue_ids: [],
    queue_id: null,
    customer_name: null,
    today: { handled: 0, offers: 0, missed: 0, rejected: 0, talk_seconds: 0, hold_seconds: 0, wrap_up_seconds: 0, ready_seconds: 0, not_ready_seconds: 0, internal_seconds: 0, transferred: 0, calls_out: 0, calls_out_reached: 0 },
    ...part,
  }
}
