use super::*;

const HEAD: &str = "spin_manifest_version = 2\n[application]\nname = \"app\"\n";

fn manifest(rest: &str) -> anyhow::Result<Manifest> {
    Manifest::parse(&format!("{HEAD}{rest}"))
}

fn error(rest: &str) -> String {
    format!("{:#}", manifest(rest).unwrap_err())
}

#[test]
fn the_manifest_of_this_repository_is_read() {
    Manifest::read(Path::new("../../spin.toml")).unwrap();
}

#[test]
fn everything_that_is_supported_is_read() {
    let manifest = manifest(
        r#"
        version = "1"
        description = "d"
        authors = ["a"]
        [variables]
        a = { default = "" , secret = true, description = "d" }
        b = { required = true }
        [[trigger.http]]
        id = "t"
        route = "/a/:id/..."
        component = "one"
        executor = { type = "http" }
        [[trigger.http]]
        route = { private = true }
        component = "one"
        [[trigger.cron]]
        component = "two"
        cron_expression = "*/30 * * * * *"
        [component.one]
        source = "one.wasm"
        description = "d"
        variables = { x = "{{ a }}" }
        environment = { E = "1" }
        allowed_outbound_hosts = ["http://{{ a }}"]
        files = []
        key_value_stores = []
        [component.one.build]
        command = "cargo build"
        watch = ["src"]
        [component.one.tool.x]
        y = 1
        [component.two]
        source = "two.wasm"
        "#,
    )
    .unwrap();
    assert_eq!(manifest.application.version, "1");
    assert_eq!(manifest.variables["a"].default.as_deref(), Some(""));
    assert_eq!(manifest.variables["b"].default, None);
    assert_eq!(manifest.triggers.http[0].route, Route::Path("/a/:id/...".into()));
    assert_eq!(manifest.triggers.http[1].route, Route::Private);
    assert_eq!(manifest.triggers.cron[0].cron_expression, "*/30 * * * * *");
    assert_eq!(manifest.components["one"].variables["x"], "{{ a }}");
}

#[test]
fn what_devhost_cannot_do_is_named_with_its_reason() {
    let component = "[component.auth]\nsource = \"a.wasm\"\n";
    for (rest, expected) in [
        (
            format!("{component}sqlite_databases = [\"default\"]"),
            "component.auth.sqlite_databases: devhost has no SQLite",
        ),
        (
            format!("{component}key_value_stores = [\"default\"]"),
            "component.auth.key_value_stores: devhost has no key-value stores",
        ),
        (format!("{component}files = [\"x\"]"), "component.auth.files: devhost mounts no files"),
        (format!("{component}ai_models = [\"x\"]"), "component.auth.ai_models: devhost has no language models"),
        (
            format!("{component}[component.auth.dependencies]\n\"a:b\" = \"1\""),
            "component.auth.dependencies: devhost does not compose components",
        ),
        (
            "[component.auth]\nsource = { url = \"u\", digest = \"d\" }".to_owned(),
            "component.auth.source: devhost runs local files only, and downloads nothing",
        ),
        (
            "[[trigger.redis]]\nchannel = \"c\"".to_owned(),
            "trigger.redis: devhost has the http and the cron trigger only",
        ),
        (
            "[[trigger.http]]\nroute = \"/\"\nstatic_response = { body = \"b\" }".to_owned(),
            "trigger.http.static_response: devhost has no static responses",
        ),
        (
            "[[trigger.http]]\nroute = \"/\"\ncomponent = \"a\"\nexecutor = { type = \"wagi\" }".to_owned(),
            "trigger.http.executor: devhost has no Wagi",
        ),
        (
            "[[trigger.http]]\nroute = \"/\"\ncomponent = \"a\"\ndependencies.middleware = [{ component = \"m\" }]"
                .to_owned(),
            "trigger.http.dependencies: devhost has no middleware",
        ),
        (
            "[[trigger.http]]\nroute = \"/\"\ncomponent = { source = \"a.wasm\" }".to_owned(),
            "trigger.http.component: devhost takes the name of a component, not the component itself",
        ),
        (
            "[application.trigger.redis]\naddress = \"a\"".to_owned(),
            "application.trigger: devhost has no settings for all triggers of a kind",
        ),
    ] {
        assert_eq!(error(&rest), expected);
    }
}

#[test]
fn what_nobody_knows_is_named_with_its_place() {
    let text = error("[component.auth]\nsource = \"a.wasm\"\nsauce = 1\n");
    assert!(text.starts_with("component.auth.sauce: unknown field `sauce`"), "{text}");
    let text = error("[component.auth]\nsource = 1\n");
    assert!(text.starts_with("component.auth.source: invalid type: integer `1`"), "{text}");
    let text = error("[component.auth]\n");
    assert!(text.starts_with("component.auth: missing field `source`"), "{text}");
}

