/** What the pictures show, apart from how they are drawn. */
import type { EChartsCoreOption } from 'echarts/core'

export interface Series {
  readonly name: string
  readonly kind: 'bar' | 'line'
  readonly values: readonly (number | null)[]
  /** One of the page's colours, by its CSS variable. */
  readonly colour: string
  readonly stack?: string
  readonly dashed?: boolean
}

export interface Chart {
  readonly labels: readonly string[]
  readonly series: readonly Series[]
  /** Lying bars, the first on top. */
  readonly lying?: boolean
  /** Values are shares of 1. */
  readonly percent?: boolean
  /** Where a line is to mark a label, and what stands there. */
  readonly mark?: { readonly at: string; readonly text: string }
}

function shown(value: number, percent: boolean): string {
  return percent ? `${(value * 100).toFixed(0)} %` : value.toLocaleString(undefined, { maximumFractionDigits: 1 })
}

/** The chart for the library, in the page's colours of now. */
export function optionOf(chart: Chart, colour: (name: string) => string): EChartsCoreOption {
  const percent = chart.percent === true
  const text = colour('--text-2')
  const category = {
    type: 'category',
    data: [...chart.labels],
    inverse: chart.lying === true,
    axisLabel: { color: text, hideOverlap: true },
    axisLine: { lineStyle: { color: colour('--line') } },
    axisTick: { show: false },
  }
  const value = {
    type: 'value',
    // There is no half a customer.
    minInterval: percent ? 0 : 1,
    axisLabel: { color: text, formatter: (one: number) => shown(one, percent) },
    splitLine: { lineStyle: { color: colour('--line') } },
  }
  return {
    animation: false,
    textStyle: { fontFamily: 'inherit' },
    // As text: markup in a tooltip would need styles that the page's policy refuses.
    tooltip: {
      trigger: 'axis',
      renderMode: 'richText',
      backgroundColor: colour('--surface-2'),
      borderColor: colour('--line'),
      textStyle: { color: colour('--text'), fontSize: 12 },
      valueFormatter: (one: unknown) => (typeof one === 'number' ? shown(one, percent) : '–'),
    },
    legend: { top: 0, textStyle: { color: text }, icon: 'roundRect', itemWidth: 12, itemHeight: 8 },
    grid: { left: 8, right: 18, top: 34, bottom: 4, containLabel: true },
    xAxis: chart.lying === true ? value : category,
    yAxis: chart.lying === true ? category : value,
    series: chart.series.map((one, place) => ({
      name: one.name,
      type: one.kind,
      data: [...one.values],
      stack: one.stack,
      barMaxWidth: 34,
      symbol: one.values.length > 30 ? 'none' : 'circle',
      symbolSize: 5,
      itemStyle: { color: colour(one.colour) },
      lineStyle: { color: colour(one.colour), width: 2, type: one.dashed === true ? 'dashed' : 'solid' },
      markLine:
        chart.mark === undefined || place > 0
          ? undefined
          : {
              silent: true,
              symbol: 'none',
              lineStyle: { color: text, type: 'dotted' },
              label: { color: text, formatter: chart.mark.text },
              data: [{ xAxis: chart.mark.at }],
            },
    })),
  }
}
