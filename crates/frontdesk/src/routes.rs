//! The macro with which a component registers its handlers.

#[cfg(not(target_arch = "wasm32"))]
pub use utoipa_axum::routes;

/// The routes of handlers, each given as `module::handler`: with their documentation where the document is written, and without
/// it in a component. Nobody reads it there, and the first request would wait until it is put together.
#[cfg(target_arch = "wasm32")]
#[macro_export]
macro_rules! routes {
    ($($module:ident :: $handler:ident),+ $(,)?) => {{
        use utoipa::Path as _;
        use utoipa_axum::PathItemExt as _;
        let mut paths = utoipa::openapi::path::Paths::new();
        let router = axum::routing::MethodRouter::new();
        $(
            let (path, methods) = utoipa_axum::paste! {
                ($module::[<__path_ $handler>]::path(), $module::[<__path_ $handler>]::methods())
            };
            let add = |router: axum::routing::MethodRouter<_>, method: &utoipa::openapi::HttpMethod| {
                router.on(method.to_method_filter(), $module::$handler)
            };
            let router = methods.iter().fold(router, add);
            paths.add_path_operation(path, methods, utoipa::openapi::path::Operation::new());
        )+
        (Vec::new(), paths, router)
    }};
}
