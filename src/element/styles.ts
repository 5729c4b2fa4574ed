import { css } from "lit";

export const styles = css`
  :host {
    --accent: var(--fast-vlm-accent, light-dark(#0b6b5d, #5fd3bf));
    display: block;
    font-family: system-ui, sans-serif;
  }
  :host([hidden]),
  [hidden] {
    display: none !important;
  }
  .stage {
    position: relative;
    overflow: hidden;
    inline-size: 100%;
    aspect-ratio: var(--fast-vlm-aspect, 4 / 3);
    /* Leaves room for the caption in the viewport. */
    max-block-size: var(--fast-vlm-max-height, 70svh);
    border-radius: var(--fast-vlm-radius, 12px);
    background: var(--fast-vlm-stage, #14181b);
    color: var(--fast-vlm-on-stage, #e9eef0);
  }
  /* The page itself shows the image; only the state and the progress are shown. */
  [data-shows="elsewhere"] {
    min-block-size: 2rem;
    aspect-ratio: auto;
    background: none;
  }
  [data-shows="elsewhere"] .status {
    inset-block-start: 0;
    inset-inline-start: 0;
  }
  video,
  canvas {
    position: absolute;
    inset: 0;
    inline-size: 100%;
    block-size: 100%;
    object-fit: contain;
  }
  .poster {
    position: absolute;
    inset: 0;
    display: grid;
    place-content: center;
    padding: 3.5rem 1.5rem;
    text-align: center;
    color: #b4bfc4;
  }
  .overlay {
    position: absolute;
    inset: 0;
    pointer-events: none;
  }
  ::slotted([slot="overlay"]) {
    pointer-events: auto;
  }

  .status {
    position: absolute;
    inset-block-start: 0.75rem;
    inset-inline-start: 0.75rem;
    display: flex;
    align-items: center;
    gap: 0.4rem;
    padding: 0.3rem 0.7rem 0.3rem 0.55rem;
    border-radius: 99px;
    background: #0c0f11e6;
    color: var(--tone, #c9d2d6);
    font-size: 0.8125rem;
    font-weight: 600;
    line-height: 1.25;
  }
  .status svg {
    inline-size: 1em;
    block-size: 1em;
    fill: none;
    stroke: currentColor;
    stroke-width: 2;
    stroke-linecap: round;
    stroke-linejoin: round;
  }
  [data-state="loading"],
  [data-state="warming"] {
    --tone: #f4c869;
  }
  [data-state="ready"] {
    --tone: #8fdc9b;
  }
  [data-state="live"],
  [data-state="seeing"] {
    --tone: #8cc8ff;
  }
  [data-state="speaking"] {
    --tone: #6fe0cb;
  }
  [data-state="failed"] {
    --tone: #ff9d94;
  }

  button {
    min-block-size: 2.75rem;
    padding: 0.5rem 1.25rem;
    border: 1px solid light-dark(#8a9499, #67757c);
    border-radius: 8px;
    background: none;
    color: inherit;
    font: inherit;
    font-weight: 600;
    cursor: pointer;
  }
  button:disabled {
    cursor: default;
    opacity: 0.5;
  }
  button:focus-visible {
    outline: 2px solid var(--accent);
    outline-offset: 2px;
  }
  .controls {
    display: flex;
    flex-wrap: wrap;
    gap: 0.75rem;
    margin-block-start: 1rem;
  }
  .controls button:first-child {
    border-color: transparent;
    background: var(--accent);
    color: var(--fast-vlm-on-accent, light-dark(#fff, #06201b));
  }

  .caption {
    block-size: calc(var(--fast-vlm-lines, 3) * 1.4em);
    margin-block-start: 1rem;
    overflow-y: auto;
    border-radius: 4px;
    font-size: var(
      --fast-vlm-caption-size,
      clamp(1.25rem, 1rem + 1vw, 1.625rem)
    );
    line-height: 1.4;
    letter-spacing: -0.01em;
  }
  /* No lines are reserved before the first caption. */
  .caption:has(.hint) {
    block-size: auto;
  }
  /* Errors are shown without scrolling. */
  .caption:has(.failure) {
    min-block-size: calc(var(--fast-vlm-lines, 3) * 1.4em);
    block-size: auto;
  }
  .caption:focus-visible {
    outline: 2px solid var(--accent);
    outline-offset: 4px;
  }
  p {
    margin: 0;
    overflow-wrap: anywhere;
    white-space: pre-wrap;
  }
  .hint {
    color: var(--fast-vlm-muted, light-dark(#5b666b, #9aa7ad));
  }
  p[data-streaming]::after {
    content: "";
    display: inline-block;
    inline-size: 0.45em;
    block-size: 0.9em;
    margin-inline-start: 0.15em;
    margin-inline-end: -0.6em;
    border-radius: 2px;
    background: var(--accent);
    vertical-align: -0.08em;
  }
  /* Texts may have another direction than the page. */
  p,
  .status,
  .failure,
  strong {
    unicode-bidi: plaintext;
  }
  .failure {
    overflow-wrap: anywhere;
    white-space: normal;
    font-size: 1rem;
    line-height: 1.5;
    letter-spacing: 0;
  }
  .failure strong {
    display: block;
    font-weight: 600;
    color: var(--fast-vlm-error, light-dark(#a5281c, #ff9d94));
  }
  .announcer {
    position: absolute;
    inline-size: 1px;
    block-size: 1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }

  @media (prefers-reduced-motion: reduce) {
    p {
      transition: none;
    }
  }

  .progress {
    position: absolute;
    inset: auto 0 0;
    display: grid;
    gap: 0.5rem;
    padding: 2rem 0.75rem 0.75rem;
    background: linear-gradient(#14181b00, #14181be6 2rem);
    font-size: 0.8125rem;
    font-variant-numeric: tabular-nums;
  }
  .phase {
    display: flex;
    align-items: center;
    justify-content: space-between;
    gap: 0.75rem;
  }
  .progress * {
    unicode-bidi: plaintext;
  }
  [data-shows="elsewhere"] .progress {
    position: static;
    margin-block-start: 2.5rem;
    padding-block-start: 0.75rem;
    border-radius: inherit;
    background: var(--fast-vlm-stage, #14181b);
  }
  .phase button {
    min-block-size: 1.75rem;
    padding: 0.2rem 0.7rem;
    border-color: #ffffff80;
    border-radius: 6px;
    background: #0c0f1199;
    outline-color: #6fe0cb;
  }

  progress {
    appearance: none;
    inline-size: 100%;
    block-size: 4px;
    border: 0;
    border-radius: 2px;
    overflow: hidden;
    background: #ffffff33;
  }
  progress::-webkit-progress-bar {
    background: none;
  }
  progress::-webkit-progress-value {
    background: #6fe0cb;
  }
  progress::-moz-progress-bar {
    background: #6fe0cb;
  }
  progress:indeterminate {
    background: linear-gradient(90deg, #ffffff33 40%, #6fe0cb, #ffffff33 60%) 0
      0 / 250% 100%;
    animation: slide 1.6s linear infinite;
  }
  progress:indeterminate::-moz-progress-bar {
    background: none;
  }
  @keyframes slide {
    from {
      background-position: 100% 0;
    }
    to {
      background-position: -66% 0;
    }
  }
  .spin {
    transform-origin: center;
    animation: turn 1s linear infinite;
  }
  @keyframes turn {
    to {
      rotate: 1turn;
    }
  }
  @media (forced-colors: active) {
    .stage,
    .status {
      box-sizing: border-box;
      border: 1px solid;
    }
  }
  @media (prefers-reduced-motion: reduce) {
    .spin,
    progress:indeterminate {
      animation: none;
    }
  }
  @media (forced-colors: active) {
    .progress {
      background: Canvas;
    }
    progress {
      block-size: 8px;
      border: 1px solid;
      background: none;
    }
    progress::-webkit-progress-value {
      background: Highlight;
    }
    progress::-moz-progress-bar {
      background: Highlight;
    }
  }
`;
