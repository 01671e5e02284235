//! `scripts/up` from the start, each test on a machine of its own without any network: see [`machine`].
//!
//! Not here: what needs a network, which is installing Postgres with apt-get and the compilation target with rustup; and systems
//! other than Linux, which have no such machines.
#![cfg(target_os = "linux")]
#![expect(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "tests fail by panicking")]

mod machine;

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use crate::machine::{Machine, Run, User};

/// What a shell reports for a program that Ctrl-C ended.
const INTERRUPTED: i32 = 130;
const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

#[test]
fn as_root_it_comes_up_with_an_administrator_and_stops_with_all_that_it_started() {
    comes_up_and_stops(User::Root);
}

#[test]
fn without_root_it_comes_up_with_an_administrator_and_stops_with_all_that_it_started() {
    comes_up_and_stops(User::Somebody);
}

fn comes_up_and_stops(user: User) {
    let Some(machine) = Machine::start(user) else { return };
    let mut up = machine.spawn(user, "exec scripts/up");
    let address = wait_until_ready(&mut up);
    assert_eq!(machine.request(address, "GET", "/healthz", JSON, "").0, 200);
    assert_eq!(machine.request(address, "GET", "/readyz", JSON, "").0, 200);
    let account = r#"{"email":"ada@example.com","password":"Correct-Horse","full_name":"Ada"}"#;
    let (status, answer) = machine.request(address, "POST", "/api/auth/register", JSON, account);
    assert_eq!(status, 201, "{answer}");
    assert_eq!(sign_in(&machine, address, "ada@example.com", "Correct-Horse"), 200);

    let curl = up.wait_for("Or with");
    let password =
        curl.split("password=").nth(1).and_then(|rest| rest.split('\'').next()).expect("a password").to_owned();
    assert_eq!(sign_in(&machine, address, "admin@frontdesk.localhost", &password), 200);
    let on_disk = machine.run(user, &format!("grep -rlF -e '{password}' .local .env || echo nowhere"));
    assert_eq!(on_disk.trim(), "nowhere", "the password is shown and kept nowhere");
    assert_stops(&machine, up, "INT");

    let mut up = machine.spawn(user, "exec scripts/up");
    let address = wait_until_ready(&mut up);
    for work in ["[1/", "Building", "Creating", "Generating"] {
        assert!(!up.seen().contains(work), "a second start does nothing again:\n{}", up.seen());
    }
    assert_eq!(sign_in(&machine, address, "ada@example.com", "Correct-Horse"), 200);
    up.wait_for("An administrator exists");
    assert!(!up.seen().contains("Password"), "{}", up.seen());
    assert_stops(&machine, up, "TERM");
}

#[test]
fn without_postgres_and_without_root_it_says_what_to_install_before_it_builds_anything() {
    let Some(machine) = Machine::start(User::Somebody) else { return };
    hide_postgres(&machine);
    touch_a_component(&machine);
    let ended = machine.spawn(User::Somebody, "exec scripts/up").end();
    assert_eq!(ended.status.code(), Some(1), "{}", ended.output);
    let last = ended.output.lines().last().unwrap();
    assert!(
        last.starts_with("error: Postgres 14 or newer is not installed: `sudo apt-get install"),
        "{}",
        ended.output
    );
    assert!(!ended.output.contains("Building"), "it built before it said so: {}", ended.output);
    machine.wait_until_only(nothing);
}

#[test]
fn where_other_programs_have_the_ports_of_postgres_it_takes_another_and_says_so() {
    let Some(machine) = Machine::start(User::Somebody) else { return };
    give_keys(&machine);
    let default = machine.on_its_network(|| TcpListener::bind("127.0.0.1:5432")).unwrap();
    let mut up = machine.spawn(User::Somebody, "exec scripts/up");
    wait_until_ready(&mut up);
    assert_stops(&machine, up, "INT");

    let settings = fs::read_to_string(machine.path(".local/postgres/data/frontdesk.conf")).unwrap();
    let port: u16 = settings.lines().find_map(|line| line.strip_prefix("port = ")).unwrap().parse().unwrap();
    let taken = machine.on_its_network(|| TcpListener::bind(("127.0.0.1", port))).unwrap();
    let mut up = machine.spawn(User::Somebody, "exec scripts/up");
    let address = wait_until_ready(&mut up);
    let moved = format!("Port {port}, which this checkout's Postgres had, is taken: it moves to ");
    assert!(up.seen().contains(&moved), "{}", up.seen());
    assert_eq!(machine.request(address, "GET", "/readyz", JSON, "").0, 200);
    assert_stops(&machine, up, "HUP");
    drop((default, taken));
}

