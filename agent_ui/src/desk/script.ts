/** The queue's script with its fields filled in from the card on the screen; a field nothing is known of stays visible as a gap. */

export const SCRIPT_GAP = '…'

export type ScriptField = 'customer.name' | 'customer.class' | 'caller.number' | 'queue.name' | 'agent.name' | 'waited'
export type ScriptValues = Readonly<Record<ScriptField, string | null>>

export interface ScriptPart {
  readonly text: string
  /** It was put in, and is no word of the script's own. */
  readonly filled: boolean
}

/** The text in parts, one after the other; what is put in is text whatever it holds, and is not looked through again. */
export function fillScript(text: string, values: ScriptValues): ScriptPart[] {
  return text
    .split(/(\{[^{}]*\})/)
    .filter((part) => part !== '')
    .map((part) => {
      const field = part.startsWith('{') ? part.slice(1, -1).trim() : ''
      if (!Object.hasOwn(values, field)) return { text: part, filled: false }
      const value = values[field as ScriptField]
      return { text: value === null || value.trim() === '' ? SCRIPT_GAP : value, filled: true }
    })
}
