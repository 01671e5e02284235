//! The table of a benchmark, its picture, and the file that another one is compared with.

use std::path::Path;

use anyhow::{Context as _, Result, anyhow};
use plotters::prelude::{
    BLACK, ChartBuilder, Color as _, EmptyElement, IntoDrawingArea as _, IntoLogRange as _, RGBColor, Rectangle,
    SVGBackend, Text, WHITE,
};
use plotters::style::{IntoFont as _, TextStyle};

use super::load::Measurement;
use xtask::build::kilobytes;

/// What the others are compared with, of as many connections.
pub(super) const BASE: &str = "GET /healthz";
/// What the host does with a component that does nothing.
pub(super) const BARE: &str = "bare component";
/// What the host does with a component that has one statement executed, which the others are compared with too.
pub(super) const BARE_QUERY: &str = "bare component, one statement";
/// What the host does with a component that reads a row of a table.
pub(super) const BARE_ROW: &str = "bare component, one row";
/// What the host does with a component that asks a service.
pub(super) const BARE_REQUEST: &str = "bare component, one request";
/// At how many connections the picture shows the routes.
const SHOWN: usize = 16;
/// Of the picture, in pixels.
const WIDTH: u32 = 900;
const BAR: u32 = 28;
const BAR_MARGIN: u32 = 3;
/// Of a label from the upper left corner of its bar, in pixels.
const LABEL: (i32, i32) = (6, 7);

/// Prints the measurements, each beside `/healthz` and one statement of a bare component at as many connections and beside itself
/// before, and the sizes of the components.
pub(super) fn print(measurements: &[Measurement], before: &[Measurement], sizes: &[(String, u64)]) {
    println!(
        "\n| {:<42} | connections | requests/s | p50 ms | p99 ms | CPU ms | memory MB | of healthz | of one statement | of before |",
        "route"
    );
    println!("|{}|---:|---:|---:|---:|---:|---:|---:|---:|---:|", "-".repeat(44));
    for measurement in measurements {
        println!("{}", line(measurement, measurements, before));
    }
    println!("\n{:<20} {:>11}", "component", "size");
    for (name, size) in sizes {
        println!("{name:<20} {:>11}", kilobytes(*size));
    }
}

fn line(measurement: &Measurement, all: &[Measurement], before: &[Measurement]) -> String {
    let Measurement { route, connections, requests_per_second, p50, p99, cpu, memory } = measurement;
    let of = |rate: Option<f64>| rate.map_or_else(String::new, |rate| format!("{:.3}", requests_per_second / rate));
    let rate_of = |all: &[Measurement], route: &str| {
        let found = all.iter().find(|other| other.route == route && other.connections == *connections);
        found.map(|found| found.requests_per_second)
    };
    format!(
        "| {route:<42} | {connections:>11} | {requests_per_second:>10.0} | {:>6.2} | {:>6.2} | {:>6} | {:>9} | {:>10} | {:>16} | {:>9} |",
        milliseconds(*p50),
        milliseconds(*p99),
        cpu.map_or_else(String::new, |cpu| format!("{:.2}", cpu / 1000.0)),
        memory / 1024,
        of(rate_of(all, BASE)),
        of(rate_of(all, BARE_QUERY)),
        of(rate_of(before, route)),
    )
}

#[expect(clippy::cast_precision_loss, reason = "a latency in microseconds is far below 2^52")]
fn milliseconds(microseconds: u64) -> f64 {
    microseconds as f64 / 1000.0
}

/// Keeps the measurements, for another commit to be compared with.
pub(super) fn save(measurements: &[Measurement], path: &Path) -> Result<()> {
    let text = serde_json::to_string_pretty(measurements)?;
    std::fs::write(path, text + "\n").with_context(|| format!("cannot write {}", path.display()))
}

/// What was kept of another commit.
pub(super) fn read(path: &Path) -> Result<Vec<Measurement>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is no file of this program's", path.display()))
}

/// Draws how many requests per second each route answers at 16 connections, as SVG.
pub(super) fn draw(measurements: &[Measurement], host: &str, path: &Path) -> Result<()> {
    let shown: Vec<_> = measurements.iter().filter(|measurement| measurement.connections == SHOWN).collect();
    let (count, height) = (shown.len(), BAR * (u32::try_from(shown.len())? + 4));
    let failed = |error: &dyn std::fmt::Display| anyhow!("cannot draw {}: {error}", path.display());
    let area = SVGBackend::new(path, (WIDTH, height)).into_drawing_area();
    area.fill(&WHITE).map_err(|error| failed(&error))?;
    let most = shown.iter().map(|measurement| measurement.requests_per_second).fold(10.0, f64::max) * 3.0;
    let title = format!("Requests per second at {SHOWN} connections on {host}, logarithmic");
    let mut chart = ChartBuilder::on(&area)
        .caption(title, ("sans-serif", 16))
        .margin(BAR / 2)
        .x_label_area_size(BAR)
        .build_cartesian_2d((1.0..most).log_scale(), 0..count)
        .map_err(|error| failed(&error))?;
    chart.configure_mesh().disable_y_mesh().disable_y_axis().draw().map_err(|error| failed(&error))?;
    let style = TextStyle::from(("sans-serif", 13).into_font()).color(&BLACK);
    for (place, measurement) in shown.into_iter().rev().enumerate() {
        let rate = measurement.requests_per_second.max(1.0);
        let mut bar = Rectangle::new([(1.0, place), (rate, place + 1)], RGBColor(146, 186, 224).filled());
        bar.set_margin(BAR_MARGIN, BAR_MARGIN, 0, 0);
        chart.draw_series([bar]).map_err(|error| failed(&error))?;
        let label = Text::new(format!("{}: {rate:.0}", measurement.route), LABEL, style.clone());
        chart.draw_series([EmptyElement::at((1.0, place + 1)) + label]).map_err(|error| failed(&error))?;
    }
    area.present().map_err(|error| failed(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measurement(route: &str, requests_per_second: f64) -> Measurement {
        Measurement {
            route: route.to_owned(),
            connections: 16,
            requests_per_second,
            p50: 1500,
            p99: 4000,
            cpu: Some(2000.0),
            memory: 10_240,
        }
    }

    #[test]
    fn a_route_is_compared_with_healthz_with_a_bare_component_and_with_itself_before() {
        let all = [measurement(BASE, 1000.0), measurement(BARE_QUERY, 500.0), measurement("GET /a", 250.0)];
        let before = [measurement("GET /a", 200.0)];
        let line = line(&all[2], &all, &before);
        assert!(line.ends_with("|      0.250 |            0.500 |     1.250 |"), "{line}");
    }

    #[test]
    fn what_was_kept_is_read_again_and_what_was_measured_is_drawn() {
        let folder = tempfile::TempDir::new().unwrap();
        let all = [measurement(BASE, 1000.0), measurement("GET /a", 250.0)];
        let (kept, picture) = (folder.path().join("a.json"), folder.path().join("a.svg"));
        save(&all, &kept).unwrap();
        assert_eq!(read(&kept).unwrap()[1].requests_per_second, 250.0);
        draw(&all, "nothing", &picture).unwrap();
        let picture = std::fs::read_to_string(picture).unwrap();
        assert!(picture.contains("GET /a: 250"), "{picture}");
    }
}
