/** What the fields of a form may name: read once for a page, given to every field of it. */
import { inject, type InjectionKey, provide, shallowReactive } from 'vue'

import { segmentApi } from '@/segments/segment_api'

import { adminApi, type Choices, type Item, type Part } from './admin_api'

export interface Named {
  readonly id: string
  readonly label: { zh: string; en: string } | null
}

export interface Context {
  skills: readonly Named[]
  queues: readonly Named[]
  hours: readonly Named[]
  groups: readonly string[]
  segments: readonly { readonly id: string; readonly label: string }[]
  choices: Choices
}

const KEY: InjectionKey<Context> = Symbol('what fields may name')

function named(item: Item): Named {
  const document = item.document as { label?: { zh: string; en: string }; zh?: string; en?: string }
  const { zh, en } = document
  return { id: item.item_id, label: document.label ?? (zh !== undefined && en !== undefined ? { zh, en } : null) }
}

export function provideContext(): { context: Context; load: () => Promise<void> } {
  const context = shallowReactive<Context>({
    skills: [],
    queues: [],
    hours: [],
    groups: [],
    segments: [],
    choices: { flows: [], all_flows: [], prompts: [], timezones: [] },
  })
  provide(KEY, context)

  async function load(): Promise<void> {
    const read = async (part: Part) => (await adminApi.items(part)).items
    const [skills, queues, hours, agents, choices, segments] = await Promise.all([
      read('skills'),
      read('queues'),
      read('hours'),
      read('agents'),
      adminApi.choices(),
      segmentApi.list(),
    ])
    context.skills = skills.map(named)
    context.queues = queues.map(named)
    context.hours = hours.map(named)
    const groups = agents.flatMap((agent) => (agent.document['groups'] as string[] | undefined) ?? [])
    context.groups = [...new Set(groups)].sort()
    context.choices = choices
    context.segments = segments.items.map((one) => ({ id: one.segment.segment_id, label: one.segment.label }))
  }

  return { context, load }
}

export function useContext(): Context {
  const found = inject(KEY)
  if (found === undefined) throw new Error('fields stand in a page that gives them what they may name')
  return found
}
