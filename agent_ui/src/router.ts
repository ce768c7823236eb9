/** The pages, and who is let into which. */
import { createRouter, createWebHistory } from 'vue-router'

import { ADMINISTRATION_PAGES, OVERSIGHT_PAGES, PARTS } from './admin/pages'
import { useSession } from './stores/session'

declare module 'vue-router' {
  interface RouteMeta {
    /** Open to people who are not signed in. */
    open?: boolean
    /** Only for users with an agent's desk. */
    desk?: boolean
    /** Only for administrators. */
    administration?: boolean
    /** Without the bar above: a screen that nobody touches. */
    bare?: boolean
    /** As wide as the screen: tables of many columns. */
    wide?: boolean
    /** Only for supervisors and administrators. */
    oversight?: boolean
  }
}

const admin = () => import('./views/AdminView.vue')

export const router = createRouter({
  history: createWebHistory(),
  routes: [
    // Never shown: the guard sends everybody on to where his work is.
    { path: '/', component: () => import('./views/BoardView.vue') },
    { path: '/login', component: () => import('./views/LoginView.vue'), meta: { open: true } },
    { path: '/desk', component: () => import('./views/DeskView.vue'), meta: { desk: true } },
    { path: '/board', component: () => import('./views/BoardView.vue'), meta: { wide: true } },
    { path: '/messages', component: () => import('./views/MessagesView.vue') },
    {
      path: '/customers',
      children: [
        { path: '', component: () => import('./views/CustomersView.vue') },
        { path: ':id', component: () => import('./views/CustomerView.vue') },
      ],
    },
    { path: '/duplicates', component: () => import('./views/DuplicatesView.vue'), meta: { oversight: true } },
    { path: '/cases', component: () => import('./views/CasesView.vue') },
    { path: '/tasks', component: () => import('./views/TasksView.vue') },
    { path: '/opportunities', component: () => import('./views/OpportunitiesView.vue') },
    { path: '/calls', component: () => import('./views/CallsView.vue') },
    { path: '/flows/:name?', component: () => import('./views/FlowsView.vue'), meta: { oversight: true } },
    { path: '/surveys', component: () => import('./views/SurveysView.vue'), meta: { oversight: true } },
    { path: '/segments/:id?', component: () => import('./views/SegmentsView.vue'), meta: { oversight: true } },
    { path: '/management', component: () => import('./views/ManagementView.vue'), meta: { oversight: true } },
    { path: '/prompts', component: () => import('./views/PromptsView.vue'), meta: { oversight: true } },
    { path: '/imports', component: () => import('./views/ImportsView.vue'), meta: { oversight: true } },
    { path: '/alerts', component: () => import('./views/AlertsView.vue'), meta: { oversight: true } },
    { path: '/hooks', component: () => import('./views/HooksView.vue'), meta: { administration: true } },
    { path: '/wall', component: () => import('./views/WallView.vue'), meta: { open: true, bare: true } },
    { path: '/admin', redirect: '/admin/queues' },
    // Every page by its name, so that a test can open each.
    { path: `/admin/:page(${PARTS.join('|')})/:item?`, component: admin, meta: { oversight: true } },
    { path: `/admin/:page(${OVERSIGHT_PAGES.join('|')})`, component: admin, meta: { oversight: true } },
    { path: `/admin/:page(${ADMINISTRATION_PAGES.join('|')})`, component: admin, meta: { administration: true } },
    { path: '/call', component: () => import('./views/CallView.vue'), meta: { open: true } },
    { path: '/:rest(.*)*', redirect: '/' },
  ],
})

router.beforeEach(async (to) => {
  if (to.meta.open === true) return true
  const session = useSession()
  if (!session.asked) {
    try {
      await session.check()
    } catch {
      // No answer: the sign-in page says so when one tries.
    }
  }
  if (session.user === null) return to.path === '/' ? '/login' : { path: '/login', query: { to: to.fullPath } }
  if (to.meta.oversight === true && !session.isSupervisor) return session.home
  if (to.meta.administration === true && session.user.role !== 'administrator') return session.home
  if (to.path === '/' || (to.meta.desk === true && !session.hasDesk)) return session.home
  return true
})