#[test]
fn a_file_that_is_not_toml_is_named_with_its_line() {
    let text = error("[component.auth\n");
    assert!(text.starts_with("line 4: "), "{text}");
    assert!(!text.contains('\n'));
}

#[test]
fn only_version_2_is_read() {
    for text in ["", "spin_manifest_version = 1", "spin_version = \"1\""] {
        assert!(Manifest::parse(text).unwrap_err().to_string().starts_with("spin_manifest_version: "), "{text}");
    }
    Manifest::parse("spin_manifest_version = \"2\"\n[application]\nname = \"a\"").unwrap();
}

// Spin's crates/loader/src/local.rs, `locked_variable`.
#[test]
fn a_variable_is_required_or_has_a_default() {
    let expected = "variables.a: must be `required` OR have a `default`";
    assert_eq!(error("[variables]\na = {}"), expected);
    assert_eq!(error("[variables]\na = { required = true, default = \"\" }"), expected);
    assert_eq!(error("[variables]\na = { required = false }"), expected);
}

// Spin's crates/serde/src/id.rs.
#[test]
fn names_are_those_of_spin() {
    for name in ["A", "a-b", "a_1", "a__b", "_a", "\"\""] {
        assert!(manifest(&format!("[variables]\n{name} = {{ default = \"\" }}")).is_err(), "{name}");
    }
    for id in ["a_b", "a-1", "-a"] {
        assert!(manifest(&format!("[component.{id}]\nsource = \"a\"")).is_err(), "{id}");
    }
    manifest("[component.a-B1-c]\nsource = \"a\"").unwrap();
}

#[test]
fn a_trigger_of_an_unknown_component_is_an_error() {
    let text = error("[[trigger.http]]\nroute = \"/\"\ncomponent = \"auth\"");
    assert_eq!(text, "trigger.http: there is no component \"auth\"");
}

#[test]
fn a_route_is_a_path_or_private() {
    for route in ["1", "{ private = false }", "{ private = true, x = 1 }"] {
        let text =
            error(&format!("[[trigger.http]]\ncomponent = \"a\"\nroute = {route}\n[component.a]\nsource = \"a\""));
        assert_eq!(text, "trigger.http[0].route: a route is a string or { private = true }");
    }
}

#[test]
fn selecting_components_keeps_their_triggers_only() {
    let text = "[[trigger.http]]\nroute = \"/a\"\ncomponent = \"a\"\n\
                [[trigger.http]]\nroute = \"/b\"\ncomponent = \"b\"\n\
                [component.a]\nsource = \"a\"\n[component.b]\nsource = \"b\"\n[component.idle]\nsource = \"i\"";
    let retained = |components: &[&str]| {
        let mut manifest = manifest(text).unwrap();
        let components: Vec<_> = components.iter().map(|id| (*id).to_owned()).collect();
        manifest.retain(&components).map(|()| manifest.components.into_keys().collect::<Vec<_>>())
    };
    assert_eq!(retained(&["b"]).unwrap(), ["b"]);
    assert_eq!(retained(&[]).unwrap(), ["a", "b"], "a component without a trigger is not loaded");
    assert!(retained(&["c"]).unwrap_err().to_string().contains("\"c\" not found"));
    assert_eq!(retained(&["idle"]).unwrap_err().to_string(), "No triggers in app");
}

#[test]
fn a_component_is_not_chosen_without_those_that_it_may_call() {
    let text = "[[trigger.http]]\nroute = \"/a\"\ncomponent = \"a\"\n\
                [[trigger.http]]\nroute = \"/b\"\ncomponent = \"b\"\n\
                [component.a]\nsource = \"a\"\nallowed_outbound_hosts = [\"{{ x }}\", \"http://b.spin.internal\"]\n\
                [component.b]\nsource = \"b\"";
    let retain = |components: &[&str]| {
        let components: Vec<_> = components.iter().map(|id| (*id).to_owned()).collect();
        manifest(text).unwrap().retain(&components)
    };
    retain(&[]).unwrap();
    retain(&["b"]).unwrap();
    retain(&["a", "b"]).unwrap();
    assert_eq!(
        retain(&["a"]).unwrap_err().to_string(),
        "Selected component 'a' cannot use service chaining to unselected component: \
         allowed_outbound_hosts = [\"http://b.spin.internal\"]"
    );
}
