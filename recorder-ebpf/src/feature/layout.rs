//! Where columns are within a structure of C: in their order, each aligned to its size.

use super::column::{Cell, Column};

/// The places of the columns of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Those of the keys.
    pub keys: Vec<Place>,
    /// Those of the values.
    pub values: Vec<Place>,
    /// Bytes of the keys, or of keys and values where they are in one structure. Structures end at
    /// a multiple of their largest alignment.
    pub key_bytes: usize,
    /// Bytes of the values, where they are in a structure of their own.
    pub value_bytes: usize,
}

/// One place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// What is there.
    pub cell: Cell,
    /// Bytes before it.
    pub offset: usize,
}

impl Place {
    /// As many of its bytes as a structure has that may end within it.
    pub fn rest_of<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        let rest = bytes.get(self.offset..).unwrap_or_default();
        rest.get(..self.cell.size_bytes()).unwrap_or(rest)
    }

    /// Its bytes within a structure; empty where the structure ends before.
    pub fn bytes_of<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        bytes.get(self.offset..self.offset + self.cell.size_bytes()).unwrap_or_default()
    }
}

impl Layout {
    /// The largest alignment among the keys, of at least 4 bytes: that of a key of a histogram,
    /// whose last member is the number of the bucket.
    pub fn align(&self) -> usize {
        self.keys.iter().map(|place| place.cell.align_bytes()).fold(4, usize::max)
    }

    /// Keys and values in structures of their own.
    pub fn apart(keys: &[Column], values: &[Column]) -> Layout {
        let (keys, key_bytes, _) = places(0, 1, keys);
        let (values, value_bytes, _) = places(0, 1, values);
        Layout { keys, values, key_bytes, value_bytes }
    }

    /// Keys and values in one structure, `before` bytes after its start.
    pub fn together(before: usize, keys: &[Column], values: &[Column]) -> Layout {
        let all: Vec<Column> = keys.iter().chain(values).copied().collect();
        let (mut all, key_bytes, _) = places(before, if before > 0 { 8 } else { 1 }, &all);
        let values = all.split_off(keys.len());
        Layout { keys: all, values, key_bytes, value_bytes: 0 }
    }
}

fn places(before: usize, least_align: usize, columns: &[Column]) -> (Vec<Place>, usize, usize) {
    let (mut end, mut align) = (before, least_align);
    let mut places = Vec::with_capacity(columns.len());
    for column in columns {
        let offset = end.next_multiple_of(column.cell.align_bytes());
        places.push(Place { cell: column.cell, offset });
        end = offset + column.cell.size_bytes();
        align = align.max(column.cell.align_bytes());
    }
    (places, end.next_multiple_of(align), align)
}

#[cfg(test)]
mod tests {
    use super::{Cell, Column, Layout};

    #[test]
    fn columns_lie_where_c_puts_the_members_of_a_structure() {
        let columns = [
            Column::id("a", Cell::U8, ""),
            Column::id("b", Cell::U32, ""),
            Column::text("c", 3, ""),
            Column::id("d", Cell::U16, ""),
            Column::id("e", Cell::U64, ""),
            Column::id("f", Cell::U8, ""),
        ];
        let offsets = |layout: &Layout| {
            let places = layout.keys.iter().chain(&layout.values);
            places.map(|place| place.offset).collect::<Vec<_>>()
        };
        let apart = Layout::apart(&columns, &[]);
        assert_eq!((offsets(&apart), apart.key_bytes), (vec![0, 4, 8, 12, 16, 24], 32));
        let event = Layout::together(8, &columns[..2], &columns[2..3]);
        assert_eq!((offsets(&event), event.key_bytes), (vec![8, 12, 16], 24));
        let key = Layout::apart(&columns[1..3], &[]);
        assert_eq!((offsets(&key), key.key_bytes), (vec![0, 4], 8));
    }
}
