import { createPinia } from 'pinia'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createApp, h, nextTick, type App, type Component } from 'vue'

import { api } from '@/api/client'
import { ServerSaidNo } from '@/api/errors'
import { agentOf } from '@/desk/samples'
import { i18n, setLanguage } from '@/i18n'

import AgentTable from './AgentTable.vue'
import EmergencyButton from './EmergencyButton.vue'
import { rowOf, waitingOf } from './samples'
import WaitingTable from './WaitingTable.vue'

const NOW = Date.parse('2026-11-21T10:01:00Z')
const WHY = { text: { zh: '没有空闲坐席。', en: 'Nobody is free.' }, parts: [{ name: 'position', value: '1' }] }

let app: App | null = null
let place: HTMLElement

function show(component: Component, props: Record<string, unknown>): void {
  app = createApp({ render: () => h(component, props) })
  app.use(createPinia()).use(i18n).mount(place)
}

function find(name: string): HTMLElement {
  const found = place.querySelector<HTMLElement>(`[data-test="${name}"]`)
  if (found === null) throw new Error(`nothing is called ${name}`)
  return found
}

function has(name: string): boolean {
  return place.querySelector(`[data-test="${name}"]`) !== null
}

async function settle(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 0))
  await nextTick()
}

async function press(name: string): Promise<void> {
  find(name).click()
  await settle()
}

function type(name: string, value: string): void {
  const found = find(name)
  const field = found instanceof HTMLSelectElement || found instanceof HTMLInputElement ? found : found.querySelector('input')
  if (field === null) throw new Error(`${name} takes no text`)
  field.value = value
  field.dispatchEvent(new Event(field instanceof HTMLSelectElement ? 'change' : 'input', { bubbles: true }))
}

beforeEach(() => {
  setLanguage('en')
  // Nothing is ever on the screen here: without it every row is drawn.
  vi.stubGlobal('IntersectionObserver', undefined)
  place = document.createElement('div')
  document.body.append(place)
})

afterEach(() => {
  vi.unstubAllGlobals()
  app?.unmount()
  app = null
  place.remove()
})

describe('closing a queue', () => {
  const sales = rowOf({ queue_id: 'sales', label: { zh: '销售', en: 'Sales' }, waiting: 3 })
  const help = rowOf({ queue_id: 'help', label: { zh: '客服', en: 'Help' }, when_emergency: { kind: 'queue', target: 'sales' } })

  it('says first what becomes of the callers, and does nothing until it is confirmed', async () => {
    const closing = vi.spyOn(api, 'closeQueue').mockResolvedValue()
    show(EmergencyButton as Component, { queue: help, rows: [sales, help], opens: false })
    await press('queue-close')
    expect(find('emergency-fates').textContent).toContain('go to the queue Sales')
    expect(closing).not.toHaveBeenCalled()
    await press('confirm-no')
    expect(closing).not.toHaveBeenCalled()
    await press('queue-close')
    await press('confirm-yes')
    expect(closing).toHaveBeenCalledExactlyOnceWith('help')
  })

  it('counts all who wait, and tells each queue’s fate where they differ', async () => {
    const closing = vi.spyOn(api, 'closeQueue').mockResolvedValue()
    show(EmergencyButton as Component, { queue: null, rows: [sales, help], opens: false })
    await press('queue-close')
    expect(find('emergency-waiting').textContent).toContain('3')
    expect(find('emergency-fates').textContent).toContain('Sales: are told')
    expect(find('emergency-fates').textContent).toContain('Help: go to the queue Sales')
    await press('confirm-yes')
    expect(closing).toHaveBeenCalledExactlyOnceWith(null)
  })

  it('stays open with the reason when the server says no', async () => {
    vi.spyOn(api, 'closeQueue').mockRejectedValue(new ServerSaidNo(503, 'store_away', 'come again', 5))
    show(EmergencyButton as Component, { queue: sales, rows: [sales], opens: false })
    await press('queue-close')
    await press('confirm-yes')
    expect(find('confirm-problem').textContent).toContain('come again')
  })

  it('opens it again', async () => {
    const opening = vi.spyOn(api, 'openQueue').mockResolvedValue()
    show(EmergencyButton as Component, { queue: { ...sales, closed_by: 'wang' }, rows: [sales], opens: true })
    await press('queue-open')
    await press('confirm-yes')
    expect(opening).toHaveBeenCalledExactlyOnceWith('sales')
  })
})

