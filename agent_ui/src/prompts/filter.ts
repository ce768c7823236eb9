/** Which prompts are shown. */
import type { Prompt, PromptState } from './prompt_api'

export interface Filter {
  readonly words: string
  readonly state: PromptState | ''
  readonly set: string
}

/** Those with every word somewhere in their names or texts, and of that state in some language. */
export function filtered(prompts: readonly Prompt[], filter: Filter): Prompt[] {
  const words = filter.words.toLowerCase().split(/\s+/).filter(Boolean)
  return prompts.filter((prompt) => {
    if (filter.set !== '' && prompt.prompt_set !== filter.set) return false
    if (filter.state !== '' && !prompt.texts.some((text) => text.state === filter.state)) return false
    const all = [prompt.prompt_set, prompt.prompt, ...prompt.texts.map((text) => text.text)].join('\n').toLowerCase()
    return words.every((word) => all.includes(word))
  })
}
