/** The words on the SIP accounts at the exchange, in both languages. */
export const en = {
  title: 'Accounts at the exchange',
  reading: 'Asking the exchange …',
  all: 'Asterisk knows every account ({count}). What is changed here reaches it by itself within seconds; talks do not notice.',
  allByHand: 'Asterisk knows every account ({count}).',
  one: 'Asterisk knows the account {names}. A phone can register.',
  bringing: 'Asterisk is being told …',
  taken: 'Asterisk knows it: phones and plain queues are as set here.',
  missing: 'Asterisk does not know these accounts yet: {names}',
  more: 'and {count} more',
  failed: 'Asterisk has not taken the last change; it is tried again every few seconds. Phones that Asterisk knows work as before. {problem}',
  away: 'Asterisk does not answer, so nobody knows which accounts it has.',
  silent: 'Asterisk does not say which accounts it has: its pjsip.conf does not include pjsip_callcenter.conf, or its module func_pjsip_endpoint.so is not loaded.',
  todo: 'This Asterisk is yours, and its files are written by you. On the machine of the server and of Asterisk:',
  todoHow: 'README.txt in that directory says where the files go. Talks are not disturbed. Removed accounts and new secrets count from then on as well.',
  byHand: 'Asterisk must learn of this: its files are to be written anew. Routing follows at once.',
}

export type Words = typeof en

export const zh: Words = {
  title: '交换机中的账号',
  reading: '正在询问交换机……',
  all: 'Asterisk 已知全部账号（{count} 个）。此处的修改数秒内自动生效，通话不受影响。',
  allByHand: 'Asterisk 已知全部账号（{count} 个）。',
  one: 'Asterisk 已知账号 {names}，话机可以注册。',
  bringing: '正在通知 Asterisk……',
  taken: 'Asterisk 已更新：话机与备用队列与此处设置一致。',
  missing: 'Asterisk 还不知道这些账号：{names}',
  more: '另有 {count} 个',
  failed: 'Asterisk 未接受最近的修改，每隔几秒会重试；它已知的话机照常工作。{problem}',
  away: 'Asterisk 没有应答，无法得知它有哪些账号。',
  silent: 'Asterisk 没有说明它有哪些账号：其 pjsip.conf 未包含 pjsip_callcenter.conf，或未加载模块 func_pjsip_endpoint.so。',
  todo: '这台 Asterisk 由您自己管理，文件也由您生成。请在服务器和 Asterisk 所在的机器上执行：',
  todoHow: '该目录中的 README.txt 说明文件放在哪里。通话不受影响。删除的账号和新密码也从那时起生效。',
  byHand: '需要让 Asterisk 知道：请重新生成它的文件。路由立即生效。',
}
