import { expect, test } from 'vitest'

import type { SurveyQuestion } from '@/api/documents'

import { barsOf, leadingOf, mean, NOTHING, percent } from './figures'

function question(distribution: Record<string, number>, csat: number | null = null): SurveyQuestion {
  return { flow: 'survey', question: 'q', answers: 1, mean: 1, distribution, csat }
}

test('what is not known is shown as nothing, never as zero', () => {
  expect([percent(null), mean(null)]).toEqual([NOTHING, NOTHING])
  expect([percent(0), percent(0.666), mean(0), mean(4.126)]).toEqual(['0 %', '67 %', '0.00', '4.13'])
})

test('a scale of five has five bars, also for scores that nobody gave', () => {
  expect(barsOf(question({ '5': 4, '2': 1 }))).toEqual([
    { score: '1', count: 0, height: 0 },
    { score: '2', count: 1, height: 0.25 },
    { score: '3', count: 0, height: 0 },
    { score: '4', count: 0, height: 0 },
    { score: '5', count: 4, height: 1 },
  ])
})

test('yes and no have two bars, and no answers none', () => {
  expect(barsOf(question({ '1': 2 })).map((bar) => bar.score)).toEqual(['0', '1'])
  expect(barsOf(question({}))).toEqual([])
})

test('the satisfied stand for a row where there are any', () => {
  const solved = question({ '1': 2 })
  const satisfied = question({ '4': 2 }, 1)
  const figures = { queue_id: 'sales', agent_id: null, asked: 4, answered: 2, response_rate: 0.5 }
  expect(leadingOf({ ...figures, questions: [solved, satisfied] })).toBe(satisfied)
  expect(leadingOf({ ...figures, questions: [solved] })).toBe(solved)
  expect(leadingOf({ ...figures, questions: [] })).toBeNull()
})
