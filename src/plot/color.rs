//! Colours: of series, and of an image's values.
//!
//! In: a series' number or a value in 0..1. Out: [`Color`].
//! Always holds: series stay apart for people who do not see all colours (palette of Okabe and Ito, 2008).

/// Red, green, blue.
pub type Color = [u8; 3];

/// Okabe and Ito's palette in the order that stands out on white.
const ON_PAPER: [Color; 7] =
    [[0, 114, 178], [213, 94, 0], [0, 158, 115], [204, 121, 167], [230, 159, 0], [86, 180, 233], [0, 0, 0]];

/// The same palette in an order that stands out on white and on black.
const IN_TERMINAL: [Color; 6] =
    [[86, 180, 233], [230, 159, 0], [0, 158, 115], [204, 121, 167], [213, 94, 0], [0, 114, 178]];

/// The colour of the series of that number in a file.
pub(super) fn on_paper(series: usize) -> Color {
    ON_PAPER.get(series % ON_PAPER.len()).copied().unwrap_or_default()
}

/// The colour of the series of that number in a terminal.
pub(super) fn in_terminal(series: usize) -> Color {
    IN_TERMINAL.get(series % IN_TERMINAL.len()).copied().unwrap_or_default()
}

/// How values become colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Colormap {
    /// From dark violet to yellow, even to the eye.
    #[default]
    Viridis,
    /// From blue to yellow, even to every eye.
    Cividis,
    /// From black over violet to white.
    Magma,
    /// From black over red to yellow.
    Inferno,
    /// From blue over red to yellow.
    Plasma,
    /// From black to white.
    Gray,
}

impl Colormap {
    /// Every colormap by its name in a program.
    pub const ALL: [(&'static str, Colormap); 6] = [
        ("viridis", Colormap::Viridis),
        ("cividis", Colormap::Cividis),
        ("magma", Colormap::Magma),
        ("inferno", Colormap::Inferno),
        ("plasma", Colormap::Plasma),
        ("gray", Colormap::Gray),
    ];

    /// The colour of `t` in 0..1.
    pub fn at(self, t: f64) -> Color {
        let t = t.clamp(0.0, 1.0);
        let gradient = match self {
            Colormap::Viridis => colorous::VIRIDIS,
            Colormap::Cividis => colorous::CIVIDIS,
            Colormap::Magma => colorous::MAGMA,
            Colormap::Inferno => colorous::INFERNO,
            Colormap::Plasma => colorous::PLASMA,
            Colormap::Gray => return [(t * 255.0).round() as u8; 3],
        };
        gradient.eval_continuous(t).as_array()
    }
}

/// How bright a colour is, in 0..1 (Rec. 709).
pub(super) fn brightness([r, g, b]: Color) -> f64 {
    (0.2126 * f64::from(r) + 0.7152 * f64::from(g) + 0.0722 * f64::from(b)) / 255.0
}
