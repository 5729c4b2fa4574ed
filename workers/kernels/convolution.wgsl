// Bindings of all convolutions; each declares its own input x.

struct Size {
  width: u32,
  height: u32,
  channels: u32, // output channels / 4
  out_width: u32,
  out_height: u32,
  left: u32,
  top: u32,
  flags: u32,
}

@group(0) @binding(1) var<storage, read> w: array<vec4<Stored>>;
@group(0) @binding(2) var<storage, read> bias: array<vec4<Stored>>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4<Stored>>;
@group(0) @binding(4) var<uniform> size: Size;

