// Appends the sampled ids to the answer and advances the lengths:
//   ids      a ring of the answer's ids
//   used     one bit per id
//   lengths  seqlens_k and total_sequence_length of the next step
//
// Row i of the logits follows the first i ids of the draft. The drafted ids that
// equal the sampled ones are accepted, and the id sampled after the last of them
// is one more. Without a draft this is picked[0] alone. A draft is used once.

@group(0) @binding(0) var<storage, read> picked: array<i32>;
@group(0) @binding(1) var<storage, read_write> draft: array<u32>;
@group(0) @binding(2) var<storage, read_write> ids: array<i32>;
@group(0) @binding(3) var<storage, read_write> used: array<u32>;
@group(0) @binding(4) var<storage, read_write> seqlens_k: array<i32>;
@group(0) @binding(5) var<storage, read_write> total_sequence_length: array<i32>;

@compute @workgroup_size(1)
fn main() {
  let drafted = draft[0];
  let ring = arrayLength(&ids) - 1;
  var count = 0u;
  var accepted = true;
  while (accepted) {
    let id = u32(picked[count]);
    ids[1 + (u32(ids[0]) + count) % ring] = i32(id);
    used[id / 32] |= 1u << (id & 31);
    accepted = count < drafted && draft[1 + count] == id;
    count++;
  }
  draft[0] = 0;
  ids[0] += i32(count);
  seqlens_k[0] += i32(count);
  total_sequence_length[0] += i32(count);
}