#[test]
fn what_would_weaken_a_deployment_ends_with_the_run() {
    let Some(machine) = Machine::start(User::Somebody) else { return };
    give_keys(&machine);
    // As an earlier version left it, with a line of the user's own, for everybody to read.
    let earlier = "# >>> frontdesk\nSPIN_VARIABLE_COOKIE_SECURE=\"false\"\nSPIN_VARIABLE_MAIL_TRANSPORT=\"log\"\n# <<< frontdesk\n\
                   SPIN_VARIABLE_ACCESS_LIFETIME=600\n";
    machine.run(User::Somebody, &format!("umask 022; printf '%s' '{earlier}' >.env"));
    let mut up = machine.spawn(User::Somebody, "exec scripts/up --listen 0.0.0.0:3100");
    let address = wait_until_ready(&mut up);
    let removed = "Removed from .env, as a later `spin up` is not to obey it: SPIN_VARIABLE_COOKIE_SECURE, SPIN_VARIABLE_MAIL_TRANSPORT\n";
    assert!(up.seen().contains(removed), "{}", up.seen());
    let account = r#"{"email":"ada@example.com","password":"Correct-Horse"}"#;
    assert_eq!(machine.request(address, "POST", "/api/auth/register", JSON, account).0, 201);
    // This run is over plain http all the same.
    assert!(cookies(&machine, address, account).contains(" fd_access="));
    assert_stops(&machine, up, "INT");

    let file = machine.path(".env");
    let text = fs::read_to_string(&file).unwrap();
    for name in ["APP_URL", "COOKIE_SECURE", "MAIL_TRANSPORT", "RATE_LIMIT_SCALE"] {
        assert!(!text.contains(name), "{name} is in .env");
    }
    assert!(text.contains("\nSPIN_VARIABLE_ACCESS_LIFETIME=600\n") && text.contains("SPIN_VARIABLE_DATABASE_URL="));
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);

    // What the operator gives wins.
    let mut up = machine.spawn(User::Somebody, "exec env SPIN_VARIABLE_COOKIE_SECURE=true scripts/up");
    let address = wait_until_ready(&mut up);
    assert!(!up.seen().contains("Removed from .env"), "{}", up.seen());
    assert!(cookies(&machine, address, account).contains(" __Host-fd_access="));
    assert_stops(&machine, up, "INT");
}

/// The head of the answer to somebody who signs in from a browser.
fn cookies(machine: &Machine, address: SocketAddr, account: &str) -> String {
    let (status, answer) = machine.request(address, "POST", "/api/auth/session", JSON, account);
    assert_eq!(status, 200, "{answer}");
    answer
}

#[test]
fn where_another_program_has_its_own_port_it_says_so_before_it_starts_anything() {
    let Some(machine) = Machine::start(User::Somebody) else { return };
    let taken = machine.on_its_network(|| TcpListener::bind("127.0.0.1:3000")).unwrap();
    let ended = machine.spawn(User::Somebody, "exec scripts/up").end();
    assert_eq!(ended.status.code(), Some(1), "{}", ended.output);
    assert!(ended.output.contains("error: port 3000 is in use by another program"), "{}", ended.output);
    assert!(!machine.path(".local/postgres").exists(), "{}", ended.output);
    machine.wait_until_only(nothing);
    drop(taken);
}

#[test]
fn without_the_compilation_target_it_comes_up_as_long_as_there_is_nothing_to_compile() {
    let Some(machine) = Machine::start(User::Somebody) else { return };
    give_keys(&machine);
    machine.run(User::Somebody, "rustup target remove wasm32-wasip2");
    let mut up = machine.spawn(User::Somebody, "exec scripts/up");
    wait_until_ready(&mut up);
    assert_stops(&machine, up, "INT");

    touch_a_component(&machine);
    let ended = machine.spawn(User::Somebody, "exec scripts/up").end();
    assert_eq!(ended.status.code(), Some(1), "{}", ended.output);
    let missing = "error: the compilation target wasm32-wasip2 is missing";
    assert!(ended.output.lines().last().unwrap().starts_with(missing), "{}", ended.output);
    machine.wait_until_only(nothing);
}

#[test]
fn when_it_is_killed_the_host_ends_too_and_the_next_start_takes_postgres_over() {
    let Some(machine) = Machine::start(User::Somebody) else { return };
    give_keys(&machine);
    let mut up = machine.spawn(User::Somebody, "exec scripts/up");
    wait_until_ready(&mut up);
    up.signal("KILL");
    // Postgres may be in use by other commands.
    machine.wait_until_only(is_postgres);
    up.end();

    let mut up = machine.spawn(User::Somebody, "exec scripts/up");
    wait_until_ready(&mut up);
    assert!(up.seen().contains("running already"), "{}", up.seen());
    assert_stops(&machine, up, "INT");

    // Before it could see that Postgres has started.
    let up = machine.spawn(User::Somebody, "exec scripts/up");
    let pid_file = machine.path(".local/postgres/data/postmaster.pid");
    wait_until(|| pid_file.exists());
    up.signal("KILL");
    up.end();
    let mut up = machine.spawn(User::Somebody, "exec scripts/up");
    wait_until_ready(&mut up);
    assert_stops(&machine, up, "INT");
}

