//! The components, linked natively: what they answer, and what they ask of the database.

use frontdesk::db::Statement;
use serde_json::{Value, to_value};

/// A component.
pub(crate) struct Component {
    /// Its id in `spin.toml`, its package and its folder.
    pub(crate) name: &'static str,
    /// Its route table; null when it has none.
    document: Value,
    /// Its SQL.
    pub(crate) statements: &'static [Statement],
}

/// Every component: `manifest.rs` fails while one is missing here.
pub(crate) fn all() -> Vec<Component> {
    vec![
        component("admin", to_value(admin::routes().into_openapi()), admin::STATEMENTS),
        component("auth", to_value(auth::routes().into_openapi()), auth::STATEMENTS),
        component("documents", to_value(documents::routes().into_openapi()), documents::STATEMENTS),
        component("apps", to_value(apps::routes().into_openapi()), apps::STATEMENTS),
        component("groups", to_value(groups::routes().into_openapi()), groups::STATEMENTS),
        component("health-poll", Ok(Value::Null), &[]),
        component("ops", to_value(ops::routes().into_openapi()), ops::STATEMENTS),
        component("profile", to_value(profile::routes().into_openapi()), profile::STATEMENTS),
        component("services", to_value(services::routes().into_openapi()), services::STATEMENTS),
        component("settings", to_value(settings::routes().into_openapi()), settings::STATEMENTS),
        component("users", to_value(users::routes().into_openapi()), &[]),
    ]
}

fn component(name: &'static str, document: serde_json::Result<Value>, statements: &'static [Statement]) -> Component {
    Component { name, document: document.unwrap(), statements }
}

/// An operation of an OpenAPI document.
pub(crate) struct Operation {
    /// The path, with `{parameters}`.
    pub(crate) path: String,
    /// The operation id.
    pub(crate) id: String,
}

impl Component {
    /// What it answers.
    pub(crate) fn operations(&self) -> Vec<Operation> {
        operations(&self.document)
    }
}

/// The operations of an OpenAPI document.
pub(crate) fn operations(document: &Value) -> Vec<Operation> {
    let paths = document["paths"].as_object().into_iter().flatten();
    let each = |(path, methods): (&String, &Value)| {
        let ids = methods.as_object().into_iter().flatten().map(|(_, operation)| operation["operationId"].as_str());
        ids.map(|id| Operation { path: path.clone(), id: id.unwrap().to_owned() }).collect::<Vec<_>>()
    };
    paths.flat_map(each).collect()
}
