use super::*;

fn sources(command_line: &[(&str, &str)], environment: &[(&str, &str)], dotenv: Option<&str>) -> Sources {
    let own = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<HashMap<_, _>>()
    };
    let environment = own(environment);
    let folder = tempfile::tempdir().unwrap();
    let dotenv_path = folder.path().join(".env");
    if let Some(content) = dotenv {
        std::fs::write(&dotenv_path, content).unwrap();
    }
    let sources = Sources::with_environment(
        own(command_line),
        Box::new(move |name| environment.get(name).cloned().ok_or(VarError::NotPresent)),
        dotenv_path,
    );
    // The file is read at the first look-up, and the folder lives no longer than this function.
    let _ = sources.get("read_now");
    sources
}

fn variables(application: &[(&str, Option<&str>)], sources: Sources) -> Variables {
    let application =
        application.iter().map(|(name, default)| ((*name).to_owned(), default.map(str::to_owned))).collect();
    Variables::new(application, sources)
}

fn component(variables: &mut Variables, pairs: &[(&str, &str)]) -> Result<(), Error> {
    let pairs = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    variables.add_component("auth", &pairs).map_err(|(_, error)| error)
}

fn value(sources: Sources) -> String {
    let mut variables = variables(&[("url", Some("default"))], sources);
    component(&mut variables, &[("database", "{{ url }}")]).unwrap();
    variables.get("auth", "database").unwrap()
}

// Spin's crates/runtime-factors/src/build.rs puts the command line first; crates/variables-env/src/lib.rs reads the
// environment before `.env`.
#[test]
fn the_command_line_comes_before_the_environment_before_dotenv_before_the_default() {
    let line: &[(&str, &str)] = &[("url", "line")];
    let environment: &[(&str, &str)] = &[("SPIN_VARIABLE_URL", "environment")];
    let dotenv = Some("SPIN_VARIABLE_URL=dotenv\nURL=other\n");
    assert_eq!(value(sources(line, environment, dotenv)), "line");
    assert_eq!(value(sources(&[], environment, dotenv)), "environment");
    assert_eq!(value(sources(&[], &[], dotenv)), "dotenv");
    assert_eq!(value(sources(&[], &[], None)), "default");
}

#[test]
fn an_empty_value_is_a_value() {
    assert_eq!(value(sources(&[], &[("SPIN_VARIABLE_URL", "")], Some("SPIN_VARIABLE_URL=dotenv"))), "");
}

#[test]
fn dotenv_takes_quoted_values_over_several_lines_and_escapes() {
    let lines = "SPIN_VARIABLE_URL=\"-----BEGIN KEY-----\nabc\n-----END KEY-----\n\"\n";
    assert_eq!(value(sources(&[], &[], Some(lines))), "-----BEGIN KEY-----\nabc\n-----END KEY-----\n");
    assert_eq!(value(sources(&[], &[], Some("SPIN_VARIABLE_URL=\"a\\nb\"\n"))), "a\nb");
}

#[test]
fn a_dotenv_that_does_not_parse_fails_the_look_up_that_gets_that_far() {
    let broken = "SPIN_VARIABLE_URL=\"never closed\n";
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(".env"), broken).unwrap();
    let sources = |line: &[(&str, &str)]| {
        Sources::with_environment(
            line.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
            Box::new(|_| Err(VarError::NotPresent)),
            folder.path().join(".env"),
        )
    };
    assert!(matches!(sources(&[]).get("url"), Err(Error::Provider(_))));
    assert_eq!(sources(&[("url", "line")]).get("url").unwrap().unwrap(), "line");
}

#[test]
fn a_template_joins_text_and_variables_of_the_application() {
    let mut variables = variables(&[("host", Some("db")), ("port", Some("5432"))], sources(&[], &[], None));
    component(&mut variables, &[("url", "postgres://{{ host }}:{{port}}/x"), ("fixed", "yes")]).unwrap();
    assert_eq!(variables.get("auth", "url").unwrap(), "postgres://db:5432/x");
    assert_eq!(variables.get("auth", "fixed").unwrap(), "yes");
}

// Spin's crates/expressions/src/lib.rs: `validate_template` and `Key::validate`.
#[test]
fn a_template_of_an_unknown_variable_is_refused_at_the_start() {
    let mut variables = variables(&[], sources(&[], &[], None));
    assert_eq!(
        component(&mut variables, &[("url", "{{ nope }}")]),
        Err(Error::InvalidTemplate("unknown variable \"nope\"".into()))
    );
    assert!(matches!(component(&mut variables, &[("Url", "x")]), Err(Error::InvalidName(_))));
}

#[test]
fn a_component_sees_its_own_variables_only() {
    let mut variables = variables(&[("url", Some("x"))], sources(&[], &[], None));
    component(&mut variables, &[("database", "{{ url }}")]).unwrap();
    assert_eq!(
        variables.get("auth", "url"),
        Err(Error::Undefined("no variable for \"auth\".\"url\"".into())),
        "an application variable is not the component's"
    );
    assert_eq!(variables.get("ops", "url"), Err(Error::Undefined("no variable for component \"ops\"".into())));
}

#[test]
fn a_name_is_checked_before_it_is_looked_up() {
    let variables = variables(&[], sources(&[], &[], None));
    for name in ["", "A", "a-b", "_a", "1a", "a_", "a__b", "ä"] {
        assert!(matches!(variables.get("auth", name), Err(Error::InvalidName(_))), "{name:?}");
    }
    for name in ["a", "a1", "a_b", "a_1"] {
        assert!(matches!(variables.get("auth", name), Err(Error::Undefined(_))), "{name:?}");
    }
}

#[test]
fn a_required_variable_without_a_value_is_missing() {
    let application: &[(&str, Option<&str>)] = &[("a", None), ("b", None), ("c", Some(""))];
    assert_eq!(variables(application, sources(&[("a", "x")], &[], None)).missing(), ["b"]);
    let variables = variables(application, sources(&[], &[], None));
    assert_eq!(variables.missing(), ["a", "b"]);
    assert!(matches!(variables.application_values(), Err(Error::Provider(_))));
}
