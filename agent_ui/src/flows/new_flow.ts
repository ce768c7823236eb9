/** What a new flow begins with: sound as it is, so that its writer sees a picture at once. */
export function newFlow(name: string): string {
  return `flow: ${name}
languages: [zh, en]
start: menu
rescue: goodbye

prompts:
  choose: {zh: 听营业时间请按1。, en: "For our opening hours, press 1."}
  hours: {zh: 我们周一至周五九点到六点营业。, en: "We are open from nine to six, Monday to Friday."}
  bye: {zh: 再见。, en: "Goodbye."}

nodes:
  menu:
    kind: menu
    say: choose
    keys:
      1: {label: {zh: 营业时间, en: Opening hours}, go: hours}
  hours:
    kind: say
    say: hours
    next: goodbye
  goodbye:
    kind: end
    say: bye
`
}
