/** Starts the page. */
import 'element-plus/es/components/base/style/css'
import 'element-plus/es/components/button/style/css'
import 'element-plus/es/components/input/style/css'
import 'element-plus/theme-chalk/dark/css-vars.css'
import './styles/base.css'
import './styles/table.css'
import './styles/form.css'

import { createPinia } from 'pinia'
import { createApp, type Component } from 'vue'

import App from './App.vue'
import { i18n, markDocumentLanguage } from './i18n'
import { router } from './router'
import { followSystemTheme } from './styles/theme'

followSystemTheme()
markDocumentLanguage()
createApp(App as Component).use(createPinia()).use(i18n).use(router).mount('#app')
