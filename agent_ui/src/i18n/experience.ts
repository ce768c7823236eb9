/** The words of how it went with a customer the last time, in both languages. */
export const en = {
  title: 'The last time',
  survey: 'Survey of {day}',
  complaint: 'Complaint of {day}',
  remedy: 'remedy: {remedy}',
  open: 'open',
}

export const zh: typeof en = {
  title: '上次的感受',
  survey: '{day} 的满意度调查',
  complaint: '{day} 的投诉',
  remedy: '补救：{remedy}',
  open: '未结',
}
