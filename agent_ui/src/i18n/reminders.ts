/** The words of reminders on the desk, in both languages. */
export const en = {
  title: 'Reminders',
  case_escalated: 'Overdue case',
  case_passed_on: 'Case passed on',
  task_due: 'To do',
  due: 'due {moment}',
  missed: 'not resolved by {moment}',
  passedTo: 'It was yours and is with {name} now.',
  dismiss: 'Read',
  dismissOf: 'Take “{text}” off the desk',
}

export const zh: typeof en = {
  title: '提醒',
  case_escalated: '工单超时',
  case_passed_on: '工单已转出',
  task_due: '待办',
  due: '{moment} 到期',
  missed: '{moment} 前未解决',
  passedTo: '原由您负责，现已转给 {name}。',
  dismiss: '知道了',
  dismissOf: '移除提醒“{text}”',
}
