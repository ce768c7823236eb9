/** The words of the lists of all cases and all opportunities, in both languages. */
export const en = {
  nav: 'Cases',
  cases: 'Cases',
  opportunities: 'Opportunities',
  lists: 'Which list',
  filters: 'Which of them',
  unsettled: 'not settled',
  overdue: 'Only overdue',
  owner: 'Owner (agent)',
  noCases: 'No case is like that.',
  noOpportunities: 'No opportunity is like that.',
  escalated: 'escalated',
  noOwner: 'nobody',
}

export const zh: typeof en = {
  nav: '工单',
  cases: '工单',
  opportunities: '商机',
  lists: '列表',
  filters: '筛选',
  unsettled: '未了结',
  overdue: '仅逾期',
  owner: '负责人（坐席）',
  noCases: '没有符合条件的工单。',
  noOpportunities: '没有符合条件的商机。',
  escalated: '已升级',
  noOwner: '无人负责',
}
