/** What is used of JsSIP, in a module of its own so that it is loaded only by those who have a phone in the browser. */
export { C, UA, WebSocketInterface } from 'jssip'
