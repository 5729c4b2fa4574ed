// What both passes of the resize are told; stands before each of them.

struct Tile {
  // First output column and row of this tile, and how many of each.
  column: u32,
  row: u32,
  columns: u32,
  rows: u32,
  // First picture column and row in the texture; how many rows it holds.
  source_column: u32,
  source_row: u32,
  source_rows: u32,
  side: u32,
  // Weights in each row of the tables.
  first_stride: u32,
  second_stride: u32,
  // 1 if what is called a column here is a row of picture and output.
  turned: u32,
}

struct Span {
  start: i32,
  count: i32,
}
