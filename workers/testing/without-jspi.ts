/** To be imported before anything that asks for it: what Safari lacks. */
Reflect.deleteProperty(WebAssembly, "Suspending");
