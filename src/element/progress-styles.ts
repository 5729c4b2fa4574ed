import { css } from "lit";

/** Of how far loading has come: not needed before. */
export const progressStyles = css`
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
  .doing {
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
  .doing button {
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
