//! Rows that are packed, a piece at a time with their cells in words.

use super::predecessors::Predecessors;
use super::rows::Rows;
use crate::narrow::count32;

/// Cells of a piece, if a sample has no more.
const CELLS: usize = 1 << 16;

/// Memory for pieces of rows, which is kept.
#[derive(Default)]
pub struct Window {
    piece: Rows,
    before: Predecessors,
}

/// Some of the rows of a block, with the instances and strings of all.
#[derive(Clone, Copy)]
pub struct Piece<'a> {
    /// The rows.
    pub rows: &'a Rows,
    /// Whether there are none of the block before them.
    pub is_first: bool,
    /// Whether there are none behind them.
    pub is_last: bool,
}

impl Window {
    /// Shows `rows` piece by piece, with their cells in words: those that are not packed at once.
    pub fn pieces(&mut self, rows: &mut Rows, show: &mut dyn FnMut(Piece<'_>)) {
        if rows.packed_cells().is_none() {
            return show(Piece { rows, is_first: true, is_last: true });
        }
        let mut is_first = true;
        let (width, samples) = (rows.width, rows.samples());
        let piece = &mut self.piece;
        (piece.width, piece.key_width) = (width, rows.key_width);
        // Keys and strings are those of all rows, and moved: they may be large.
        std::mem::swap(&mut piece.keys, &mut rows.keys);
        std::mem::swap(&mut piece.strings, &mut rows.strings);
        std::mem::swap(&mut piece.stacks, &mut rows.stacks);
        std::mem::swap(&mut piece.instances, &mut rows.instances);
        if let Some(packed) = rows.packed_cells() {
            let mut unpacked = packed.unpack(0..width, &mut self.before);
            let mut start = 0;
            for sample in 0..samples {
                let end = rows.row_ends[sample] as usize;
                for &instance in &rows.rows[start..end] {
                    let row = unpacked.next(instance);
                    let first = piece.cells.len();
                    piece.cells.extend_from_slice(&row[..width]);
                    for (at, &bits) in row[width..].iter().enumerate() {
                        put_absent(piece, first + at * 64, bits);
                    }
                }
                unpacked.end_sample();
                piece.rows.extend_from_slice(&rows.rows[start..end]);
                piece.row_ends.push(count32(piece.rows.len()));
                piece.times.push(rows.times[sample]);
                let next_cells =
                    rows.row_ends.get(sample + 1).map_or(0, |next| *next as usize - end) * width;
                let is_last = sample + 1 == samples;
                if is_last || piece.cells.len() + next_cells > CELLS {
                    show(Piece { rows: piece, is_first: std::mem::take(&mut is_first), is_last });
                    piece.forget_rows();
                }
                start = end;
            }
        }
        std::mem::swap(&mut piece.keys, &mut rows.keys);
        std::mem::swap(&mut piece.strings, &mut rows.strings);
        std::mem::swap(&mut piece.stacks, &mut rows.stacks);
        std::mem::swap(&mut piece.instances, &mut rows.instances);
    }
}

/// Marks the cells from `first` on as absent that `bits` says.
fn put_absent(piece: &mut Rows, first: usize, mut bits: u64) {
    while bits != 0 {
        piece.set_absent(first + bits.trailing_zeros() as usize);
        bits &= bits - 1;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{CELLS, Window};
    use crate::block::{Encoder, Rows};
    use crate::record::{RecordBuilder, RecordView};
    use crate::schema::{ColumnType, Schema, unit};
    use proptest::prelude::*;
    use rkyv::util::AlignedVec;

    /// A sample: of each instance that it has, the instance and what its cells are made of.
    type Sample = Vec<(u64, u64)>;

    fn schema(width: u64) -> Schema {
        let schema = Schema::sample("t", "a test", "").key("k", ColumnType::String, "");
        (0..width).fold(schema, |schema, at| match at % 3 {
            0 => schema.state(&format!("s{at}"), ColumnType::String, ""),
            1 => schema.gauge(&format!("g{at}"), ColumnType::U64, unit::COUNT, ""),
            _ => schema.counter(&format!("c{at}"), unit::COUNT, ""),
        })
    }

    /// The samples, three a record, as plain rows and as packed ones.
    fn rows(schema: &Schema, samples: &[Sample]) -> [Rows; 2] {
        let mut both = [Rows::new(schema), Rows::packed(schema)];
        let mut record = RecordBuilder::new(schema);
        let mut archive = AlignedVec::new();
        for (number, records) in samples.chunks(3).enumerate() {
            for (at, sample) in records.iter().enumerate() {
                record.begin_sample((number * 3 + at) as u64);
                for &(instance, seed) in sample {
                    record.instance(|key| key.str(&format!("instance {instance}")));
                    for (at, column) in schema.values.iter().enumerate() {
                        let word = seed.rotate_left(at as u32 % 64) % 7;
                        match word {
                            5 => record.absent(),
                            _ if column.kind == ColumnType::String => {
                                record.str(&format!("text {word}"));
                            }
                            6 => record.u64(seed),
                            _ => record.u64(word),
                        }
                    }
                }
                record.end_sample();
            }
            record.finish(0, &mut archive).unwrap();
            for rows in &mut both {
                let view = RecordView::access(&archive, rows.width, rows.key_width).unwrap();
                rows.append(&view).unwrap();
            }
        }
        both
    }

    fn block(encoder: &mut Encoder, rows: &Rows, schema: &Schema) -> Vec<u8> {
        let mut block = Vec::new();
        encoder.encode(rows, schema, 3, &mut block).unwrap();
        block
    }

    /// The instance of a row and its cells, `None` where one is absent.
    type Row = (u32, Vec<Option<u64>>);

    /// Each sample of some rows: its time and its rows.
    fn all(rows: &Rows, of: &mut Vec<(u64, Vec<Row>)>) {
        let mut start = 0;
        for (sample, &end) in rows.row_ends.iter().enumerate() {
            let cell = |at: usize| (!rows.is_absent(at)).then(|| rows.cells[at]);
            let cells = |row: usize| (row * rows.width..(row + 1) * rows.width).map(cell).collect();
            let row = |row: usize| (rows.rows[row], cells(row));
            of.push((rows.times[sample], (start..end as usize).map(row).collect()));
            start = end as usize;
        }
    }

    /// What packed rows have to have in common with plain ones: their block, byte by byte, and their
    /// pieces.
    fn assert_same(schema: &Schema, samples: &[Sample]) {
        let [mut plain, mut packed] = rows(schema, samples);
        let mut encoder = Encoder::default();
        let expected = block(&mut encoder, &plain, schema);
        for turn in 0..2 {
            assert_eq!(block(&mut encoder, &packed, schema), expected, "turn {turn}");
            let mut window = Window::default();
            let mut both = [Vec::new(), Vec::new()];
            let mut largest = 0;
            for (rows, all_of) in [&mut plain, &mut packed].into_iter().zip(&mut both) {
                let (keys, strings) = (rows.keys.clone(), rows.strings.bytes().to_vec());
                let (mut first, mut last) = (0, 0);
                window.pieces(rows, &mut |piece| {
                    assert!(last == 0 && piece.is_first == all_of.is_empty());
                    (first, last) = (first + u32::from(piece.is_first), u32::from(piece.is_last));
                    let piece = piece.rows;
                    assert_eq!(piece.keys, keys);
                    assert_eq!(piece.strings.bytes(), strings);
                    assert_eq!(piece.instances() * piece.key_width, keys.len());
                    largest = piece.cells.len();
                    all(piece, all_of);
                });
                assert_eq!((first, last), (1, 1));
                assert_eq!((&rows.keys, rows.strings.bytes()), (&keys, &strings[..]));
            }
            let [plain, packed] = both;
            assert_eq!(plain, packed, "turn {turn}");
            let most = samples.iter().map(Vec::len).max().unwrap_or(0) * schema.row_width();
            assert!(largest <= most.max(CELLS), "a piece has {largest} cells");
        }
        // What is forgotten leaves nothing behind.
        packed.clear();
        assert_eq!((packed.samples(), packed.size_bytes()), (0, 0));
    }

    fn samples() -> impl Strategy<Value = (u64, Vec<Sample>)> {
        let seed = prop_oneof![Just(0u64), 0..40u64, any::<u64>()];
        let ragged = prop::collection::btree_map(0..6u64, seed, 0..6);
        let ragged = ragged.prop_map(|sample| sample.into_iter().collect::<Vec<_>>());
        let same = prop::collection::vec(any::<u64>(), 1..4).prop_map(|seeds| {
            let instance = |(at, seed): (usize, u64)| (at as u64, seed);
            seeds.into_iter().enumerate().map(instance).collect::<Vec<_>>()
        });
        let samples = prop_oneof![
            prop::collection::vec(ragged, 1..20),
            (same, 1..20usize).prop_map(|(sample, count)| vec![sample; count]),
        ];
        (1..150u64, samples)
    }

    proptest! {
        #[test]
        fn packed_rows_have_the_block_and_the_pieces_of_plain_rows((width, samples) in samples()) {
            assert_same(&schema(width), &samples);
        }
    }

    #[test]
    fn so_do_rows_of_which_not_all_columns_are_unpacked_at_a_time() {
        for (instances, width, drops) in [(300, 9, 0), (300, 9, 7), (1, 1, 0), (2000, 3, 0)] {
            let sample = |time: u64| {
                let is_there =
                    |instance: &u64| drops == 0 || !(instance + time).is_multiple_of(drops);
                let all = (0..instances).filter(is_there);
                all.map(|instance| (instance, instance / 7 * (time / 2 + 1))).collect()
            };
            let samples: Vec<Sample> = (0..60).map(sample).collect();
            assert_same(&schema(width), &samples);
        }
    }
}
