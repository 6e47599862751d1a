// SPDX-License-Identifier: Apache-2.0
//! A plot as SVG.

use std::fmt::Write as _;

use super::Plot;
use super::text::short;

/// Curves differ by their dashes as well as by their color.
const STROKES: [(&str, &str); 8] = [
    ("#888888", "2 3"),
    ("#555555", "8 4"),
    ("#0072b2", ""),
    ("#d55e00", "10 2"),
    ("#009e73", "4 2"),
    ("#cc79a7", "6 2 2 2"),
    ("#e69f00", "1 2"),
    ("#000000", "12 4"),
];
const WIDTH: f64 = 800.0;
const HEIGHT: f64 = 320.0;
const LEFT: f64 = 60.0;
const TOP: f64 = 30.0;

impl Plot {
    /// The plot as SVG.
    #[must_use]
    pub fn svg(&self) -> String {
        let (most, length) = (self.most().max(1e-12), self.length().max(2));
        let total = TOP + HEIGHT + 30.0 + 18.0 * self.curves.len().div_ceil(3) as f64 + 10.0;
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {total}\" font-family=\"sans-serif\" \
             font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
             <text x=\"{LEFT}\" y=\"18\" font-size=\"14\">{}</text>\n",
            LEFT + WIDTH + 20.0,
            escape(&self.title)
        );
        for part in 0..=4 {
            let y = TOP + HEIGHT * (1.0 - f64::from(part) / 4.0);
            let label = short(most * f64::from(part) / 4.0);
            let _ = writeln!(
                out,
                "<path d=\"M{LEFT} {y}h{WIDTH}\" stroke=\"#dddddd\"/><text x=\"{}\" y=\"{}\" text-anchor=\"end\">{label}</text>",
                LEFT - 6.0,
                y + 4.0
            );
            let x = LEFT + WIDTH * f64::from(part) / 4.0;
            let label = short(length as f64 * self.step * f64::from(part) / 4.0);
            let _ = writeln!(
                out,
                "<text x=\"{x}\" y=\"{}\" text-anchor=\"middle\">{label} {}</text>",
                TOP + HEIGHT + 18.0,
                escape(&self.unit)
            );
        }
        for (nth, (curve, (color, dash))) in self.curves.iter().zip(STROKES).enumerate() {
            let mut path = String::new();
            let mut pen_down = false;
            for (at, value) in curve.values.iter().enumerate() {
                if !value.is_finite() {
                    pen_down = false;
                    continue;
                }
                let x = LEFT + WIDTH * (at as f64 + 0.5) / length as f64;
                let y = TOP + HEIGHT * (1.0 - value / most);
                let _ = write!(path, "{}{x:.1} {y:.1}", if pen_down { 'L' } else { 'M' });
                pen_down = true;
            }
            let stroke =
                format!("fill=\"none\" stroke=\"{color}\" stroke-width=\"1.6\" stroke-dasharray=\"{dash}\"");
            let _ = writeln!(out, "<path d=\"{path}\" {stroke}/>");
            let (x, y) = (LEFT + 270.0 * (nth % 3) as f64, TOP + HEIGHT + 40.0 + 18.0 * (nth / 3) as f64);
            let _ = writeln!(
                out,
                "<path d=\"M{x} {}h28\" {stroke}/><text x=\"{}\" y=\"{y}\">{}</text>",
                y - 4.0,
                x + 34.0,
                escape(&curve.name)
            );
        }
        out.push_str("</svg>\n");
        out
    }
}

pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
