//! The drawing list of a plot file: where everything is, for every format.
//!
//! In: a figure. Out: [`Page`]: lines, rectangles, discs, texts and a picture, in pixels, downwards positive.
//! Always holds: later items lie over earlier ones; axes, grid and bars lie on whole pixels.

use super::axes;
use super::color::{Color, on_paper};
use super::figure::{Content, Figure, Series};
use super::font;
use super::histogram::Histogram;
use super::image::{Image, Pixels};
use super::scale::{Scale, Tick};
use super::series::{pieces, points};

const INK: Color = [51, 51, 51];
const AXIS: Color = [110, 110, 110];
const GRID: Color = [230, 230, 230];
const TITLE: f64 = 16.0;
const LABEL: f64 = 13.0;
const TICK: f64 = 12.0;
const TICK_LENGTH: f64 = 5.0;
const BAR_WIDTH: f64 = 14.0;
const LEGEND_SAMPLE: f64 = 22.0;
const LEGEND_LINE: f64 = 20.0;

/// Everything on a page, in the order in which it is drawn.
pub(super) struct Page {
    pub width: f64,
    pub height: f64,
    pub items: Vec<Item>,
}

/// Where a text stands to the place that it is given.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// Something drawn.
pub(super) enum Item {
    Line {
        points: Vec<(f64, f64)>,
        color: Color,
        width: f64,
    },
    Rectangle {
        at: (f64, f64),
        size: (f64, f64),
        color: Color,
    },
    Disc {
        center: (f64, f64),
        radius: f64,
        color: Color,
    },
    /// `at` is on the baseline; `upwards` is read from below to above.
    Text {
        at: (f64, f64),
        text: String,
        size: f64,
        anchor: Anchor,
        upwards: bool,
    },
    Picture {
        at: (f64, f64),
        size: (f64, f64),
        columns: usize,
        rows: usize,
        colors: Vec<Option<Color>>,
    },
}

/// The rectangle between the axes.
#[derive(Clone, Copy)]
struct Area {
    left: f64,
    top: f64,
    width: f64,
    height: f64,
}

impl Area {
    fn bottom(&self) -> f64 {
        self.top + self.height
    }

    fn place(&self, (x, y): (f64, f64)) -> (f64, f64) {
        (self.left + x * self.width, self.bottom() - y * self.height)
    }
}

/// Lays a figure out.
pub(super) fn layout(figure: &Figure) -> Page {
    let (x, y) = axes::scales(figure, 0.04);
    let (width, height) = size(figure, &y);
    let around = margins(figure, &y, height);
    let area = Area {
        left: around.left,
        top: around.top,
        width: (width - around.left - around.right).max(10.0),
        height: (height - around.top - around.bottom).max(10.0),
    };
    let area = if let Content::Image(image) = &figure.content { square_pixels(image, area) } else { area };
    let mut page = Page { width, height, items: Vec::new() };
    page.items.push(Item::Rectangle { at: (0.0, 0.0), size: (width, height), color: [255; 3] });
    let apart = if matches!(figure.content, Content::Image(_)) { 60.0 } else { 90.0 };
    let xticks = axes::ticks(figure, &x, (area.width / apart) as usize);
    let yticks = axes::ticks(figure, &y, (area.height / 50.0) as usize);
    if !matches!(figure.content, Content::Image(_)) {
        grid(&mut page, &area, (&x, &xticks), (&y, &yticks));
    }
    match &figure.content {
        Content::Series(all) => series(&mut page, &area, all, &x, &y),
        Content::Histogram(histogram) => bars(&mut page, &area, histogram, &x, &y),
        Content::Image(image) => picture(&mut page, &area, image, &x, &y),
    }
    horizontal_axis(&mut page, &area, &x, &xticks);
    vertical_axis(&mut page, &area, &y, &yticks);
    titles(&mut page, &area, figure);
    page
}

struct Margins {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
}

