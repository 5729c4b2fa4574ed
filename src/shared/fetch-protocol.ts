/**
 * How the worker asks the page's own `fetch`: it posts a request, with a port
 * on which the answer comes, a piece at a time. Types only.
 */

export interface FetchRequest {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** The next piece is wanted, or nothing any more. */
export type FetchWish = "next" | "end";

export type FetchAnswer =
  | {
      readonly type: "head";
      readonly status: number;
      readonly headers: readonly (readonly [name: string, value: string])[];
      readonly hasBody: boolean;
    }
  | { readonly type: "piece"; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly type: "end" }
  | { readonly type: "failed"; readonly message: string };
