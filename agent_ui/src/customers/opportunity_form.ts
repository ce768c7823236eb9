/** An opportunity as a form has it, and what of it is sent. */
import type { Opportunity, OpportunityBody } from '@/api/customers'
import { fromLocalInput, toLocalInput } from '@/time/local_input'

export interface QuoteForm {
  number: string
  given_on: string
  amount: string
}

export interface OpportunityForm {
  title: string
  stage: string
  state: Opportunity['state']
  amount: string
  currency: string
  probability: string
  next_step: string
  next_step_due: string
  owner_id: string
  reason: string
  remark: string
  quotes: QuoteForm[]
}

export function newOpportunity(stage: string, currency: string, ownerId: string): OpportunityForm {
  return { title: '', stage, state: 'open', amount: '', currency, probability: '0', next_step: '', next_step_due: '', owner_id: ownerId, reason: '', remark: '', quotes: [] }
}

export function opportunityFormOf(one: Opportunity, currency: string): OpportunityForm {
  return {
    title: one.title,
    stage: one.stage,
    state: one.state,
    amount: one.value?.amount ?? '',
    currency: one.value?.currency ?? one.quotes[0]?.value.currency ?? currency,
    probability: String(one.probability),
    next_step: one.next_step,
    next_step_due: toLocalInput(one.next_step_due_at),
    owner_id: one.owner_id ?? '',
    reason: one.reason ?? '',
    remark: one.remark,
    quotes: one.quotes.map((quote) => ({ number: quote.number, given_on: quote.given_on, amount: quote.value.amount })),
  }
}

/** All of the form; an end date of a quote, which the form does not show, stays as it was. */
export function opportunityBodyOf(form: OpportunityForm, known: Opportunity | null): OpportunityBody {
  const currency = form.currency.trim().toUpperCase()
  return {
    title: form.title.trim(),
    stage: form.stage,
    state: form.state,
    value: form.amount.trim() === '' ? null : { amount: form.amount.trim(), currency },
    probability: Number.parseInt(form.probability, 10) || 0,
    next_step: form.next_step.trim(),
    next_step_due_at: fromLocalInput(form.next_step_due),
    owner_id: form.owner_id || null,
    reason: form.reason === '' ? null : form.reason,
    remark: form.remark.trim(),
    quotes: form.quotes.map((quote) => {
      const before = known?.quotes.find((one) => one.number === quote.number)
      return {
        number: quote.number.trim(),
        given_on: quote.given_on,
        value: { amount: quote.amount.trim(), currency: before?.value.currency ?? currency },
        valid_until: before?.valid_until ?? null,
      }
    }),
  }
}

/** Whether there is enough to send; what else is wrong, the server says. */
export function canSave(form: OpportunityForm): boolean {
  const whole = form.quotes.every((quote) => quote.number.trim() !== '' && quote.given_on !== '' && quote.amount.trim() !== '')
  return form.title.trim() !== '' && form.stage !== '' && whole && (form.state !== 'lost' || form.reason !== '')
}
