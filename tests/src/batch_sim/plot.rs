//! Draws curves on logarithmic axes as an SVG. `xtask` includes this file.

use std::fmt::Write as _;
use std::ops::RangeInclusive;

/// A curve.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Curve {
    /// The name in the legend. If empty, the curve has no entry there.
    pub name: String,
    /// The colour, as in SVG.
    pub colour: &'static str,
    /// The dash pattern, as in SVG.
    pub dashes: &'static str,
    /// The points. All coordinates must be greater than 0.
    pub points: Vec<(f64, f64)>,
}

impl Curve {
    /// A curve without points.
    #[must_use]
    pub fn new(name: &str, colour: &'static str, dashes: &'static str) -> Self {
        Self { name: name.into(), colour, dashes, points: Vec::new() }
    }

    /// The same curve with these points.
    #[must_use]
    pub fn with_points(self, points: Vec<(f64, f64)>) -> Self {
        Self { points, ..self }
    }
}

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 540.0;
const LEFT: f64 = 80.0;
const RIGHT: f64 = 250.0;
const TOP: f64 = 50.0;
const BOTTOM: f64 = 60.0;

/// The colours in a dark page.
const DARK: &str = "@media (prefers-color-scheme: dark) { rect { fill: #0d1117 } text { fill: #e6edf3 } \
    [stroke='#ddd'] { stroke: #30363d } [stroke='#000'] { stroke: #e6edf3 } \
    [stroke='#1b6ca8'] { stroke: #58a6ff } }";

/// Draws curves as an SVG. `marks` are the labelled values of the y axis.
#[must_use]
pub fn plot(title: &str, x_label: &str, marks: &[(f64, &str)], curves: &[Curve]) -> String {
    let points = || curves.iter().flat_map(|curve| curve.points.iter().copied());
    let xs = span(points().map(|(x, _)| x));
    let ys = span(points().map(|(_, y)| y).chain(marks.iter().map(|(y, _)| *y)));
    let right = WIDTH - RIGHT;
    let x = |value: f64| LEFT + position(&xs, value) * (right - LEFT);
    let y = |value: f64| HEIGHT - BOTTOM - position(&ys, value) * (HEIGHT - BOTTOM - TOP);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         font-family=\"sans-serif\" font-size=\"13\">\n\
         <style>{DARK}</style>\n\
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
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{x_label}</text>",
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
    let (min, max) =
        values.fold((f64::MAX, f64::MIN_POSITIVE), |(min, max), it| (min.min(it), max.max(it)));
    min..=max.max(min)
}

/// The position of a value in a span on a logarithmic scale, from 0 to 1.
fn position(span: &RangeInclusive<f64>, value: f64) -> f64 {
    let (from, to) = (span.start().ln(), span.end().ln());
    if to > from { (value.ln() - from) / (to - from) } else { 0.5 }
}

/// A power of ten with thousands separators.
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
