/** The words of agents' rates on the supervisor's board, in both languages. */
export const en = {
  held: 'On hold',
  sentOn: 'Sent on',
  callsOut: 'Calls out',
  file: 'Today as',
  formula: {
    held: 'Hold rate: time with callers on hold / (talk + hold), of the talks of today that are over.',
    sentOn: 'Transfer rate: calls he transferred today, blind or after a consultation / calls handled.',
    callsOut: 'Calls out of today: those that became a talk / those he began.',
  },
}

export const zh: typeof en = {
  held: '保持',
  sentOn: '转出',
  callsOut: '外呼',
  file: '今日导出',
  formula: {
    held: '保持率：今日已结束通话中，客户被保持的时间 /（通话 + 保持）。',
    sentOn: '转接率：今日由其转出的通话（直接转接或咨询后转接）/ 已处理通话。',
    callsOut: '今日外呼：接通的外呼 / 发起的外呼。',
  },
}
