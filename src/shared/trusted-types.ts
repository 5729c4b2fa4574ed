/** A Trusted Types policy. A page that requires Trusted Types accepts script URLs
 * only from a policy whose name it allows. */
export interface ScriptPolicy {
  readonly createScriptURL: (url: string) => string;
}

interface TrustingGlobal {
  readonly trustedTypes?: {
    readonly createPolicy: (name: string, rules: ScriptPolicy) => ScriptPolicy;
  };
}

/** A policy that accepts every URL; pass it only our own. Undefined where the
 * browser has no Trusted Types. Throws where the page forbids the name. */
export function scriptPolicy(name: string): ScriptPolicy | undefined {
  const { trustedTypes } = globalThis as TrustingGlobal;
  return trustedTypes?.createPolicy(name, {
    createScriptURL: (url) => url,
  });
}
