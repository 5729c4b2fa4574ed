/** Removes JavaScript Promise Integration, which Safari does not have. Import it
 * first. */
Reflect.deleteProperty(WebAssembly, "Suspending");
