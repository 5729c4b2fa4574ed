// Uniform and table entries of both passes of the resize; prepended to them.

struct Tile {
  // First output column and row of this tile, and their numbers.
  column: u32,
  row: u32,
  columns: u32,
  rows: u32,
  // First image column and row in the texture; number of rows in the texture.
  source_column: u32,
  source_row: u32,
  source_rows: u32,
  size: u32,
  // Row strides of the weight tables.
  first_stride: u32,
  second_stride: u32,
  // 1 if the first pass goes along columns: rows and columns swap their meaning.
  turned: u32,
  // Colour behind transparent pixels: red in the lowest byte, green, blue.
  background: u32,
}

struct Span {
  start: i32,
  count: i32,
}
