import uPlot from "uplot";

/** Shows times in ms, oldest first; the newest is frame 0. */
export interface TtftPlot {
  show(times: readonly number[]): void;
}

/** Time to first token of the last `frames` frames, in the colours of the page. */
export function ttftPlot(root: HTMLElement, frames: number): TtftPlot {
  const colour = (name: string): string =>
    getComputedStyle(root).getPropertyValue(name);
  const axis: uPlot.Axis = {
    stroke: () => colour("--muted"),
    grid: { stroke: () => colour("--line"), width: 1 },
    ticks: { show: false },
    font: "12px system-ui, sans-serif",
  };
  const plot = new uPlot(
    {
      width: Math.max(1, root.clientWidth),
      height: Math.max(1, root.clientHeight),
      legend: { show: false },
      cursor: { show: false },
      padding: [8, 8, 0, 0],
      scales: {
        x: { time: false, range: [-frames + 1, 0] },
        y: { range: (_, __, max) => [0, Math.max(100, (max || 0) * 1.15)] },
      },
      axes: [
        { ...axis, size: 24, values: (_, ticks) => ticks.map(String) },
        {
          ...axis,
          size: 60,
          values: (_, ticks) => ticks.map((tick) => `${tick} ms`),
        },
      ],
      series: [
        {},
        {
          stroke: () => colour("--accent"),
          fill: () => `color-mix(in srgb, ${colour("--accent")} 12%, #0000)`,
          width: 2,
          points: { show: true, size: 5, fill: () => colour("--accent") },
        },
      ],
    },
    [[], []],
    root,
  );

  new ResizeObserver(() => {
    plot.setSize({ width: root.clientWidth, height: root.clientHeight });
  }).observe(root);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () =>
    plot.redraw(),
  );

  return {
    show(times) {
      plot.setData([times.map((_, at) => at + 1 - times.length), [...times]]);
    },
  };
}
