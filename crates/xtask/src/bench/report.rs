//! The table of a benchmark.

use super::load::Measurement;
use crate::build::kilobytes;

/// Prints the measurements, each beside that of the first route at as many connections, and the sizes of the components.
pub(super) fn print(measurements: &[Measurement], sizes: &[(String, u64)]) {
    println!(
        "\n{:<20} {:>11} {:>11} {:>9} {:>9}   compared with the first",
        "route", "connections", "requests/s", "p50", "p99"
    );
    for measurement in measurements {
        let base = measurements.iter().find(|base| base.connections == measurement.connections);
        println!("{}", line(measurement, base.unwrap_or(measurement)));
    }
    println!("\n{:<20} {:>11}", "component", "size");
    for (name, size) in sizes {
        println!("{name:<20} {:>11}", kilobytes(*size));
    }
}

fn line(measurement: &Measurement, base: &Measurement) -> String {
    let Measurement { path, connections, requests_per_second, p50, p99 } = measurement;
    let figures = format!(
        "{path:<20} {connections:>11} {requests_per_second:>11.0} {:>9} {:>9}",
        milliseconds(*p50),
        milliseconds(*p99)
    );
    if std::ptr::eq(measurement, base) {
        return figures;
    }
    let rate = requests_per_second / base.requests_per_second;
    format!("{figures}   rate x {rate:.2}, p50 x {:.2}", ratio(*p50, base.p50))
}

fn milliseconds(microseconds: u64) -> String {
    format!("{:.2} ms", ratio(microseconds, 1000))
}

#[expect(clippy::cast_precision_loss, reason = "a latency in microseconds is far below 2^52")]
fn ratio(one: u64, other: u64) -> f64 {
    one as f64 / other as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_is_compared_with_the_first() {
        let base = Measurement { path: "/healthz", connections: 1, requests_per_second: 1000.0, p50: 500, p99: 900 };
        let other = Measurement { path: "/api/users/me", requests_per_second: 250.0, p50: 1500, p99: 4000, ..base };
        assert!(!line(&base, &base).contains("rate"));
        assert!(
            line(&other, &base).ends_with("1.50 ms   4.00 ms   rate x 0.25, p50 x 3.00"),
            "{}",
            line(&other, &base)
        );
    }
}
