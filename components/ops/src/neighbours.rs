//! The other components: what each says is wrong with the variables that only it may see.

use std::pin::pin;
use std::time::Duration;

use frontdesk::Problem;
use frontdesk::configuration::{self, Configuration};
use futures::future::{Either, join_all, select};
use http_body_util::{BodyExt as _, Limited};

/// How long a component may take. Not the host's own limit, which does not hold for such calls.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The longest answer that is read, in bytes.
const MAX_ANSWER: usize = 64 * 1024;

/// A component that is asked.
#[derive(Debug)]
pub struct Neighbour {
    /// Its id in `spin.toml`.
    pub id: &'static str,
    /// Its own names for variables of the application, and the names there.
    pub renamed: &'static [(&'static str, &'static str)],
}

/// Every component that has a route, and variables which `ops` has not. A test holds the list to `spin.toml`
/// (crates/e2e/tests/house/neighbours.rs): a call of a component that is not there is a trap.
///
/// A further proxy, which an operator adds to `spin.toml`, is asked when it is added here too. Until then only its own 503
/// `not_configured` and its log tell what it lacks. Nor is `health-poll` asked, which no request can reach: `services` has its
/// `tick_token` as well.
pub const NEIGHBOURS: &[Neighbour] = &[
    Neighbour { id: "auth", renamed: &[] },
    Neighbour { id: "settings", renamed: &[] },
    Neighbour { id: "services", renamed: &[] },
    Neighbour { id: "documents", renamed: &[("upstream", "documents_upstream")] },
];

/// The problems of all of them, asked at the same time, in the order of the list.
pub(crate) async fn problems() -> Vec<Problem> {
    join_all(NEIGHBOURS.iter().map(Neighbour::problems)).await.into_iter().flatten().collect()
}

impl Neighbour {
    /// The problems that it has, or the one that it does not tell them.
    async fn problems(&self) -> Vec<Problem> {
        let answer = match select(pin!(self.ask()), pin!(spin_sdk::time::sleep(TIMEOUT))).await {
            Either::Left((answer, _)) => answer,
            Either::Right(_) => Err("it takes too long".to_owned()),
        };
        match answer {
            Ok(problems) => problems.into_iter().map(|problem| self.rename(problem)).collect(),
            Err(cause) => {
                let problem = Problem::new(self.id, "does not tell whether it is configured (the log says why)");
                vec![problem.caused_by(&cause)]
            }
        }
    }

    async fn ask(&self) -> Result<Vec<Problem>, String> {
        let url = format!("http://{}.spin.internal{}", self.id, configuration::PATH);
        let response = spin_sdk::http::get(url).await.map_err(|error| error.to_string())?;
        // What is broken in it answers with an empty 500.
        if !response.status().is_success() {
            return Err(format!("it answers {}", response.status()));
        }
        let body = Limited::new(response.into_body(), MAX_ANSWER).collect().await.map_err(|error| error.to_string())?;
        let answer: Configuration = serde_json::from_slice(&body.to_bytes()).map_err(|error| error.to_string())?;
        Ok(answer.problems)
    }

    fn rename(&self, problem: Problem) -> Problem {
        match self.renamed.iter().find(|(own, _)| *own == problem.name()) {
            Some((_, name)) => problem.renamed(name),
            None => problem,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_named_as_the_application_calls_it() {
        let neighbour = Neighbour { id: "documents", renamed: &[("upstream", "documents_upstream")] };
        let renamed = |name: &'static str| neighbour.rename(Problem::new(name, "is not set")).to_string();
        assert_eq!(renamed("upstream"), "documents_upstream: is not set");
        assert_eq!(renamed("upstream_timeout"), "upstream_timeout: is not set");
    }
}
