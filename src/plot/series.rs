//! Series on their axes.
//!
//! In: a series and two scales. Out: lines and points in fractions of the axes.
//! Always holds: everything lies within 0..1; there are no more points than can be told apart.

use super::figure::Series;
use super::scale::Scale;
use std::collections::HashSet;

/// A place: fractions of the horizontal and the vertical axis.
pub(super) type Point = (f64, f64);

/// The series' places, in order; `None` where there is a gap.
fn places<'a>(series: &'a Series, x: &'a Scale, y: &'a Scale) -> impl Iterator<Item = Option<Point>> + 'a {
    series.x.iter().zip(&series.y).map(|(&a, &b)| Some((x.fraction(a)?, y.fraction(b)?)))
}

fn inside((x, y): Point) -> bool {
    let within = |v: f64| (-1e-9..=1.0 + 1e-9).contains(&v);
    within(x) && within(y)
}

/// The marks of a series, those within one of `columns` × `rows` cells once.
pub(super) fn points(series: &Series, x: &Scale, y: &Scale, (columns, rows): (f64, f64)) -> Vec<Point> {
    let mut seen = HashSet::new();
    places(series, x, y)
        .flatten()
        .filter(|&point| inside(point))
        .filter(|(x, y)| seen.insert(((x * columns).round() as i64, (y * rows).round() as i64)))
        .collect()
}

/// The line of a series, in pieces between gaps and borders. A piece of one point is a point that has no neighbours.
///
/// Where many points fall into one of `columns` columns, the first, lowest, highest and last are kept: the drawn line is
/// the same (Jugel et al., "M4", VLDB 2014).
pub(super) fn pieces(series: &Series, x: &Scale, y: &Scale, columns: f64) -> Vec<Vec<Point>> {
    let mut all: Vec<Vec<Point>> = Vec::new();
    let mut run: Vec<Point> = Vec::new();
    for place in places(series, x, y).chain([None]) {
        match place {
            Some(point) => run.push(point),
            None => clip_run(&thin(&std::mem::take(&mut run), columns), &mut all),
        }
    }
    all
}

fn thin(run: &[Point], columns: f64) -> Vec<Point> {
    let column = |point: &Point| (point.0 * columns).floor();
    let mut kept = Vec::new();
    for group in run.chunk_by(|a, b| column(a) == column(b)) {
        if group.len() <= 4 {
            kept.extend_from_slice(group);
            continue;
        }
        let by_height = |a: &(usize, &Point), b: &(usize, &Point)| a.1.1.total_cmp(&b.1.1);
        let lowest = group.iter().enumerate().min_by(by_height).map_or(0, |(k, _)| k);
        let highest = group.iter().enumerate().max_by(by_height).map_or(0, |(k, _)| k);
        let mut picks = [0, lowest.min(highest), lowest.max(highest), group.len() - 1].to_vec();
        picks.dedup();
        kept.extend(picks.into_iter().filter_map(|k| group.get(k)));
    }
    kept
}

/// Adds what of a run of points lies inside the axes.
fn clip_run(run: &[Point], all: &mut Vec<Vec<Point>>) {
    if let [point] = run {
        all.extend(inside(*point).then(|| vec![*point]));
        return;
    }
    let mut piece: Vec<Point> = Vec::new();
    for (&a, &b) in run.iter().zip(run.iter().skip(1)) {
        let Some((from, to)) = clip(a, b) else {
            all.extend((!piece.is_empty()).then(|| std::mem::take(&mut piece)));
            continue;
        };
        if piece.last() != Some(&from) {
            all.extend((!piece.is_empty()).then(|| std::mem::take(&mut piece)));
            piece.push(from);
        }
        piece.push(to);
    }
    all.extend((!piece.is_empty()).then_some(piece));
}

/// The part of a segment inside the unit square (Liang and Barsky, 1984).
fn clip(a: Point, b: Point) -> Option<(Point, Point)> {
    let (dx, dy) = (b.0 - a.0, b.1 - a.1);
    let (mut from, mut to) = (0.0f64, 1.0f64);
    for (direction, room) in [(-dx, a.0), (dx, 1.0 - a.0), (-dy, a.1), (dy, 1.0 - a.1)] {
        if direction == 0.0 {
            if room < 0.0 {
                return None;
            }
            continue;
        }
        let at = room / direction;
        if direction < 0.0 {
            from = from.max(at);
        } else {
            to = to.min(at);
        }
    }
    if from > to {
        return None;
    }
    // The ends themselves where nothing is cut, so that neighbouring segments meet exactly.
    let start = if from > 0.0 { (a.0 + from * dx, a.1 + from * dy) } else { a };
    let end = if to < 1.0 { (a.0 + to * dx, a.1 + to * dy) } else { b };
    Some((start, end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::Style;

    const UNIT: Scale = Scale { from: 0.0, to: 1.0, log: false };

    fn series(x: &[f64], y: &[f64]) -> Series {
        Series { x: x.to_vec(), y: y.to_vec(), label: None, style: Style::Line }
    }

    #[test]
    fn gaps_and_borders_cut_lines() {
        let s = series(&[0.0, 0.5, 0.6, 0.7, 0.8, 0.9], &[0.0, 0.5, f64::NAN, 0.7, f64::INFINITY, 2.0]);
        assert_eq!(pieces(&s, &UNIT, &UNIT, 100.0), [vec![(0.0, 0.0), (0.5, 0.5)], vec![(0.7, 0.7)]]);
        let s = series(&[0.25, 0.5, 0.75], &[0.5, 1.5, 0.5]);
        let cut = pieces(&s, &UNIT, &UNIT, 100.0);
        assert_eq!(cut, [vec![(0.25, 0.5), (0.375, 1.0)], vec![(0.625, 1.0), (0.75, 0.5)]]);
        assert!(pieces(&series(&[2.0, 3.0], &[2.0, 3.0]), &UNIT, &UNIT, 100.0).is_empty());
    }

    #[test]
    fn many_points_become_few() {
        let x: Vec<f64> = (0..100_000).map(|k| f64::from(k) / 1e5).collect();
        let y: Vec<f64> = x.iter().map(|x| 0.5 + 0.5 * (x * 5000.0).sin()).collect();
        let all = pieces(&series(&x, &y), &UNIT, &UNIT, 100.0);
        assert!(matches!(all.as_slice(), [only] if only.len() <= 400), "{}", all.len());
        assert!(points(&series(&x, &x), &UNIT, &UNIT, (100.0, 100.0)).len() <= 101);
    }
}
