//! `spin:variables@3.0.0`: what a guest calls to read a variable.

use wasmtime::component::{Accessor, HasSelf};

use super::Error;
use crate::bindings::spin::variables::variables as wit;
use crate::instance::State;

impl From<Error> for wit::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::InvalidName(text) => Self::InvalidName(text),
            Error::Undefined(text) => Self::Undefined(text),
            Error::Provider(text) => Self::Provider(text),
            template @ Error::InvalidTemplate(_) => Self::Other(template.to_string()),
        }
    }
}

impl wit::Host for State {
    fn convert_error(&mut self, error: wit::Error) -> wasmtime::Result<wit::Error> {
        Ok(error)
    }
}

impl<T: Send> wit::HostWithStore<T> for HasSelf<State> {
    async fn get(accessor: &Accessor<T, Self>, name: String) -> Result<String, wit::Error> {
        let component = accessor.with(|mut access| access.get().component.clone());
        Ok(component.variables.get(&component.id, &name)?)
    }
}
