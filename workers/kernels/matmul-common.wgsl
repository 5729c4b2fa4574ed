// Bindings of all matrix products; see matmul.wgsl.

struct Size {
  rows: u32,
  inner: u32, // K / 4
  columns: u32, // N / 4
  flags: u32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4<Stored>>;
@group(0) @binding(1) var<storage, read> w: array<vec4<Stored>>;
@group(0) @binding(2) var<storage, read> bias: array<vec4<Stored>>;
@group(0) @binding(3) var<storage, read> skip: array<vec4<Stored>>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4<Stored>>;
@group(0) @binding(5) var<uniform> size: Size;

