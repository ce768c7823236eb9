/** The words of calls out, in both languages. */
export const en = {
  title: 'Call out',
  short: 'Call',
  call: 'Call {number}',
  number: 'Number to call',
  numberHint: 'As you would dial it',
  notFree: 'Possible while you are ready, not ready or in wrap-up.',
  state: {
    ringing_agent: 'Your phone rings: answer it, then {who} is called.',
    calling: 'Calling {who} …',
  },
  end: {
    busy: '{who} is busy.',
    no_answer: '{who} did not answer.',
    failed: '{who} could not be called.',
    own_phone: 'Your own phone was not answered; nobody was called.',
    called_off: 'The call to {who} was given up.',
  },
  callOff: 'Stop',
  again: 'Try again',
  dismiss: 'Close',
}

export const zh: typeof en = {
  title: '外呼',
  short: '呼叫',
  call: '呼叫 {number}',
  number: '要呼叫的号码',
  numberHint: '按平时拨号方式输入',
  notFree: '就绪、未就绪或话后处理时可以外呼。',
  state: {
    ringing_agent: '您的话机正在振铃：接听后将呼叫 {who}。',
    calling: '正在呼叫 {who}…',
  },
  end: {
    busy: '{who} 占线。',
    no_answer: '{who} 无人接听。',
    failed: '无法呼叫 {who}。',
    own_phone: '您的话机未接听，没有呼出。',
    called_off: '已放弃呼叫 {who}。',
  },
  callOff: '停止',
  again: '再次呼叫',
  dismiss: '关闭',
}
