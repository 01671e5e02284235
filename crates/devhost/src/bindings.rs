//! What wasmtime generates from `wit/`: the interfaces of Spin that a guest of SDK 7 imports, and the cron trigger's
//! world.
//!
//! The interfaces of WASI come with wasmtime's own crates.
#![allow(missing_docs, unreachable_pub, clippy::all, reason = "generated from WIT")]

wasmtime::component::bindgen!({
    inline: "
        package devhost:host;
        world imports {
            import spin:postgres/postgres@4.2.0;
            import spin:variables/variables@3.0.0;
        }
    ",
    path: ["../../wit/spin-postgres@4.2.0", "../../wit/spin-variables@3.0.0"],
    world: "devhost:host/imports",
    imports: { default: async | trappable },
    trappable_error_type: {
        "spin:postgres/postgres@4.2.0.error" => spin::postgres::postgres::Error,
        "spin:variables/variables@3.0.0.error" => spin::variables::variables::Error,
    },
    with: {
        "spin:postgres/postgres@4.2.0.connection": crate::postgres::Connection,
        "spin:postgres/postgres@4.2.0.connection-builder": crate::postgres::ConnectionBuilder,
    },
});

/// The world of a component that the cron trigger runs.
pub(crate) mod cron {
    wasmtime::component::bindgen!({
        path: "../../wit/spin-cron@3.0.0",
        world: "spin-cron",
        exports: { default: async },
    });
}