describe('a waiting caller', () => {
  const queues = { q: rowOf(), help: rowOf({ queue_id: 'help', label: { zh: '客服', en: 'Help' } }) }
  const agents = { '1001': agentOf({ name: 'Li', state: 'ready' }), '1002': agentOf({ agent_id: '1002', state: 'logged_out' }) }

  it('says why he waits when he is asked about, and not before', async () => {
    const asking = vi.spyOn(api, 'whyWaiting').mockResolvedValue(WHY)
    show(WaitingTable as Component, { rows: [waitingOf('i1')], queues, agents, now: NOW })
    expect(asking).not.toHaveBeenCalled()
    await press('waiting-open')
    expect(find('why').textContent).toBe('Nobody is free.')
    expect(find('waiting-open').getAttribute('aria-expanded')).toBe('true')
  })

  it('gets another priority, queue or agent', async () => {
    vi.spyOn(api, 'whyWaiting').mockResolvedValue(WHY)
    const priority = vi.spyOn(api, 'setPriority').mockResolvedValue()
    const move = vi.spyOn(api, 'moveCaller').mockResolvedValue()
    const pick = vi.spyOn(api, 'pickForAgent').mockResolvedValue()
    show(WaitingTable as Component, { rows: [waitingOf('i1')], queues, agents, now: NOW })
    await press('waiting-open')
    type('priority', '50')
    await settle()
    await press('set-priority')
    expect(priority).toHaveBeenCalledExactlyOnceWith('i1', 50)
    expect(find('move-to').textContent).not.toContain('q ')
    type('move-to', 'help')
    await settle()
    await press('move')
    expect(move).toHaveBeenCalledExactlyOnceWith('i1', 'help')
    expect(find('pick-for').textContent).toContain('Li')
    expect(find('pick-for').textContent).not.toContain('1002')
    type('pick-for', '1001')
    await settle()
    await press('pick')
    expect(pick).toHaveBeenCalledExactlyOnceWith('i1', '1001')
  })

  it('is offered no nonsense as a priority', async () => {
    vi.spyOn(api, 'whyWaiting').mockResolvedValue(WHY)
    show(WaitingTable as Component, { rows: [waitingOf('i1')], queues, agents, now: NOW })
    await press('waiting-open')
    type('priority', 'high')
    await settle()
    expect((find('set-priority') as HTMLButtonElement).disabled).toBe(true)
  })

  it('shows a callback as one, and only that can be taken off', async () => {
    vi.spyOn(api, 'whyWaiting').mockResolvedValue(WHY)
    const callback = {
      number: '+442079460000',
      requested_at: '2026-11-21T09:50:00Z',
      waiting_since: '2026-11-21T09:45:00Z',
      not_before: '2026-11-21T10:03:00Z',
      attempt: 2,
      attempts_allowed: 3,
      presence: 'absent' as const,
    }
    const rows = [waitingOf('cb-1', { callback, aged: true, reserved_for: '1001', reserved_until: '2026-11-21T10:02:00Z' })]
    show(WaitingTable as Component, { rows, queues, agents, now: NOW })
    expect(find('mark-callback').textContent).toBe('callback')
    expect(find('mark-not-before').textContent).toBe('due in 2:00')
    expect(find('mark-reserved').textContent).toBe('kept for Li (1:00)')
    expect(has('mark-aged')).toBe(true)
    await press('waiting-open')
    expect(has('cancel-callback')).toBe(true)
  })

  it('tells what the server said no to', async () => {
    vi.spyOn(api, 'whyWaiting').mockRejectedValue(new ServerSaidNo(404, 'not_waiting', 'gone', null))
    vi.spyOn(api, 'setPriority').mockRejectedValue(new ServerSaidNo(404, 'not_waiting', 'gone', null))
    show(WaitingTable as Component, { rows: [waitingOf('i1')], queues, agents, now: NOW })
    await press('waiting-open')
    expect(has('cancel-callback')).toBe(false)
    await press('set-priority')
    expect(find('waiting-problem').textContent).toContain('not waiting any more')
  })
})

describe('an agent on the board', () => {
  const late = agentOf({
    state: 'not_ready',
    reason: 'break',
    not_ready_until: '2026-11-21T10:00:30Z',
    warn_at: '2026-11-21T09:59:30Z',
    forced_by: 'Wang',
    misses: 2,
  })

  it('is seen to be over his time, and who put him there', () => {
    show(AgentTable as Component, { queues: {}, agents: [late], now: NOW })
    expect(find('limit').dataset['stage']).toBe('over')
    expect(find('limit').textContent).toBe('Over time by 0:30')
    expect(find('forced-by').textContent).toBe('set by Wang')
    expect(find('misses').textContent).toContain('2')
  })

  it('can be made ready, not ready or signed out', async () => {
    const forcing = vi.spyOn(api, 'forceState').mockResolvedValue(late)
    show(AgentTable as Component, { queues: {}, agents: [late], now: NOW })
    await press('agent-open')
    await press('force-ready')
    expect(forcing).toHaveBeenLastCalledWith('1001', 'ready', undefined)
    await press('force-logged-out')
    expect(forcing).toHaveBeenLastCalledWith('1001', 'logged_out', undefined)
  })
})
