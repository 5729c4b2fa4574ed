/**
 * Pages that require Trusted Types take the address of a script from a policy
 * only, whose name they may have to allow. What it gives stands for the string.
 */
export interface ScriptPolicy {
  readonly createScriptURL: (address: string) => string;
}

interface TrustingGlobal {
  readonly trustedTypes?: {
    readonly createPolicy: (name: string, rules: ScriptPolicy) => ScriptPolicy;
  };
}

/** One that lets every address through, for addresses that are ours. Undefined
 * where the browser knows none. Throws where the page forbids the name. */
export function scriptPolicy(name: string): ScriptPolicy | undefined {
  const { trustedTypes } = globalThis as TrustingGlobal;
  return trustedTypes?.createPolicy(name, {
    createScriptURL: (address) => address,
  });
}
