//! Pages as SVG.
//!
//! In: a page. Out: the text of an `.svg`.
//! Always holds: the text is the same on every machine, and nothing outside the file is needed to show it.

use super::color::Color;
use super::page::{Anchor, Item, Page, ink};
use super::png;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fmt::Write;

/// The page as a document.
///
/// # Errors
/// When there is no memory for a picture.
pub(super) fn render(page: &Page) -> Result<String, String> {
    let (width, height) = (page.width, page.height);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"'DejaVu Sans', Verdana, Helvetica, Arial, sans-serif\" \
         fill=\"{}\">\n",
        hex(ink())
    );
    for item in &page.items {
        // Writing into a string cannot fail.
        let _ = writeln!(out, "{}", element(item)?);
    }
    out.push_str("</svg>\n");
    Ok(out)
}

fn element(item: &Item) -> Result<String, String> {
    Ok(match item {
        Item::Line { points, color, width } => format!(
            "<path d=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{}\" stroke-linejoin=\"round\" \
             stroke-linecap=\"round\"/>",
            path(points),
            hex(*color),
            number(*width)
        ),
        Item::Rectangle { at, size, color } => format!("<rect {} fill=\"{}\"/>", frame(*at, *size), hex(*color)),
        Item::Disc { center: (x, y), radius, color } => format!(
            "<circle cx=\"{}\" cy=\"{}\" r=\"{}\" fill=\"{}\"/>",
            number(*x),
            number(*y),
            number(*radius),
            hex(*color)
        ),
        Item::Text { at: (x, y), text, size, anchor, upwards } => {
            let (x, y) = (number(*x), number(*y));
            let turned = if *upwards { format!(" transform=\"rotate(-90 {x} {y})\"") } else { String::new() };
            let anchor = match anchor {
                Anchor::Start => "start",
                Anchor::Middle => "middle",
                Anchor::End => "end",
            };
            let text = escaped(text);
            format!("<text x=\"{x}\" y=\"{y}\" font-size=\"{size}\" text-anchor=\"{anchor}\"{turned}>{text}</text>")
        }
        Item::Picture { at, size, columns, rows, colors } => {
            let file = STANDARD.encode(png::picture(*columns, *rows, colors)?);
            format!(
                "<image {} preserveAspectRatio=\"none\" style=\"image-rendering:pixelated\" \
                 href=\"data:image/png;base64,{file}\"/>",
                frame(*at, *size)
            )
        }
    })
}

fn frame((x, y): (f64, f64), (width, height): (f64, f64)) -> String {
    let [x, y, width, height] = [x, y, width, height].map(number);
    format!("x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"")
}

fn path(points: &[(f64, f64)]) -> String {
    let mut out = String::new();
    for (k, (x, y)) in points.iter().enumerate() {
        let _ = write!(out, "{}{} {}", if k == 0 { "M" } else { " L" }, number(*x), number(*y));
    }
    out
}

/// A hundredth of a pixel is more than anyone sees.
fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".into() } else { text.into() }
}

fn hex([r, g, b]: Color) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
