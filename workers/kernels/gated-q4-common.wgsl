// Bindings of gated-q4.wgsl and gated-q4-row.wgsl.

struct Size {
  inner: u32, // K / 4
  columns: u32, // N
  blocks: u32, // of a column
  epsilon: f32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4<Stored>>;
@group(0) @binding(1) var<storage, read> skip: array<vec4<Stored>>;
@group(0) @binding(2) var<storage, read> gamma: array<vec4<Stored>>;
@group(0) @binding(3) var<storage, read> gate: array<u32>;
@group(0) @binding(4) var<storage, read> gate_scales: array<Stored>;
@group(0) @binding(5) var<storage, read> up: array<u32>;
@group(0) @binding(6) var<storage, read> up_scales: array<Stored>;
@group(0) @binding(7) var<storage, read_write> y: array<Stored>;
@group(0) @binding(8) var<uniform> size: Size;
@group(0) @binding(9) var<storage, read_write> terms: array<vec4<Stored>>;

fn term(at: u32) -> vec4f {
  return vec4f(x[at]) + vec4f(skip[at]);
}

// `thread` of `threads` writes its share of the terms.
fn write_terms(thread: u32, threads: u32) {
  for (var at = thread; at < size.inner; at += threads) {
    terms[at] = vec4<Stored>(term(at));
  }
}

// `squares`: the sum of t^2. The norm is linear, so that its factor can be applied to
// the sums.
fn write(column: u32, gate_sum: f32, up_sum: f32, squares: f32) {
  let factor = inverseSqrt(squares / f32(4 * size.inner) + size.epsilon);
  let g = gate_sum * factor;
  y[column] = Stored(g / (1.0 + exp(-g)) * (up_sum * factor));
}
