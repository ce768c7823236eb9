/** The words of reminders on the desk, in both languages. */
export const en = {
  title: 'Reminders',
  case_escalated: 'Overdue case',
  task_due: 'To do',
  due: 'due {moment}',
  dismiss: 'Read',
  dismissOf: 'Take “{text}” off the desk',
}

export const zh: typeof en = {
  title: '提醒',
  case_escalated: '工单超时',
  task_due: '待办',
  due: '{moment} 到期',
  dismiss: '知道了',
  dismissOf: '移除提醒“{text}”',
}