fn margins(figure: &Figure, y: &Scale, height: f64) -> Margins {
    let ticks = axes::ticks(figure, y, (height / 50.0) as usize);
    let widest = ticks.iter().map(|tick| font::width(&printed(&tick.label), TICK)).fold(0.0, f64::max);
    let beside = match &figure.content {
        Content::Series(all) => legend_width(all),
        Content::Image(image) => color_bar_width(image),
        Content::Histogram(_) => 0.0,
    };
    Margins {
        left: (18.0 + widest + TICK_LENGTH + 4.0 + if figure.ylabel.is_some() { 24.0 } else { 0.0 }).round(),
        right: (24.0 + beside).round(),
        top: if figure.title.is_some() { 46.0 } else { 20.0 },
        bottom: 36.0 + if figure.xlabel.is_some() { 24.0 } else { 0.0 },
    }
}

/// The page's size: what was asked for, else 800 × 500; around an image, what it needs.
fn size(figure: &Figure, y: &Scale) -> (f64, f64) {
    let asked = |size: Option<usize>, else_: f64| size.map_or(else_, |size| size as f64);
    let Content::Image(image) = &figure.content else {
        return (asked(figure.width, 800.0), asked(figure.height, 500.0));
    };
    let around = margins(figure, y, 500.0);
    let ratio = image.width.max(1) as f64 / image.height.max(1) as f64;
    let (beside, above) = (around.left + around.right, around.top + around.bottom);
    match (figure.width, figure.height) {
        (Some(width), Some(height)) => (width as f64, height as f64),
        (Some(width), None) => (width as f64, ((width as f64 - beside) / ratio + above).clamp(120.0, 5000.0).round()),
        (None, Some(height)) => {
            (((height as f64 - above) * ratio + beside).clamp(160.0, 5000.0).round(), height as f64)
        }
        (None, None) => {
            let wide = (400.0 * ratio).min(640.0);
            ((wide + beside).max(160.0).round(), (wide / ratio + above).max(120.0).round())
        }
    }
}

/// The largest area in which the image's pixels are squares, in the middle.
fn square_pixels(image: &Image, area: Area) -> Area {
    let pixel = (area.width / image.width.max(1) as f64).min(area.height / image.height.max(1) as f64);
    let (width, height) = (pixel * image.width.max(1) as f64, pixel * image.height.max(1) as f64);
    Area {
        left: (area.left + (area.width - width) / 2.0).round(),
        top: (area.top + (area.height - height) / 2.0).round(),
        width: width.round().max(1.0),
        height: height.round().max(1.0),
    }
}

/// A number with a proper minus sign.
fn printed(number: &str) -> String {
    number.replace('-', "−")
}

/// The middle of the pixel at `v`, so that a line of one pixel's width is sharp.
fn crisp(v: f64) -> f64 {
    v.floor() + 0.5
}

fn straight(page: &mut Page, from: (f64, f64), to: (f64, f64), color: Color) {
    let points = vec![(crisp(from.0), crisp(from.1)), (crisp(to.0), crisp(to.1))];
    page.items.push(Item::Line { points, color, width: 1.0 });
}

fn text(page: &mut Page, at: (f64, f64), text: String, size: f64, anchor: Anchor) {
    page.items.push(Item::Text { at, text, size, anchor, upwards: false });
}

fn grid(page: &mut Page, area: &Area, (x, xticks): (&Scale, &[Tick]), (y, yticks): (&Scale, &[Tick])) {
    for at in xticks.iter().filter_map(|tick| x.fraction(tick.at)) {
        let (x, _) = area.place((at, 0.0));
        straight(page, (x, area.top), (x, area.bottom()), GRID);
    }
    for at in yticks.iter().filter_map(|tick| y.fraction(tick.at)) {
        let (_, y) = area.place((0.0, at));
        straight(page, (area.left, y), (area.left + area.width, y), GRID);
    }
}

fn horizontal_axis(page: &mut Page, area: &Area, scale: &Scale, ticks: &[Tick]) {
    let bottom = area.bottom();
    straight(page, (area.left, bottom), (area.left + area.width, bottom), AXIS);
    for at in scale.minor_ticks().into_iter().filter_map(|value| scale.fraction(value)) {
        let (x, _) = area.place((at, 0.0));
        straight(page, (x, bottom), (x, bottom + TICK_LENGTH / 2.0), AXIS);
    }
    let mut taken: Vec<(f64, f64)> = Vec::new();
    for tick in ticks {
        let Some(at) = scale.fraction(tick.at) else { continue };
        let (x, _) = area.place((at, 0.0));
        straight(page, (x, bottom), (x, bottom + TICK_LENGTH), AXIS);
        let label = printed(&tick.label);
        let half = font::width(&label, TICK) / 2.0 + 3.0;
        // A label that would touch another is left out.
        if taken.iter().all(|(from, to)| x + half < *from || x - half > *to) {
            taken.push((x - half, x + half));
            text(page, (x, bottom + TICK_LENGTH + 14.0), label, TICK, Anchor::Middle);
        }
    }
}

