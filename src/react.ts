"use client";
/** The element for React: a component, and the types of the tag itself. */
import { createComponent, type EventName } from "@lit/react";
import * as React from "react";
import "./element/define";
import type { FastVlmEventMap } from "./element/events";
import { FastVlmElement } from "./element/fast-vlm";

type Name<K extends keyof FastVlmEventMap> = EventName<FastVlmEventMap[K]>;

const events = {
  onModelprogress: "modelprogress" as Name<"modelprogress">,
  onReady: "ready" as Name<"ready">,
  onBackendchange: "backendchange" as Name<"backendchange">,
  onFrame: "frame" as Name<"frame">,
  onToken: "token" as Name<"token">,
  onCaption: "caption" as Name<"caption">,
  onConversationchange: "conversationchange" as Name<"conversationchange">,
  onStatechange: "statechange" as Name<"statechange">,
  onEnded: "ended" as Name<"ended">,
  onError: "error" as Name<"error">,
} satisfies {
  [K in keyof FastVlmEventMap as `on${Capitalize<K>}`]: Name<K>;
};

/**
 * `<fast-vlm>`: its properties as props, its events as `onCaption` and so on,
 * its methods by a `ref`. From React 17 on.
 */
export const FastVlm = createComponent({
  react: React,
  tagName: "fast-vlm",
  displayName: "FastVlm",
  elementClass: FastVlmElement,
  events,
});

/** What React 19 takes of a tag: it sets properties and adds listeners. */
type TagProps = React.DetailedHTMLProps<
  React.HTMLAttributes<FastVlmElement>,
  FastVlmElement
> &
  Partial<Omit<FastVlmElement, keyof HTMLElement>> & {
    [K in keyof FastVlmEventMap as `on${K}`]?: (
      event: FastVlmEventMap[K],
    ) => void;
  };

declare module "react" {
  // eslint-disable-next-line @typescript-eslint/no-namespace
  namespace JSX {
    interface IntrinsicElements {
      "fast-vlm": TagProps;
    }
  }
}
