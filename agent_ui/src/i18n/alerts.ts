/** The words of alerts on the board, in both languages. */
export const en = {
  title: 'Alerts',
  acknowledge: 'I look after it',
  acknowledgedBy: '{name} looks after it',
  since: 'for {duration}',
  sound: 'Sound',
  soundHint: 'A tone with every new alert, on this screen.',
  notify: 'Browser notices',
  notifyDenied: 'The browser does not allow notices from this page; allow them in its address bar.',
  all: '{count} alerts',
  limit: {
    waiting: '{value} waiting, above {threshold}',
    longest_wait: 'longest wait {value}, above {threshold}',
    service_level: 'service level {value} %, below {threshold} %',
    nobody_ready: 'nobody is ready',
    nobody_serves: 'nobody serves it',
    trunk_down: 'does not answer',
    missed_offers: '{value} calls missed in a row',
  },
}

export const zh: typeof en = {
  title: '告警',
  acknowledge: '由我处理',
  acknowledgedBy: '{name} 正在处理',
  since: '已持续 {duration}',
  sound: '声音',
  soundHint: '每次新告警时在本屏幕响一声。',
  notify: '浏览器通知',
  notifyDenied: '浏览器不允许此页面发送通知；请在地址栏中允许。',
  all: '{count} 条告警',
  limit: {
    waiting: '{value} 人等待，超过 {threshold}',
    longest_wait: '最长等待 {value}，超过 {threshold}',
    service_level: '服务水平 {value} %，低于 {threshold} %',
    nobody_ready: '无人就绪',
    nobody_serves: '无人值守',
    trunk_down: '没有应答',
    missed_offers: '连续 {value} 次未接',
  },
}
