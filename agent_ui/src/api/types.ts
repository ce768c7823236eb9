/**
 * The documents of docs/api.md as types, laid out as openapi-typescript writes them (`components.schemas`), so that the
 * generated file can take this one's place. The page uses the short names of `documents.ts`. What `schema.ts` has is taken from there.
 */
import type { components as described } from './schema'

export interface components {
  schemas: {
    Label: { zh: string; en: string }
    AlertKind: 'waiting' | 'longest_wait' | 'service_level' | 'nobody_ready' | 'nobody_serves' | 'trunk_down' | 'missed_offers'
    Alert: {
      number: number
      alert_id: string
      kind: components['schemas']['AlertKind']
      label: components['schemas']['Label']
      subject_kind: 'queue' | 'agent' | 'trunk'
      subject: string
      subject_label: components['schemas']['Label']
      threshold: number
      value: number | null
      on_board: boolean
      raised_at: string
      acknowledged_at: string | null
      acknowledged_by: string | null
      cleared_at: string | null
      gone: boolean
    }
    Reminder: {
      number: number
      kind: 'case_escalated' | 'task_due'
      at: string
      text: string
      customer_id: string
      customer_name: string
      due_at: string | null
      case_id: string | null
      task_id: string | null
    }
    ReminderList: { items: components['schemas']['Reminder'][] }
    Role: 'agent' | 'supervisor' | 'administrator'
    Language: 'zh' | 'en'
    Problem: { type: string; title: string; status: number; code: string; detail: string }

    User: {
      name: string
      display_name: string
      role: components['schemas']['Role']
      agent_id: string | null
      language: components['schemas']['Language']
    }
    Session: { token?: string; user: components['schemas']['User']; expires_at: string }

    AgentState: 'logged_out' | 'ready' | 'not_ready' | 'offered' | 'talking' | 'hold' | 'wrap_up' | 'internal_call'
    WantedState: 'ready' | 'not_ready' | 'logged_out'
    PhoneKind: 'sip' | 'browser' | 'address' | 'outside'
    AgentPhone: {
      kind: components['schemas']['PhoneKind']
      address: string | null
      status: 'free' | 'busy' | 'unreachable' | 'unknown'
    }
    Agent: {
      agent_id: string
      name: string
      state: components['schemas']['AgentState']
      reason: string | null
      since: string
      ready_since: string | null
      interaction_id: string | null
      offer_id: string | null
      wrap_up_until: string | null
      after_call: { state: string; reason: string | null; by: string | null } | null
      phone: components['schemas']['AgentPhone']
      skills: { skill: string; level: number }[]
      groups: string[]
      /** The supervisor who put the agent into this state. */
      forced_by: string | null
      /** The end of what the reason allows; from `warn_at` on it is near. */
      not_ready_until: string | null
      warn_at: string | null
      overdue: boolean
      /** Offers missed in a row. */
      misses: number
      resting_until: string | null
      chats: number
      chat_limit: number
      /** The queues he may serve. */
      queue_ids: string[]
      /** Of what he holds now. */
      queue_id: string | null
      customer_name: string | null
      /** His figures since midnight, up to `since`. */
      today: described['schemas']['AgentTodayView']
    }
    PhoneAccount: { sip_uri: string; user: string; password: string; websocket_url: string }
    Code: { code: string; label: components['schemas']['Label'] }

    Number: {
      e164: string | null
      national: string | null
      raw: string
      withheld: boolean
      region: string | null
    }
    ContactPoint: described['schemas']['ContactPoint']
    CustomerInput: {
      kind: 'person' | 'organisation'
      name: string
      language: string | null
      segment: string | null
      account_manager_id?: string | null
      tags: string[]
      contact_points: components['schemas']['ContactPoint'][]
      notes: string
    }
    Customer: described['schemas']['Customer']
    Case: described['schemas']['Case']
    Outcome: described['schemas']['Outcome']
    InteractionSummary: described['schemas']['InteractionSummary']
    CustomerCard: described['schemas']['CustomerView']
    ReasonPart: { name: string; value: string }
    WaitingReason: { text: components['schemas']['Label']; parts: components['schemas']['ReasonPart'][] }
    Callback: {
      number: string
      requested_at: string
      waiting_since: string
      not_before: string | null
      attempt: number
      attempts_allowed: number | null
      presence: 'absent' | 'calling' | 'present' | null
    }
    Overflow: { kind: 'queue' | 'number' | 'callback' | 'message' | 'closed'; target: string }
    MenuStep: { node: string; key: string | null; label: components['schemas']['Label'] }
    Pop: {
      offer_id: string
      interaction_id: string
      made_at: string
      stage: 'ringing' | 'talking' | 'wrap_up'
      ani: components['schemas']['Number']
      dnis: string
      queue: { queue_id: string; label: components['schemas']['Label'] } | null
      language: string
      menu_path: components['schemas']['MenuStep'][]
      waited_seconds: number
      reason: {
        text: components['schemas']['Label']
        parts: components['schemas']['ReasonPart'][]
      }
      verified: boolean
      customers: components['schemas']['CustomerCard'][]
      customer_id: string | null
      blank: components['schemas']['CustomerInput'] | null
      disposition: string | null
      notes: string | null
      media_type: string
      callback: components['schemas']['Callback'] | null
      typed?: components['schemas']['Typed'][]
      transferred?: components['schemas']['Transferred'] | null
      /** What systems outside say of the caller. */
      external?: components['schemas']['ExternalView'][]
      /** What the queue's agents are to say, with its fields not filled in yet. */
      script?: components['schemas']['Label'] | null
      /** After ringing so long the phone in the browser answers by itself. */
      auto_answer_seconds?: number | null
    }
    ExternalView: described['schemas']['ExternalView']
    /** Who sent the caller here, or asks about him. */
    Transferred: { agent_id: string; name: string; at: string; kind: 'agent' | 'queue' | 'number'; note: string; came_back: boolean; asks: boolean }
    /** A number the caller typed; of a secret one there are no digits. */
    Typed: { label: components['schemas']['Label'] | null; variable: string; digits: string; secret: boolean }
    Message: {
      message_id: string
      interaction_id: string
      queue_id: string
      seconds: number
      left_at: string
      state: 'new' | 'taken' | 'done'
      taken_by: string | null
      taken_at: string | null
      done_by: string | null
      done_at: string | null
      disposition: string | null
      notes: string
      ani: components['schemas']['Number']
      caller_name: string
      language: string
      customer_id: string | null
      customer_name: string | null
    }
    MessageList: { items: components['schemas']['Message'][]; next_after: string | null }
    /** What a desk shows of messages; `change` grows whenever a list is to be read again. */
    MessageNews: { new: number; oldest_at: string | null; change: number }
    Interaction: components['schemas']['InteractionSummary'] & {
      ended_at: string | null
      stage: string
      customer_id: string | null
    }
    InteractionPatch: { disposition?: string | null; notes?: string; customer_id?: string }

    QueueRow: {
      queue_id: string
      label: components['schemas']['Label']
      waiting: number
      longest_wait_since: string | null
      expected_wait_seconds: number | null
      agents: { ready: number; not_ready: number; offered: number; talking: number; hold: number; wrap_up: number; internal_call: number }
      today: {
        offered: number
        answered: number
        abandoned: number
        service_level: number | null
        asa_seconds: number | null
        /** Talks out of which an agent sent the contact on; of `answered`. */
        transferred: number
      }
      service_level_threshold_seconds: number
      expected_low_seconds: number | null
      expected_high_seconds: number | null
      /** Of `waiting`, those who have hung up and are called back. */
      callbacks: number
      /** Nobody at work can serve the queue. */
      unserved: boolean
      closed_by: string | null
      /** What becomes of the callers of a queue that is closed in an emergency; null: they are told. */
      when_emergency: components['schemas']['Overflow'] | null
      open: boolean | null
      opens_at: string | null
      forecast_error: {
        count: number
        mean_absolute_error_seconds: number | null
        share_within_range: number | null
      } | null
      new_messages: number
      oldest_message_at: string | null
      last_half_hour: described['schemas']['HalfHourView']
    }
    /** A queue's last hour, a value for each minute, the oldest first. */
    Trend: described['schemas']['TrendView']
    WaitingRow: {
      interaction_id: string
      queue_id: string
      position: number
      entered_at: string
      priority: number
      expected_wait_seconds: number | null
      ani: components['schemas']['Number']
      customer_name: string | null
      media_type: string
      base_priority: number
      grounds: components['schemas']['ReasonPart'][]
      /** Counts from 1 to `steps`. */
      step: number
      steps: number
      aged: boolean
      offered_to: string[]
      reserved_for: string | null
      reserved_until: string | null
      expected_low_seconds: number | null
      expected_high_seconds: number | null
      callback: components['schemas']['Callback'] | null
      /** The skills he wants besides his queue's. */
      needs: { skill: string; level: number }[]
      segment: string | null
    }
    Demo: {
      numbers: { dnis: string; label: components['schemas']['Label'] }[]
      /** `ani` null withholds the number. */
      callers: { ani: string | null; label: components['schemas']['Label'] }[]
      phone: components['schemas']['PhoneAccount']
      logins: { name: string; role: string }[]
    }

    SurveyQuestion: {
      flow: string
      question: string
      answers: number
      mean: number | null
      distribution: Record<string, number>
      csat: number | null
    }
    SurveyFigures: {
      queue_id: string | null
      agent_id: string | null
      asked: number
      answered: number
      response_rate: number | null
      questions: components['schemas']['SurveyQuestion'][]
    }
    MonitorMode: 'listen' | 'whisper' | 'barge'
    MonitorEnd: 'hung_up' | 'stopped' | 'talk_over' | 'took_over' | 'not_answered' | 'declined' | 'unreachable' | 'lost'
    Monitoring: {
      monitoring_id: string
      by: string
      by_name: string
      agent_id: string
      interaction_id: string
      mode: components['schemas']['MonitorMode']
      state: 'ringing' | 'live' | 'ended'
      announced: 'silent' | 'tone' | 'said'
      takes_over: boolean
      ordered_at: string
      live_since: string | null
      ended_at: string | null
      end: components['schemas']['MonitorEnd'] | null
    }
    /** On an agent's desk: who hears his talk. */
    Listeners: {
      listeners: { by_name: string; mode: components['schemas']['MonitorMode']; since: string | null }[]
    }
    Audience: 'agent' | 'queue' | 'all'
    DeskNotice: {
      notice_id: string
      at: string
      by_name: string
      text: string
      to: components['schemas']['Audience']
    }
    DeskNotices: { items: components['schemas']['DeskNotice'][] }
    SentNotice: {
      notice: {
        notice_id: string
        at: string
        by: string
        by_name: string
        text: string
        to: components['schemas']['Audience']
        to_id: string
      }
      receipts: { agent_id: string; read_at: string | null }[]
      full: string[]
    }

    SurveyReport: {
      since: string
      until: string
      all: components['schemas']['SurveyFigures']
      queues: components['schemas']['SurveyFigures'][]
      agents: components['schemas']['SurveyFigures'][]
    }
  }
}
