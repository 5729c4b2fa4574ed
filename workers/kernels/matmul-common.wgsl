// Bindings and results of all matrix products; see matmul.wgsl.

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

// y = act(sum + bias) + skip for four columns.
fn write(row: u32, column: u32, sum: vec4f) {
  var value = sum;
  if ((size.flags & BIAS) != 0) {
    value += vec4f(bias[column]);
  }
  value = activate(value, size.flags);
  let at = row * size.columns + column;
  if ((size.flags & SKIP) != 0) {
    value += vec4f(skip[at]);
  }
  y[at] = vec4<Stored>(value);
}

