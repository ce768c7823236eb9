import { expect, it } from 'vitest'

import { filtered } from './filter'
import type { Prompt, PromptState } from './prompt_api'

function prompt(set: string, name: string, text: string, state: PromptState): Prompt {
  const spoken = { language: 'en', voice: 'en', text, variables: [], state, seconds: null, file: null, recording: null }
  return { prompt_set: set, prompt: name, of_queues: false, texts: [spoken] }
}

const ALL = [prompt('main', 'welcome', 'Hello there', 'made'), prompt('queue', 'comfort', 'Thank you', 'missing')]
const names = (filter: Partial<Parameters<typeof filtered>[1]>): string[] =>
  filtered(ALL, { words: '', state: '', set: '', ...filter }).map((found) => found.prompt)

it('finds by words of name and text, by state and by flow', () => {
  expect(names({})).toEqual(['welcome', 'comfort'])
  expect(names({ words: 'HELLO main' })).toEqual(['welcome'])
  expect(names({ words: 'hello thank' })).toEqual([])
  expect(names({ state: 'missing' })).toEqual(['comfort'])
  expect(names({ set: 'main' })).toEqual(['welcome'])
})
