/** Figures of surveys as the page shows them: rates in per cent, means to two places, nothing where there is nothing. */
import type { SurveyFigures, SurveyQuestion } from '@/api/documents'

export const NOTHING = '–'

export function percent(share: number | null): string {
  return share === null ? NOTHING : `${Math.round(share * 100)} %`
}

export function mean(value: number | null): string {
  return value === null ? NOTHING : value.toFixed(2)
}

export interface Bar {
  readonly score: string
  readonly count: number
  /** Of the tallest, 0 to 1. */
  readonly height: number
}

/** A bar for every score from the lowest to the highest that was given, or from 1 to 5 where none is out of it. */
export function barsOf(question: SurveyQuestion): readonly Bar[] {
  const scores = Object.keys(question.distribution).map(Number)
  if (scores.length === 0) return []
  const twoWay = scores.every((score) => score <= 1)
  const lowest = Math.min(...scores, twoWay ? 0 : 1)
  const highest = Math.max(...scores, twoWay ? 1 : 5)
  const tallest = Math.max(...Object.values(question.distribution))
  return Array.from({ length: highest - lowest + 1 }, (_, index) => {
    const score = String(lowest + index)
    const count = question.distribution[score] ?? 0
    return { score, count, height: count / tallest }
  })
}

/** The question that stands for a row: the first that has a share of the satisfied, or the first of all. */
export function leadingOf(figures: SurveyFigures): SurveyQuestion | null {
  return figures.questions.find((question) => question.csat !== null) ?? figures.questions[0] ?? null
}
