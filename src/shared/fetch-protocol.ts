/**
 * How the worker uses the page's own `fetch`: it posts a request together with a
 * port, on which the response is sent one chunk at a time. Types only.
 */

export interface FetchRequest {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Worker to page: send the next chunk, or stop. */
export type FetchCommand = "next" | "end";

/** Page to worker. */
export type FetchReply =
  | {
      readonly type: "head";
      /** After redirects. */
      readonly url: string;
      readonly status: number;
      readonly headers: readonly (readonly [name: string, value: string])[];
      readonly hasBody: boolean;
    }
  | { readonly type: "chunk"; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly type: "end" }
  | { readonly type: "failed"; readonly message: string };
