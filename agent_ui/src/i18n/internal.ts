/** The words of internal calls, in both languages; `errors` are the server's refusals. */
export const en = {
  title: 'Colleagues',
  show: 'Show',
  hide: 'Hide',
  search: 'Name, number or group',
  loading: 'Looking who is there …',
  nobody: 'There is nobody else in the house.',
  noneFits: 'Nobody fits.',
  short: 'Call',
  call: 'Call {name}',
  notFree: 'Possible while you are ready, not ready or in wrap-up.',
  stop: 'Stop',
  again: 'Try again',
  back: 'Call back',
  lift: 'Answer with your phone.',
  consequence: 'A colleague: rejecting leaves your state as it was.',
  told: {
    incoming: '{name} is calling you (internal call)',
    own_phone: 'Your phone rings: answer it, then {name} is called.',
    calling: 'Calling {name} …',
    talking: 'Internal call with {name}',
    missed: 'Missed internal call: {name}',
  },
  end: {
    rejected: '{name} does not take calls now.',
    no_answer: '{name} does not answer.',
    unreachable: 'The phone of {name} could not be rung.',
    own_phone: 'Your own phone was not answered; {name} was not called.',
    lost: 'The call to {name} ended while the server was away.',
  },
}

export const zh: typeof en = {
  title: '同事',
  show: '显示',
  hide: '收起',
  search: '姓名、工号或小组',
  loading: '正在查看谁在线…',
  nobody: '没有其他同事。',
  noneFits: '没有符合的同事。',
  short: '呼叫',
  call: '呼叫 {name}',
  notFree: '就绪、未就绪或话后处理时可以呼叫。',
  stop: '停止',
  again: '再次呼叫',
  back: '回拨',
  lift: '请用话机接听。',
  consequence: '同事来电：拒接不会改变您的状态。',
  told: {
    incoming: '{name} 正在呼叫您（内部通话）',
    own_phone: '您的话机正在振铃：接听后将呼叫 {name}。',
    calling: '正在呼叫 {name}…',
    talking: '与 {name} 内部通话中',
    missed: '未接内部来电：{name}',
  },
  end: {
    rejected: '{name} 现在不接电话。',
    no_answer: '{name} 无人接听。',
    unreachable: '{name} 的话机无法振铃。',
    own_phone: '您的话机未接听，没有呼叫 {name}。',
    lost: '服务器中断期间，与 {name} 的通话已结束。',
  },
}

export const enErrors = {
  colleague_signed_out: 'This colleague is signed out; nothing would ring.',
  colleague_busy: 'This colleague is busy. Try again later.',
  colleague_unreachable: 'This colleague’s phone cannot be reached.',
  no_internal_call: 'The internal call is over.',
}

export const zhErrors: typeof enErrors = {
  colleague_signed_out: '该同事已签出，不会振铃。',
  colleague_busy: '该同事正忙，请稍后再试。',
  colleague_unreachable: '该同事的话机无法接通。',
  no_internal_call: '内部通话已结束。',
}
