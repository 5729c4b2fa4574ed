interface LongTasks {
  /** Long tasks between two times of `performance.now()`. */
  between(start: number, end: number): { count: number; time: number };
  stop(): void;
}

/** Observes tasks of this thread that take over 50 ms. */
export function watchLongTasks(): LongTasks {
  const seen: PerformanceEntry[] = [];
  const observer = new PerformanceObserver((list) => {
    seen.push(...list.getEntries());
  });
  observer.observe({ type: "longtask" });
  return {
    between: (start, end) => {
      seen.push(...observer.takeRecords());
      const inside = seen.filter(
        ({ startTime, duration }) =>
          startTime + duration > start && startTime < end,
      );
      const time = inside.reduce((total, { duration }) => total + duration, 0);
      return { count: inside.length, time };
    },
    stop: () => observer.disconnect(),
  };
}
