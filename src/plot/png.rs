//! Pages as PNG.
//!
//! In: a page. Out: the bytes of a `.png`.
//! Always holds: one unit of the page is one pixel.

use super::color::Color;
use super::font;
use super::page::{Anchor, Item, Page, ink};
use tiny_skia::{
    FillRule, FilterQuality, LineCap, LineJoin, Paint, Path, PathBuilder, Pixmap, PixmapPaint, Rect, Stroke, Transform,
};

/// The page as a file.
///
/// # Errors
/// When there is no memory for the pixels.
pub(super) fn render(page: &Page) -> Result<Vec<u8>, String> {
    let mut pixels = blank(page.width as usize, page.height as usize)?;
    for item in &page.items {
        draw(&mut pixels, item)?;
    }
    pixels.encode_png().map_err(|error| error.to_string())
}

/// Colours as a file of their own; what has none is transparent.
///
/// # Errors
/// When there is no memory for the pixels.
pub(super) fn picture(columns: usize, rows: usize, colors: &[Option<Color>]) -> Result<Vec<u8>, String> {
    pixmap(columns, rows, colors)?.encode_png().map_err(|error| error.to_string())
}

fn blank(columns: usize, rows: usize) -> Result<Pixmap, String> {
    let size = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let none = || format!("a picture of {columns} × {rows} pixels is too large");
    Pixmap::new(size(columns), size(rows)).ok_or_else(none)
}

fn pixmap(columns: usize, rows: usize, colors: &[Option<Color>]) -> Result<Pixmap, String> {
    let mut pixels = blank(columns, rows)?;
    for (pixel, color) in pixels.pixels_mut().iter_mut().zip(colors) {
        if let Some([r, g, b]) = color {
            *pixel = tiny_skia::ColorU8::from_rgba(*r, *g, *b, 255).premultiply();
        }
    }
    Ok(pixels)
}

fn paint([r, g, b]: Color) -> Paint<'static> {
    let mut paint = Paint::default();
    paint.set_color_rgba8(r, g, b, 255);
    paint
}

fn draw(pixels: &mut Pixmap, item: &Item) -> Result<(), String> {
    match item {
        Item::Line { points, color, width } => {
            let stroke = Stroke {
                width: *width as f32,
                line_cap: LineCap::Round,
                line_join: LineJoin::Round,
                ..Stroke::default()
            };
            if let Some(path) = line(points) {
                pixels.stroke_path(&path, &paint(*color), &stroke, Transform::identity(), None);
            }
        }
        Item::Rectangle { at, size, color } => {
            let frame = Rect::from_xywh(at.0 as f32, at.1 as f32, size.0 as f32, size.1 as f32);
            if let Some(frame) = frame {
                pixels.fill_rect(frame, &paint(*color), Transform::identity(), None);
            }
        }
        Item::Disc { center, radius, color } => {
            if let Some(path) = PathBuilder::from_circle(center.0 as f32, center.1 as f32, *radius as f32) {
                pixels.fill_path(&path, &paint(*color), FillRule::Winding, Transform::identity(), None);
            }
        }
        Item::Text { at, text, size, anchor, upwards } => {
            let back = match anchor {
                Anchor::Start => 0.0,
                Anchor::Middle => font::width(text, *size) / 2.0,
                Anchor::End => font::width(text, *size),
            };
            let turn = if *upwards { -90.0 } else { 0.0 };
            let place =
                Transform::from_translate(-back as f32, 0.0).post_rotate(turn).post_translate(at.0 as f32, at.1 as f32);
            if let Some(path) = font::outlines(text, *size) {
                pixels.fill_path(&path, &paint(ink()), FillRule::Winding, place, None);
            }
        }
        Item::Picture { at, size, columns, rows, colors } => {
            let picture = pixmap(*columns, *rows, colors)?;
            let scale = |size: f64, count: usize| (size / count as f64) as f32;
            let place = Transform::from_scale(scale(size.0, *columns), scale(size.1, *rows))
                .post_translate(at.0 as f32, at.1 as f32);
            let how = PixmapPaint { quality: FilterQuality::Nearest, ..PixmapPaint::default() };
            pixels.draw_pixmap(0, 0, picture.as_ref(), &how, place, None);
        }
    }
    Ok(())
}

fn line(points: &[(f64, f64)]) -> Option<Path> {
    let mut builder = PathBuilder::new();
    for (k, &(x, y)) in points.iter().enumerate() {
        if k == 0 {
            builder.move_to(x as f32, y as f32);
        } else {
            builder.line_to(x as f32, y as f32);
        }
    }
    builder.finish()
}
