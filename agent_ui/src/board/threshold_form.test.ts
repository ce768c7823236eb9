import { describe, expect, it } from 'vitest'

import { faultsOf, thresholdsOf, typedOf } from './threshold_form'

describe('the form of thresholds', () => {
  it('gives back what was set', () => {
    const set = { waiting_warn: 3, waiting_bad: 9, longest_warn_seconds: null, longest_bad_seconds: null, service_level_warn: 80, service_level_bad: null }
    expect(thresholdsOf(typedOf(set))).toEqual(set)
    expect(thresholdsOf(typedOf(undefined))).toBeNull()
  })

  it('tells what is no number, too large, or in the wrong order', () => {
    const typed = { ...typedOf(undefined), waiting_warn: 'five', longest_bad_seconds: '90000', service_level_warn: '60', service_level_bad: '80' }
    const faults = faultsOf(typed)
    expect(Object.keys(faults).sort()).toEqual(['longest_bad_seconds', 'service_level_bad', 'waiting_warn'])
    expect(faults.service_level_bad?.key).toBe('wrongOrder')
    expect(faultsOf({ ...typedOf(undefined), waiting_warn: '5', waiting_bad: '5' })).toEqual({})
  })
})
