/** The pages of the administration, for the router; what each shows stands in AdminView. */
import type { components } from '@/api/schema'

type Part = components['schemas']['Part']

/** The parts of the configuration, each with a page and one for every item of it. */
export const PARTS: readonly Part[] = [
  'queues', 'agents', 'skills', 'hours', 'numbers', 'reasons', 'dispositions', 'alerts', 'roles', 'retention', 'connectors', 'best_offers',
]
/** Besides them: supervisors look, administrators change. */
export const OVERSIGHT_PAGES = ['cases', 'trunks', 'versions', 'text'] as const
/** For administrators alone. */
export const ADMINISTRATION_PAGES = ['users', 'kept', 'accesses', 'audit'] as const
