/** Board rows for the tests of this page, complete as the contract wants them. */
import type { QueueRow, WaitingRow } from '@/api/documents'

export function rowOf(part: Partial<QueueRow> = {}): QueueRow {
  return {
    queue_id: 'q',
    label: { zh: '', en: '' },
    waiting: 0,
    longest_wait_since: null,
    expected_wait_seconds: null,
    agents: { ready: 0, not_ready: 0, offered: 0, talking: 0, hold: 0, wrap_up: 0, internal_call: 0 },
    today: { offered: 0, answered: 0, abandoned: 0, service_level: null, asa_seconds: null, transferred: 0 },
    service_level_threshold_seconds: 20,
    expected_low_seconds: null,
    expected_high_seconds: null,
    callbacks: 0,
    unserved: false,
    closed_by: null,
    when_emergency: null,
    open: null,
    opens_at: null,
    forecast_error: null,
    new_messages: 0,
    oldest_message_at: null,
    last_half_hour: { offered: 0, answered: 0, abandoned: 0, service_level: null },
    ...part,
  }
}

export function waitingOf(interactionId: string, part: Partial<WaitingRow> = {}): WaitingRow {
  return {
    interaction_id: interactionId,
    queue_id: 'q',
    position: 1,
    entered_at: '2026-11-21T10:00:00Z',
    priority: 0,
    expected_wait_seconds: null,
    ani: { e164: '+442079460000', national: '020 7946 0000', raw: '+442079460000', withheld: false, region: 'GB' },
    customer_name: null,
    media_type: 'voice',
    base_priority: 0,
    grounds: [],
    step: 1,
    steps: 1,
    aged: false,
    offered_to: [],
    reserved_for: null,
    reserved_until: null,
    expected_low_seconds: null,
    expected_high_seconds: null,
    callback: null,
    needs: [],
    segment: null,
    ...part,
  }
}
