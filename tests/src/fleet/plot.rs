//! A picture of curves, in both directions by powers of ten.

use std::fmt::Write as _;
use std::ops::RangeInclusive;

/// A line in the picture.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "it is written out by whoever draws")]
pub struct Curve {
    /// What it shows; empty for one that needs no words.
    pub name: String,
    /// Its colour, and how it is dashed, as SVG has them.
    pub colour: &'static str,
    /// Its dashes.
    pub dashes: &'static str,
    /// Its points; all numbers are above 0.
    pub points: Vec<(f64, f64)>,
}

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 540.0;
const LEFT: f64 = 80.0;
const RIGHT: f64 = 250.0;
const TOP: f64 = 50.0;
const BOTTOM: f64 = 60.0;

/// Draws curves as an SVG. `marks` are the values on the upright axis, with their names.
#[must_use]
pub fn plot(title: &str, across: &str, marks: &[(f64, &str)], curves: &[Curve]) -> String {
    let points = || curves.iter().flat_map(|curve| curve.points.iter().copied());
    let xs = span(points().map(|(x, _)| x));
    let ys = span(points().map(|(_, y)| y).chain(marks.iter().map(|(y, _)| *y)));
    let right = WIDTH - RIGHT;
    let x = |value: f64| LEFT + share(&xs, value) * (right - LEFT);
    let y = |value: f64| HEIGHT - BOTTOM - share(&ys, value) * (HEIGHT - BOTTOM - TOP);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"{LEFT}\" y=\"28\" font-size=\"16\">{title}</text>\n"
    );
    for (value, name) in marks {
        let y = y(*value);
        let _ = writeln!(
            svg,
            "<path d=\"M{LEFT} {y:.1}H{right}\" stroke=\"#ddd\"/>\n\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{name}</text>",
            LEFT - 8.0,
            y + 4.0
        );
    }
    let powers = xs.start().log10().ceil() as i32..=xs.end().log10().floor() as i32;
    let bottom = HEIGHT - BOTTOM;
    for power in powers {
        let at = x(10_f64.powi(power));
        let _ = writeln!(
            svg,
            "<path d=\"M{at:.1} {TOP}V{bottom}\" stroke=\"#ddd\"/>\n\
             <text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            bottom + 18.0,
            thousands(power)
        );
    }
    let _ = writeln!(
        svg,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{across}</text>",
        f64::midpoint(LEFT, right),
        HEIGHT - 14.0
    );
    for curve in curves {
        let line: Vec<String> =
            curve.points.iter().map(|(px, py)| format!("{:.1},{:.1}", x(*px), y(*py))).collect();
        let _ = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\" \
             stroke-dasharray=\"{}\"/>",
            line.join(" "),
            curve.colour,
            curve.dashes
        );
    }
    let named = curves.iter().filter(|curve| !curve.name.is_empty());
    for (number, curve) in named.enumerate() {
        let at = TOP + 12.0 + 22.0 * number as f64;
        let (from, to, text) = (right + 14.0, right + 44.0, right + 50.0);
        let _ = writeln!(
            svg,
            "<path d=\"M{from} {at}H{to}\" stroke=\"{}\" stroke-width=\"2\" \
             stroke-dasharray=\"{}\"/>\n<text x=\"{text}\" y=\"{}\">{}</text>",
            curve.colour,
            curve.dashes,
            at + 4.0,
            curve.name
        );
    }
    svg + "</svg>\n"
}

fn span(values: impl Iterator<Item = f64>) -> RangeInclusive<f64> {
    let (least, most) = values
        .fold((f64::MAX, f64::MIN_POSITIVE), |(least, most), it| (least.min(it), most.max(it)));
    least..=most.max(least)
}

/// Where a value lies in a span, from 0 to 1.
fn share(span: &RangeInclusive<f64>, value: f64) -> f64 {
    let (from, to) = (span.start().ln(), span.end().ln());
    if to > from { (value.ln() - from) / (to - from) } else { 0.5 }
}

/// A power of ten, as people write it.
fn thousands(power: i32) -> String {
    let digits = format!("{:.0}", 10_f64.powi(power));
    let groups: Vec<&str> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .map(|group| std::str::from_utf8(group).unwrap_or_default())
        .collect();
    groups.join(",")
}
