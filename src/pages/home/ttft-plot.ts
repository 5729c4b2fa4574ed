import uPlot from "uplot";

const frames = 60;

/** Time to first token of the last 60 frames, in the colours of the page. */
export function ttftPlot(root: HTMLElement): { add(ttft: number): void } {
  const values: number[] = [];
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
    add(ttft) {
      values.push(ttft);
      if (values.length > frames) values.shift();
      plot.setData([values.map((_, at) => at + 1 - values.length), values]);
      root.ariaLabel = `Time to first token of the last ${values.length} frames, median ${median(values).toFixed(0)} ms`;
    },
  };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 0;
}