#[test]
fn after_a_power_cut_it_comes_up_again() {
    let Some(machine) = Machine::start(User::Somebody) else { return };
    give_keys(&machine);
    let mut up = machine.spawn(User::Somebody, "exec scripts/up");
    wait_until_ready(&mut up);
    // All but the first process and the one that says so.
    machine.run(User::Somebody, "kill -s KILL -- -1");
    up.end();
    let mut up = machine.spawn(User::Somebody, "exec scripts/up");
    let address = wait_until_ready(&mut up);
    assert_eq!(machine.request(address, "GET", "/readyz", JSON, "").0, 200);
    assert_stops(&machine, up, "INT");
}

#[test]
fn a_signal_while_it_starts_leaves_nothing_running_and_nothing_broken() {
    let Some(machine) = Machine::start(User::Somebody) else { return };
    let pid_file = machine.path(".local/postgres/data/postmaster.pid");
    interrupt(&machine, "Creating a Postgres", || true);
    interrupt(&machine, "Running", || pid_file.exists());
    interrupt(&machine, "Generating RS256 keys", || true);
    give_keys(&machine);
    interrupt(&machine, "Components without changes", || true);
    // The host may be ready before the signal is there, which is then the end of a service and no interruption.
    interrupt_or_stop(&machine, "Starting ");
    let mut up = machine.spawn(User::Somebody, "exec scripts/up");
    wait_until_ready(&mut up);
    assert_stops(&machine, up, "INT");
}

#[test]
fn a_signal_while_a_component_is_compiled_ends_the_compiler() {
    let Some(machine) = Machine::start(User::Somebody) else { return };
    give_keys(&machine);
    touch_a_component(&machine);
    interrupt(&machine, "Building components", || {
        machine.processes().iter().any(|command| command.contains("--crate-type cdylib"))
    });
}

/// Starts it and, after that line of its output and as soon as the condition holds, asks it to end.
fn interrupt(machine: &Machine, line: &str, condition: impl FnMut() -> bool) {
    let code = code_when_interrupted(machine, line, condition);
    assert_eq!(code, Some(INTERRUPTED), "after `{line}`");
}

/// The same where it may have come up meanwhile.
fn interrupt_or_stop(machine: &Machine, line: &str) {
    let code = code_when_interrupted(machine, line, || true);
    assert!([Some(INTERRUPTED), Some(0)].contains(&code), "after `{line}`: {code:?}");
}

fn code_when_interrupted(machine: &Machine, line: &str, condition: impl FnMut() -> bool) -> Option<i32> {
    let mut up = machine.spawn(User::Somebody, "exec scripts/up");
    up.wait_for(line);
    wait_until(condition);
    let sent = Instant::now();
    up.signal("TERM");
    let ended = up.end();
    let took = sent.elapsed();
    let facts = format!("after `{line}`, within {took:?}, {}:\n{}", ended.status, ended.output);
    assert!(took < Duration::from_secs(20) && !ended.output.contains("error:"), "{facts}");
    machine.wait_until_only(nothing);
    ended.status.code()
}

/// The address that it serves on.
fn wait_until_ready(up: &mut Run) -> SocketAddr {
    let line = up.wait_for("Frontdesk is ready after ");
    let address = line.split("http://").nth(1).and_then(|rest| rest.split(' ').next());
    address.expect("an address").parse().expect("an address")
}

/// Ends it with a signal, which is success.
fn assert_stops(machine: &Machine, up: Run, signal: &str) {
    up.signal(signal);
    let ended = up.end();
    assert!(ended.status.success(), "{}\n{}", ended.status, ended.output);
    assert!(!ended.output.contains("warning: Postgres"), "{}", ended.output);
    machine.wait_until_only(nothing);
}

fn sign_in(machine: &Machine, address: SocketAddr, email: &str, password: &str) -> u16 {
    let form = format!("username={}&password={password}", email.replace('@', "%40"));
    machine.request(address, "POST", "/api/auth/login", FORM, &form).0
}

fn nothing(_: &str) -> bool {
    false
}

fn is_postgres(command: &str) -> bool {
    command.contains("postgres")
}

fn wait_until(mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < deadline, "it never came to that");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Lays something that is no program over every `pg_ctl` that could be found.
fn hide_postgres(machine: &Machine) {
    let found = "for folder in /usr/lib/postgresql/*/bin /usr/pgsql-*/bin $(echo \"$PATH\" | tr : ' '); do \
                 if [ -f $folder/pg_ctl ]; then mount --bind /dev/null $folder/pg_ctl; fi; done";
    machine.run(User::Root, found);
}

/// Spares the seconds that it takes to make RSA keys. There may be some already, where a signal came too late.
fn give_keys(machine: &Machine) {
    machine.run(User::Somebody, "scripts/generate-jwt-keys --alg EdDSA --force");
}

/// Makes one component out of date.
fn touch_a_component(machine: &Machine) {
    machine.run(User::Somebody, "touch components/ops/src/lib.rs");
}
