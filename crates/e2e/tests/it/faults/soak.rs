//! Ten minutes of mixed load, which are too long for every run: `scripts/test -p e2e soak -- --ignored --nocapture`.

use std::time::{Duration, Instant};

use e2e::{App, Load, Server, Stop};
use tokio::time::sleep;

const PEOPLE: usize = 16;
const MINUTES: u64 = 10;
/// Caches are full and every instance has been made once.
const WARM_UP: Duration = Duration::from_secs(60);
/// How long the server is away at each restart.
const AWAY: Duration = Duration::from_secs(5);
/// Of the host's memory after the warm-up: an instance of each component more or less.
const MAX_GROWTH: f64 = 1.1;

#[tokio::test]
#[ignore = "takes ten minutes"]
async fn ten_minutes_of_load_with_three_restarts_lose_nothing_and_memory_stays_flat() {
    let server = Server::create(&[]).unwrap();
    server.start().await.unwrap();
    let app = App::builder().database(server.database().await.unwrap()).start().await.unwrap();
    let mut memory = Vec::new();
    let outcome = Load::on(&app)
        .during(PEOPLE, async {
            let began = Instant::now();
            let mut restarts = [Stop::Fast, Stop::Immediate, Stop::Fast].into_iter().zip([150, 300, 450]).peekable();
            while began.elapsed() < Duration::from_secs(MINUTES * 60) {
                sleep(Duration::from_secs(10)).await;
                if let Some((stop, _)) = restarts.next_if(|(_, at)| began.elapsed() >= Duration::from_secs(*at)) {
                    println!("{:>4} s: Postgres restarts ({stop:?})", began.elapsed().as_secs());
                    server.stop(stop).await?;
                    sleep(AWAY).await;
                    server.start().await?;
                }
                let bytes = app.host().resident_bytes()?;
                println!("{:>4} s: the host occupies {} MiB", began.elapsed().as_secs(), bytes >> 20);
                if began.elapsed() > WARM_UP {
                    memory.push(bytes);
                }
            }
            Ok(())
        })
        .await
        .unwrap();
    println!(
        "{} answers, {} of them 503; {} accounts registered; the slowest answer took {:?}",
        outcome.answers,
        outcome.refusals.len(),
        outcome.registered.len(),
        outcome.slowest
    );
    assert!(!outcome.refusals.is_empty(), "nobody noticed the restarts");
    outcome.check(&app).await.unwrap();
    // The largest of the first and of the last minute: an instance more or less at the moment of reading is no growth.
    let largest = |readings: &[u64]| readings.iter().copied().max().unwrap_or_default() as f64;
    let (first, last) = (largest(&memory[..6]), largest(&memory[memory.len() - 6..]));
    println!("largest in the first minute after warm-up {first}, in the last {last} bytes");
    assert!(last < first * MAX_GROWTH, "the host's memory grew from {first} to {last} bytes");
    app.stop().await.unwrap();
}
