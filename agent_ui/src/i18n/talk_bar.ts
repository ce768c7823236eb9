/** The words of the bar that shows one's talk, or after-call work, on every page but the desk. */
export const en = {
  title: 'Your talk',
  with: '{state}: {who}',
  left: '{duration} left',
  toDesk: 'To the desk',
}

export const zh: typeof en = {
  title: '您的通话',
  with: '{state}：{who}',
  left: '还剩 {duration}',
  toDesk: '去工作台',
}
