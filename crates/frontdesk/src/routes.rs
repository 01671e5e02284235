//! A component's route table.
//!
//! From the same table the OpenAPI document is made, natively, by `cargo xtask openapi`. The component itself has no use for it, so
//! nothing of the document is linked into WebAssembly.

use axum::Router;
use axum::handler::Handler;
use axum::routing::MethodRouter;
use utoipa::openapi::OpenApi;

/// The routes of a component, and what the OpenAPI document says of them.
pub struct Routes<S> {
    router: Router<S>,
    paths: Vec<String>,
    #[cfg(not(target_arch = "wasm32"))]
    document: OpenApi,
}

/// The handlers of one path: what [`routes!`](crate::routes!) returns.
pub struct PathRoutes<S> {
    path: String,
    methods: MethodRouter<S>,
    #[cfg(not(target_arch = "wasm32"))]
    document: OpenApi,
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    /// No routes yet.
    pub fn new() -> Self {
        Self {
            router: Router::new(),
            paths: Vec::new(),
            #[cfg(not(target_arch = "wasm32"))]
            document: OpenApi::default(),
        }
    }

    /// Adds what the document says beside the routes.
    #[must_use]
    #[cfg_attr(target_arch = "wasm32", expect(unused_mut, unused_variables, reason = "there is no document"))]
    pub fn documented(mut self, document: fn() -> OpenApi) -> Self {
        #[cfg(not(target_arch = "wasm32"))]
        self.document.merge(document());
        self
    }

    /// Adds the handlers of a path.
    #[must_use]
    pub fn routes(mut self, routes: PathRoutes<S>) -> Self {
        self.router = self.router.route(&routes.path, routes.methods);
        self.paths.push(routes.path);
        #[cfg(not(target_arch = "wasm32"))]
        self.document.merge(routes.document);
        self
    }

    /// Has a handler answer everything that is no route.
    #[must_use]
    pub fn fallback<H: Handler<T, S>, T: 'static>(mut self, handler: H) -> Self {
        self.router = self.router.fallback(handler);
        self
    }

    /// The component's part of the OpenAPI document.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn into_openapi(self) -> OpenApi {
        self.document
    }

    pub(crate) fn into_parts(self) -> (Router<S>, Vec<String>) {
        (self.router, self.paths)
    }
}

impl<S: Clone + Send + Sync + 'static> Default for Routes<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S: Clone + Send + Sync + 'static> PathRoutes<S> {
    /// For [`routes!`](crate::routes!).
    #[cfg(target_arch = "wasm32")]
    #[doc(hidden)]
    pub fn new(path: String, methods: MethodRouter<S>) -> Self {
        Self { path, methods }
    }

    /// For [`routes!`](crate::routes!).
    #[cfg(not(target_arch = "wasm32"))]
    #[doc(hidden)]
    pub fn documented((schemas, paths, methods): utoipa_axum::router::UtoipaMethodRouter<S>) -> Self {
        let path = paths.paths.keys().next().cloned().unwrap_or_default();
        let document = utoipa_axum::router::OpenApiRouter::<S>::new().routes((schemas, paths, methods.clone()));
        Self { path, methods, document: document.into_openapi() }
    }
}

/// The handlers of one path, one for each of its methods: functions with `#[utoipa::path]`, which says the path and the method.
#[macro_export]
#[cfg(not(target_arch = "wasm32"))]
macro_rules! routes {
    ($($handler:path),+ $(,)?) => {
        $crate::PathRoutes::documented($crate::macros::utoipa_axum::routes!($($handler),+))
    };
}

/// The handlers of one path, one for each of its methods: functions with `#[utoipa::path]`, which says the path and the method.
#[macro_export]
#[cfg(target_arch = "wasm32")]
macro_rules! routes {
    ($first:path $(, $handler:path)* $(,)?) => {
        $crate::macros::utoipa_axum::paste! {{
            use $crate::macros::utoipa_axum::PathItemExt as _;
            let path: String = $crate::macros::utoipa_axum::routes!(@path [path()] of $first);
            let mut methods = $crate::macros::axum::routing::MethodRouter::new();
            for method in $crate::macros::utoipa_axum::routes!(@path [methods()] of $first) {
                methods = methods.on(method.to_method_filter(), $first);
            }
            $(
                for method in $crate::macros::utoipa_axum::routes!(@path [methods()] of $handler) {
                    methods = methods.on(method.to_method_filter(), $handler);
                }
            )*
            $crate::PathRoutes::new(path, methods)
        }}
    };
}

/// What [`routes!`](crate::routes!) refers to.
#[doc(hidden)]
pub mod macros {
    pub use {axum, utoipa_axum};
}
