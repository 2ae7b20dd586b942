//! A rectangle of characters with colours.
//!
//! In: characters and dots at places. Out: lines of text.
//! Always holds: what lies outside the rectangle is not drawn.

use super::ColorDepth;
use crate::plot::color::Color;

/// One place.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct Cell {
    pub character: char,
    pub color: Option<Color>,
    pub behind: Option<Color>,
}

const BLANK: Cell = Cell { character: ' ', color: None, behind: None };
/// The first braille pattern: no dots.
const BRAILLE: u32 = 0x2800;

/// Characters in rows.
pub(super) struct Screen {
    rows: Vec<Vec<Cell>>,
}

impl Screen {
    pub fn new(columns: usize, rows: usize) -> Screen {
        Screen { rows: vec![vec![BLANK; columns]; rows] }
    }

    fn cell(&mut self, column: usize, row: usize) -> Option<&mut Cell> {
        self.rows.get_mut(row)?.get_mut(column)
    }

    pub fn put(&mut self, column: usize, row: usize, cell: Cell) {
        if let Some(place) = self.cell(column, row) {
            *place = cell;
        }
    }

    pub fn mark(&mut self, column: usize, row: usize, character: char, color: Option<Color>) {
        self.put(column, row, Cell { character, color, behind: None });
    }

    pub fn write(&mut self, column: usize, row: usize, text: &str) {
        for (k, character) in text.chars().enumerate() {
            self.mark(column + k, row, character, None);
        }
    }

    /// Whether nothing is written from a column to another, end left out.
    pub fn is_blank(&self, row: usize, columns: std::ops::Range<usize>) -> bool {
        let cells = self.rows.get(row).and_then(|cells| cells.get(columns));
        cells.is_some_and(|cells| cells.iter().all(|cell| *cell == BLANK))
    }

    /// Sets one of the 2 × 4 dots of a cell.
    pub fn dot(&mut self, x: usize, y: usize, color: Option<Color>) {
        let bit = match (x % 2, y % 4) {
            (0, 3) => 0x40,
            (_, 3) => 0x80,
            (0, row) => 1 << row,
            (_, row) => 8 << row,
        };
        if let Some(cell) = self.cell(x / 2, y / 4) {
            let known = cell.character as u32;
            let dots = if (BRAILLE..BRAILLE + 256).contains(&known) { known } else { BRAILLE };
            cell.character = char::from_u32(dots | bit).unwrap_or(' ');
            cell.color = color;
        }
    }

    /// The rows as text, without blanks at their ends.
    pub fn lines(&self, colors: ColorDepth) -> Vec<String> {
        self.rows.iter().map(|row| line(row, colors)).collect()
    }
}

fn line(row: &[Cell], colors: ColorDepth) -> String {
    let end = row.iter().rposition(|cell| *cell != BLANK).map_or(0, |last| last + 1);
    let mut out = String::new();
    let mut before = (None, None);
    for cell in row.iter().take(end) {
        let now = (cell.color, cell.behind);
        if now != before {
            out.push_str(&switch(now, colors));
            before = now;
        }
        out.push(cell.character);
    }
    if before != (None, None) {
        out.push_str(&switch((None, None), colors));
    }
    out
}

/// The escape sequence that changes colours.
fn switch((color, behind): (Option<Color>, Option<Color>), colors: ColorDepth) -> String {
    if colors == ColorDepth::None {
        return String::new();
    }
    let code = |layer: u8, [r, g, b]: Color| match colors {
        ColorDepth::Full => format!(";{layer};2;{r};{g};{b}"),
        _ => format!(";{layer};5;{}", indexed([r, g, b])),
    };
    let color = color.map(|color| code(38, color)).unwrap_or_default();
    let behind = behind.map(|color| code(48, color)).unwrap_or_default();
    format!("\x1b[0{color}{behind}m")
}

/// The nearest in the 6 × 6 × 6 cube and the 24 greys of xterm's 256 colours.
fn indexed(color: Color) -> u8 {
    const LEVELS: [u8; 6] = [0, 95, 135, 175, 215, 255];
    let apart = |other: Color| color.iter().zip(other).map(|(&a, b)| (i32::from(a) - i32::from(b)).pow(2)).sum::<i32>();
    let cube = LEVELS.iter().enumerate().flat_map(|(i, &r)| {
        LEVELS.iter().enumerate().flat_map(move |(j, &g)| {
            LEVELS.iter().enumerate().map(move |(k, &b)| ((16 + 36 * i + 6 * j + k) as u8, [r, g, b]))
        })
    });
    let grays = (0..24u8).map(|k| (232 + k, [8 + 10 * k; 3]));
    cube.chain(grays).min_by_key(|(_, other)| apart(*other)).map_or(15, |(index, _)| index)
}

/// A text in a colour.
pub(super) fn colored(text: &str, color: Option<Color>, colors: ColorDepth) -> String {
    match color {
        Some(_) => format!("{}{text}{}", switch((color, None), colors), switch((None, None), colors)),
        None => text.to_string(),
    }
}

/// As much of a text as there is room for.
pub(super) fn fitted(text: &str, room: usize) -> String {
    if text.chars().count() <= room {
        return text.to_string();
    }
    text.chars().take(room.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colors_become_the_nearest_of_256() {
        assert_eq!(indexed([255, 0, 0]), 196);
        assert_eq!(indexed([0, 0, 0]), 16);
        assert_eq!(indexed([128, 128, 128]), 244);
        assert_eq!(colored("x", Some([255, 0, 0]), ColorDepth::Indexed), "\x1b[0;38;5;196mx\x1b[0m");
        assert_eq!(colored("x", Some([255, 0, 0]), ColorDepth::None), "x");
    }
}