fn vertical_axis(page: &mut Page, area: &Area, scale: &Scale, ticks: &[Tick]) {
    straight(page, (area.left, area.top), (area.left, area.bottom()), AXIS);
    for at in scale.minor_ticks().into_iter().filter_map(|value| scale.fraction(value)) {
        let (_, y) = area.place((0.0, at));
        straight(page, (area.left - TICK_LENGTH / 2.0, y), (area.left, y), AXIS);
    }
    for tick in ticks {
        let Some(at) = scale.fraction(tick.at) else { continue };
        let (_, y) = area.place((0.0, at));
        straight(page, (area.left - TICK_LENGTH, y), (area.left, y), AXIS);
        let beside = (area.left - TICK_LENGTH - 4.0, y + TICK * 0.36);
        text(page, beside, printed(&tick.label), TICK, Anchor::End);
    }
}

fn titles(page: &mut Page, area: &Area, figure: &Figure) {
    let middle = area.left + area.width / 2.0;
    if let Some(title) = &figure.title {
        // Over the axes if it fits there, else over the whole page.
        let room = page.width - 24.0;
        let title = font::fitted(title, TITLE, room);
        let half = font::width(&title, TITLE) / 2.0 + 12.0;
        let at = middle.clamp(half.min(page.width / 2.0), (page.width - half).max(page.width / 2.0));
        text(page, (at, area.top - 16.0), title, TITLE, Anchor::Middle);
    }
    if let Some(label) = &figure.xlabel {
        let label = font::fitted(label, LABEL, page.width - 24.0);
        text(page, (middle, area.bottom() + TICK_LENGTH + 38.0), label, LABEL, Anchor::Middle);
    }
    if let Some(label) = &figure.ylabel {
        let label = font::fitted(label, LABEL, page.height - 24.0);
        let at = (22.0, area.top + area.height / 2.0);
        page.items.push(Item::Text { at, text: label, size: LABEL, anchor: Anchor::Middle, upwards: true });
    }
}

fn series(page: &mut Page, area: &Area, all: &[Series], x: &Scale, y: &Scale) {
    for (number, series) in all.iter().enumerate() {
        let color = on_paper(number);
        if series.style.has_line() {
            for piece in pieces(series, x, y, area.width * 2.0) {
                if let [alone] = piece.as_slice() {
                    page.items.push(Item::Disc { center: area.place(*alone), radius: 1.5, color });
                    continue;
                }
                let points = piece.into_iter().map(|point| area.place(point)).collect();
                page.items.push(Item::Line { points, color, width: 1.8 });
            }
        }
        if series.style.has_points() {
            let marks = points(series, x, y, (area.width * 2.0, area.height * 2.0));
            let radius = if marks.len() > 500 { 2.0 } else { 3.0 };
            let discs = marks.into_iter().map(|mark| Item::Disc { center: area.place(mark), radius, color });
            page.items.extend(discs);
        }
    }
    legend(page, area, all);
}

fn legend_width(all: &[Series]) -> f64 {
    let widths = all.iter().filter_map(|series| series.label.as_ref()).map(|label| font::width(label, TICK).min(220.0));
    widths
        .fold(None, |most: Option<f64>, width| Some(most.map_or(width, |most| most.max(width))))
        .map_or(0.0, |widest| widest + LEGEND_SAMPLE + 16.0)
}

