/** Lists of the business that many pages ask for; each is read when it is first wanted, and again after a while. */
import { defineStore } from 'pinia'
import { shallowRef } from 'vue'

import { customersApi, type CaseCode, type CustomField } from '@/api/customers'

const KEPT_MS = 120_000

function keep<T>(read: () => Promise<T[]>) {
  const items = shallowRef<readonly T[]>([])
  let readAt: number | null = null

  async function load(): Promise<void> {
    if (readAt !== null && Date.now() - readAt < KEPT_MS) return
    items.value = await read()
    readAt = Date.now()
  }

  return { items, load }
}

export const useLists = defineStore('lists', () => {
  const complaintReasons = keep<CaseCode>(() => customersApi.complaintReasons())
  const remedies = keep<CaseCode>(() => customersApi.remedies())
  const orderStates = keep<CaseCode>(() => customersApi.orderStates())
  const stages = keep<CaseCode>(() => customersApi.opportunityStages())
  const closingReasons = keep<CaseCode>(() => customersApi.closingReasons())
  const fields = keep<CustomField>(() => customersApi.customFields())

  return {
    complaintReasons: complaintReasons.items,
    remedies: remedies.items,
    orderStates: orderStates.items,
    stages: stages.items,
    closingReasons: closingReasons.items,
    fields: fields.items,
    loadComplaints: async () => {
      await Promise.all([complaintReasons.load(), remedies.load()])
    },
    loadSales: async () => {
      await Promise.all([orderStates.load(), stages.load(), closingReasons.load()])
    },
    loadFields: fields.load,
  }
})
