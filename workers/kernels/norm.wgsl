// Normalisation of each row after an optional sum:
//   t = x + skip
//   y = (t - mean(t)) / sqrt(mean(t^2) - mean(t)^2 + epsilon) * scale + bias
// or, if not CENTERED (root mean square):
//   y = t / sqrt(mean(t^2) + epsilon) * scale
//
// A thread reads a row twice. Rows are short and there are no barriers, which suits
// software adapters. With SUMS = 1 the output `sums` is t; otherwise the binding
// does not exist. Without skip or bias their bindings are not read.

struct Size {
  rows: u32,
  width: u32, // / 4
  flags: u32,
  epsilon: f32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4<Stored>>;
@group(0) @binding(1) var<storage, read> skip: array<vec4<Stored>>;
@group(0) @binding(2) var<storage, read> scale: array<vec4<Stored>>;
@group(0) @binding(3) var<storage, read> bias: array<vec4<Stored>>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4<Stored>>;
@group(0) @binding(5) var<uniform> size: Size;
@group(0) @binding(6) var<storage, read_write> sums: array<vec4<Stored>>;

const CENTERED = 1u;
const SKIP = 2u;
const BIAS = 4u;

fn term(at: u32) -> vec4f {
  if ((size.flags & SKIP) != 0) {
    return vec4f(x[at]) + vec4f(skip[at]);
  }
  return vec4f(x[at]);
}

fn total(v: vec4f) -> f32 {
  return v.x + v.y + v.z + v.w;
}

@compute @workgroup_size(WIDTH)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= size.rows) {
    return;
  }
  let start = id.x * size.width;
  var sum = vec4f();
  var squares = vec4f();
  for (var i = 0u; i < size.width; i++) {
    let t = term(start + i);
    sum += t;
    squares += t * t;
  }
  let count = f32(4 * size.width);
  var mean = 0.0;
  if ((size.flags & CENTERED) != 0) {
    mean = total(sum) / count;
  }
  let factor = inverseSqrt(total(squares) / count - mean * mean + size.epsilon);
  for (var i = 0u; i < size.width; i++) {
    let t = term(start + i);
    var value = (t - mean) * factor * vec4f(scale[i]);
    if ((size.flags & BIAS) != 0) {
      value += vec4f(bias[i]);
    }
    y[start + i] = vec4<Stored>(value);
    // unroll
    for (var s = 0u; s < SUMS; s++) {
      sums[start + i] = vec4<Stored>(t);
    }
  }
}