/// To the right of the axes, where it hides nothing.
fn legend(page: &mut Page, area: &Area, all: &[Series]) {
    let left = area.left + area.width + 16.0;
    let room = (area.height / LEGEND_LINE).floor().max(1.0) as usize;
    let labelled = all.iter().enumerate().filter_map(|(k, series)| Some((k, series.style, series.label.as_ref()?)));
    for (line, (number, style, label)) in labelled.take(room).enumerate() {
        let color = on_paper(number);
        let middle = area.top + 8.0 + line as f64 * LEGEND_LINE;
        if style.has_line() {
            let points = vec![(left, middle), (left + LEGEND_SAMPLE, middle)];
            page.items.push(Item::Line { points, color, width: 1.8 });
        }
        if style.has_points() {
            page.items.push(Item::Disc { center: (left + LEGEND_SAMPLE / 2.0, middle), radius: 3.0, color });
        }
        let label = font::fitted(label, TICK, 220.0);
        text(page, (left + LEGEND_SAMPLE + 7.0, middle + TICK * 0.36), label, TICK, Anchor::Start);
    }
}

fn bars(page: &mut Page, area: &Area, histogram: &Histogram, x: &Scale, y: &Scale) {
    for (from, to, height) in histogram.bars() {
        let (Some(from), Some(to), Some(height)) = (x.fraction(from), x.fraction(to), y.fraction(height)) else {
            continue;
        };
        let foot = y.fraction(0.0).unwrap_or(0.0).clamp(0.0, 1.0);
        let (from, to) = (from.min(to).clamp(0.0, 1.0), from.max(to).clamp(0.0, 1.0));
        let (left, top) = area.place((from, height.clamp(0.0, 1.0)));
        let (right, bottom) = area.place((to, foot));
        let (left, right) = (left.round(), right.round());
        let gap = if right - left >= 4.0 { 1.0 } else { 0.0 };
        let size = (right - left - gap, (bottom - top).abs());
        if size.0 > 0.0 && size.1 > 0.0 {
            page.items.push(Item::Rectangle { at: (left + gap, top.min(bottom)), size, color: on_paper(0) });
        }
    }
}

fn picture(page: &mut Page, area: &Area, image: &Image, x: &Scale, y: &Scale) {
    if image.width > 0 && image.height > 0 {
        // No more pixels than the page has: a larger image is averaged.
        let columns = image.width.min(area.width as usize).max(1);
        let rows = image.height.min(area.height as usize).max(1);
        let colors = image.colors(columns, rows);
        let corner = |column: f64, row: f64| Some(area.place((x.fraction(column)?, y.fraction(row)?)));
        let whole = (image.width as f64 - 0.5, image.height as f64 - 0.5);
        if let (Some(from), Some(to)) = (corner(-0.5, -0.5), corner(whole.0, whole.1)) {
            let size = (to.0 - from.0, to.1 - from.1);
            page.items.push(Item::Picture { at: from, size, columns, rows, colors });
        }
    }
    color_bar(page, area, image);
}

fn color_bar_width(image: &Image) -> f64 {
    let Pixels::Values { low, high, .. } = &image.pixels else { return 0.0 };
    let ticks = Scale { from: *low, to: *high, log: false }.ticks(8);
    let widest = ticks.iter().map(|tick| font::width(&printed(&tick.label), TICK)).fold(0.0, f64::max);
    BAR_WIDTH + TICK_LENGTH + 8.0 + widest
}

/// What the colours of an image of values mean.
fn color_bar(page: &mut Page, area: &Area, image: &Image) {
    let Pixels::Values { low, high, colormap, .. } = &image.pixels else { return };
    let left = area.left + area.width + 14.0;
    let colors = (0..256).rev().map(|k| Some(colormap.at(f64::from(k) / 255.0))).collect();
    let size = (BAR_WIDTH, area.height);
    page.items.push(Item::Picture { at: (left, area.top), size, columns: 1, rows: 256, colors });
    let right = left + BAR_WIDTH;
    let scale = Scale { from: *low, to: *high, log: false };
    for tick in scale.ticks(((area.height / 50.0) as usize).min(8)) {
        let Some(at) = scale.fraction(tick.at) else { continue };
        let (_, y) = area.place((0.0, at));
        straight(page, (right, y), (right + TICK_LENGTH, y), AXIS);
        text(page, (right + TICK_LENGTH + 4.0, y + TICK * 0.36), printed(&tick.label), TICK, Anchor::Start);
    }
}

/// The colour of text.
pub(super) fn ink() -> Color {
    INK
}
