//! The cron trigger: runs a component whenever its expression says so, in UTC.
//!
//! As Spin's cron plugin does it: a fresh instance for every run, the first one at the next match and not at the start,
//! runs may overlap, what was missed stays missed, and a run that fails is told and changes nothing.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use chrono::{DateTime, Utc};
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use wasmtime::component::InstancePre;

use crate::bindings::cron::SpinCronPre;
use crate::bindings::cron::spin::cron::cron_types::{Error, Metadata};
use crate::console;
use crate::instance::{self, Component, State};

/// The longest sleep: a clock that is set, or a machine that was suspended, is noticed after it.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

/// One `[[trigger.cron]]`.
pub(crate) struct Schedule {
    expression: Cron,
    component: Arc<Component>,
    service: SpinCronPre<State>,
}

impl Schedule {
    /// # Errors
    ///
    /// The component has not the export of `spin:cron@3.0.0`.
    pub(crate) fn new(
        expression: Cron,
        component: Arc<Component>,
        instance: InstancePre<State>,
    ) -> wasmtime::Result<Self> {
        Ok(Self { expression, component, service: SpinCronPre::new(instance)? })
    }

    /// Runs the component at every match, until the expression matches no time to come.
    pub(crate) async fn run(self: Arc<Self>) {
        let mut after = Utc::now();
        while let Some(due) = next(&self.expression, after) {
            sleep_until(due).await;
            // A match that has passed meanwhile is skipped, and the one that is due now is not found again.
            after = due.max(Utc::now());
            let schedule = self.clone();
            tokio::spawn(async move {
                if let Err(error) = schedule.tick(after).await {
                    console::error(&format!("component {} failed: {error:#}", schedule.component.id));
                }
            });
        }
    }

    async fn tick(&self, now: DateTime<Utc>) -> anyhow::Result<()> {
        let mut store = instance::store(self.service.engine(), &self.component);
        let guest = self.service.instantiate_async(&mut store).await?;
        let metadata = Metadata { timestamp: now.timestamp().try_into()? };
        let result: Result<(), Error> =
            store.run_concurrent(async |accessor| guest.call_handle_cron_event(accessor, metadata).await).await??;
        result.map_err(anyhow::Error::from)
    }
}

/// Parses an expression of six fields, seconds first, with the settings of the scheduler in Spin's plugin
/// (tokio-cron-scheduler 0.13).
pub(crate) fn parse(expression: &str) -> anyhow::Result<Cron> {
    CronParser::builder()
        .seconds(Seconds::Required)
        .year(Year::Disallowed)
        // A day of the month and a day of the week have both to match.
        .dom_and_dow(true)
        // `0/30` for `*/30`, which the older version of the crate there takes.
        .sloppy_ranges(true)
        .build()
        .parse(expression)
        .with_context(|| format!("{expression:?} is not a cron expression of six fields, seconds first"))
}

/// The first match after `after`, if there is one: 30 February never comes.
fn next(expression: &Cron, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
    expression.find_next_occurrence(&after, false).ok()
}

async fn sleep_until(due: DateTime<Utc>) {
    while let Ok(left) = (due - Utc::now()).to_std() {
        if left.is_zero() {
            break;
        }
        tokio::time::sleep(left.min(LONGEST_SLEEP)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(expression: &str, after: &str, count: usize) -> Vec<String> {
        let expression = parse(expression).unwrap();
        let mut after: DateTime<Utc> = after.parse().unwrap();
        (0..count)
            .map(|_| {
                after = next(&expression, after).unwrap();
                after.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)
            })
            .collect()
    }

    #[test]
    fn seconds_come_first() {
        for expression in ["*/30 * * * * *", "0/30 * * * * *", "0,30 * * * * *"] {
            assert_eq!(
                matches(expression, "2026-01-01T00:00:10Z", 3),
                ["2026-01-01T00:00:30Z", "2026-01-01T00:01:00Z", "2026-01-01T00:01:30Z"],
                "{expression}"
            );
        }
    }

    #[test]
    fn a_match_is_not_found_again_within_its_second() {
        assert_eq!(
            matches("* * * * * *", "2026-01-01T00:00:00.5Z", 2),
            ["2026-01-01T00:00:01Z", "2026-01-01T00:00:02Z"]
        );
    }

    #[test]
    fn hours_are_those_of_utc() {
        assert_eq!(matches("0 0 6 * * *", "2026-07-01T00:00:00Z", 1), ["2026-07-01T06:00:00Z"]);
    }

    #[test]
    fn a_day_of_the_month_and_a_day_of_the_week_have_both_to_match() {
        assert_eq!(
            matches("0 0 0 13 * 5", "2026-01-01T00:00:00Z", 2),
            ["2026-02-13T00:00:00Z", "2026-03-13T00:00:00Z"]
        );
    }

    #[test]
    fn anything_but_six_fields_is_an_error() {
        for expression in ["* * * * *", "* * * * * * *", "x * * * * *", "60 * * * * *", ""] {
            assert!(parse(expression).is_err(), "{expression:?}");
        }
    }
}
