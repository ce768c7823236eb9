/** The words of who is who in the house, in both languages. */
export const en = {
  gone: '{id} (no longer an agent)',
  choices: 'Who it may be',
  none: 'Nobody is called that.',
  more: '{count} more; type a part of the name',
  everybody: 'everybody',
  nobody: 'nobody',
  mine: '{name} (me)',
  failed: 'The names could not be read; ids work too.',
}

export const zh: typeof en = {
  gone: '{id}（已不是坐席）',
  choices: '可选人员',
  none: '没有叫这个名字的人。',
  more: '还有 {count} 位；请输入姓名的一部分',
  everybody: '所有人',
  nobody: '无人负责',
  mine: '{name}（我）',
  failed: '无法读取姓名；可直接填写工号。',
}
