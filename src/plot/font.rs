//! The font of plot files.
//!
//! In: text. Out: how wide it is, and the outlines of its glyphs.
//! Always holds: no font of the machine is asked for; a character that the embedded font lacks is an empty box.

use tiny_skia::{Path, PathBuilder, Transform};
use ttf_parser::{Face, GlyphId, OutlineBuilder};

/// DejaVu Sans, a subset: see `font/LICENSE`.
const DATA: &[u8] = include_bytes!("font/DejaVuSans-subset.ttf");

fn face() -> Option<Face<'static>> {
    Face::parse(DATA, 0).ok()
}

/// The glyphs of a text with the place where each begins, and where the last ends, in units of the font.
fn glyphs(face: &Face<'_>, text: &str) -> (Vec<(GlyphId, f64)>, f64) {
    let mut at = 0.0;
    let mut glyphs = Vec::new();
    for character in text.chars() {
        let glyph = face.glyph_index(character).unwrap_or(GlyphId(0));
        glyphs.push((glyph, at));
        at += f64::from(face.glyph_hor_advance(glyph).unwrap_or(0));
    }
    (glyphs, at)
}

/// The width of a text in pixels at that size.
pub(super) fn width(text: &str, size: f64) -> f64 {
    face().map_or(0.0, |face| glyphs(&face, text).1 * size / f64::from(face.units_per_em()))
}

/// The text, or as much of its beginning as is no wider than `room`.
pub(super) fn fitted(text: &str, size: f64, room: f64) -> String {
    if width(text, size) <= room {
        return text.to_string();
    }
    let mut kept: Vec<char> = text.chars().collect();
    while !kept.is_empty() {
        kept.pop();
        let short: String = kept.iter().chain(&['…']).collect();
        if width(&short, size) <= room {
            return short;
        }
    }
    String::new()
}

/// The outlines of a text that begins at the origin, on a baseline at 0, downwards positive.
pub(super) fn outlines(text: &str, size: f64) -> Option<Path> {
    let face = face()?;
    let scale = (size / f64::from(face.units_per_em())) as f32;
    let mut builder = PathBuilder::new();
    for (glyph, at) in glyphs(&face, text).0 {
        let mut pen = Pen { path: PathBuilder::new() };
        face.outline_glyph(glyph, &mut pen);
        let place = Transform::from_row(scale, 0.0, 0.0, -scale, at as f32 * scale, 0.0);
        if let Some(path) = pen.path.finish().and_then(|path| path.transform(place)) {
            builder.push_path(&path);
        }
    }
    builder.finish()
}

struct Pen {
    path: PathBuilder,
}

impl OutlineBuilder for Pen {
    fn move_to(&mut self, x: f32, y: f32) {
        self.path.move_to(x, y);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        self.path.line_to(x, y);
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        self.path.quad_to(x1, y1, x, y);
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        self.path.cubic_to(x1, y1, x2, y2, x, y);
    }

    fn close(&mut self) {
        self.path.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_has_a_width_and_outlines() {
        assert!(width("0.25", 12.0) > 20.0 && width("0.25", 12.0) < 40.0);
        assert!(width("μ ≤ σ², Ω → ∞", 12.0) > 60.0);
        assert!(outlines("−1.5", 12.0).is_some_and(|path| path.bounds().height() > 8.0));
        assert!(outlines("", 12.0).is_none());
        assert_eq!(fitted("abc", 12.0, 1000.0), "abc");
        assert!(fitted(&"wide ".repeat(50), 12.0, 100.0).ends_with('…'));
    }
}
