/** The words of the lists of all cases and all opportunities, in both languages; those of tasks are in tasks.ts. */
export const en = {
  nav: 'Cases and tasks',
  cases: 'Cases',
  tasks: 'Tasks',
  opportunities: 'Opportunities',
  lists: 'Which list',
  filters: 'Which of them',
  unsettled: 'not settled',
  overdue: 'Only overdue',
  escalatedOnly: 'Only escalated',
  owner: 'Owner',
  noCases: 'No case is like that.',
  noOpportunities: 'No opportunity is like that.',
  escalated: 'escalated',
}

export const zh: typeof en = {
  nav: '工单与待办',
  cases: '工单',
  tasks: '待办',
  opportunities: '商机',
  lists: '列表',
  filters: '筛选',
  unsettled: '未了结',
  overdue: '仅逾期',
  escalatedOnly: '仅已升级',
  owner: '负责人',
  noCases: '没有符合条件的工单。',
  noOpportunities: '没有符合条件的商机。',
  escalated: '已升级',
}
