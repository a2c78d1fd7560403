//! One value of a table.

use super::calls::innermost;
use super::figures::figures;
use super::scale::{Scale, Units, alone_in};
use crate::rows::{Batch, as_f64};
use crate::sink::histogram::pairs;
use nodemon_formats::ColumnType;
use nodemon_formats::text::{printable, readable};
use std::fmt::Write;

/// How the values of a column are shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Show {
    /// Digit by digit.
    Integer,
    /// Divided, with decimals.
    Scaled(Scale),
    /// Each with a unit of its own; nothing is nothing in any unit.
    OwnUnit(Units),
    /// As text, flush left.
    Text,
    /// A stack: its innermost calls, in about so many characters.
    Calls(usize),
    /// Two digits a byte, flush left.
    Hexadecimal,
    /// Histograms, all of each.
    Buckets,
    /// Histograms in short, of values in this unit.
    Figures(&'static str),
    /// `yes` or `no`.
    Truth,
}

impl Show {
    /// Whether it is flush left, and cut where it is too wide.
    pub fn is_text(self) -> bool {
        match self {
            Show::Text | Show::Calls(_) | Show::Hexadecimal => true,
            Show::Buckets | Show::Figures(_) => true,
            Show::Integer | Show::Scaled(_) | Show::OwnUnit(_) | Show::Truth => false,
        }
    }
}

/// Writes the value of a row; `-` where it is absent.
pub fn write_cell(
    show: Show,
    kind: ColumnType,
    batch: &Batch,
    index: usize,
    row: usize,
    out: &mut String,
) {
    let column = &batch.columns[index];
    if !column.is_present(row) {
        return out.push('-');
    }
    let word = column.words[row];
    let bytes = || batch.strings.get(u32::try_from(word).unwrap_or(u32::MAX));
    // Writing to a string cannot fail.
    let _ = match show {
        Show::Integer => match kind {
            ColumnType::I64 => write!(out, "{}", word.cast_signed()),
            ColumnType::F64 => write!(out, "{}", f64::from_bits(word)),
            _ => write!(out, "{word}"),
        },
        Show::Scaled(scale) => {
            write!(out, "{:.*}", scale.decimals, as_f64(kind, word) / scale.divisor)
        }
        Show::OwnUnit(units) => match as_f64(kind, word) {
            0.0 => write!(out, "0"),
            value => write!(out, "{}", alone_in(units, value)),
        },
        Show::Truth => write!(out, "{}", if word == 0 { "no" } else { "yes" }),
        Show::Text => {
            out.push_str(&printable(&readable(bytes())));
            Ok(())
        }
        Show::Calls(room) => {
            out.push_str(&innermost(&printable(&readable(bytes())), room));
            Ok(())
        }
        Show::Buckets => {
            let mut text = Vec::new();
            pairs(bytes(), &mut text);
            out.push_str(&String::from_utf8_lossy(&text));
            Ok(())
        }
        Show::Figures(unit) => {
            figures(bytes(), unit, out);
            Ok(())
        }
        Show::Hexadecimal => bytes().iter().try_for_each(|byte| write!(out, "{byte:02x}")),
    };
}
