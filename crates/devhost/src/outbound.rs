//! Requests that a guest sends, over WASI 0.2 and 0.3 alike: checked against its `allowed_outbound_hosts`, then sent.
//!
//! A request to another component needs no connection. It takes WASI 0.3, which the components of the HTTP trigger have: from
//! others it is refused. So are calls to `self` from all.

use std::sync::Arc;

use http::{Request, Response, Uri};
use wasmtime_wasi::TrappableError;
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;
use wasmtime_wasi_http::p2::types::{HostFutureIncomingResponse, OutgoingRequestConfig};
use wasmtime_wasi_http::p3::RequestOptions;
use wasmtime_wasi_http::p3::bindings::http::types::ErrorCode;
use wasmtime_wasi_http::{p2, p3};

use crate::allowed_hosts::AllowedHosts;
use crate::client::Body;
use crate::instance::Component;
use crate::{console, headers};

/// The future that carries on with a request's connection.
type Io = Box<dyn Future<Output = Result<(), ErrorCode>> + Send>;

/// How the requests of one instance leave.
pub(crate) struct Outbound {
    component: Arc<Component>,
    allowed_hosts: Arc<AllowedHosts>,
}

impl Outbound {
    /// Of an instance of `component`.
    pub(crate) fn new(component: Arc<Component>, allowed_hosts: Arc<AllowedHosts>) -> Self {
        Self { component, allowed_hosts }
    }

    fn check(&self, uri: &Uri) -> Result<Way, Refusal> {
        // wasmtime fills in `https://:443` for a relative URL.
        let host = uri.host().unwrap_or_default();
        let to_self = host.is_empty() || host == "self.alt";
        let allowed =
            if to_self { self.allowed_hosts.check_self() } else { self.allowed_hosts.check(&uri.to_string(), "https") };
        if !allowed.unwrap_or(false) {
            return Err(Refusal::Denied);
        }
        if to_self {
            return Err(self.unsupported(uri));
        }
        Ok(headers::service_chaining_target(host)
            .map_or(Way::Network, |component| Way::Component(component.to_owned())))
    }

    fn unsupported(&self, uri: &Uri) -> Refusal {
        let text = format!("devhost cannot call {uri} from this component");
        console::error(&format!("component {}: {text}", self.component.id));
        Refusal::Unsupported(text)
    }
}

/// Where a request goes.
enum Way {
    /// To a host.
    Network,
    /// To the component of this name.
    Component(String),
}

/// Why a request is not sent.
enum Refusal {
    /// The manifest does not allow it.
    Denied,
    /// It is allowed, and devhost cannot do it.
    Unsupported(String),
}

impl From<Refusal> for ErrorCode {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Denied => Self::HttpRequestDenied,
            Refusal::Unsupported(text) => Self::InternalError(Some(text)),
        }
    }
}

impl From<Refusal> for p2::bindings::http::types::ErrorCode {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Denied => Self::HttpRequestDenied,
            Refusal::Unsupported(text) => Self::InternalError(Some(text)),
        }
    }
}

impl p3::WasiHttpHooks for Outbound {
    fn send_request(
        &mut self,
        request: Request<Body>,
        options: Option<RequestOptions>,
        // How the guest fared with the response: nothing here depends on it.
        _processed: Io,
    ) -> Box<dyn Future<Output = Result<(Response<Body>, Io), TrappableError<ErrorCode>>> + Send> {
        let checked = self.check(request.uri());
        let component = self.component.clone();
        Box::new(async move {
            let response = match checked.map_err(ErrorCode::from)? {
                Way::Network => component.client.send(request, options).await?,
                Way::Component(id) => {
                    let answer = component.chaining.call(&id, request).await;
                    answer.map_err(|error| TrappableError::trap(wasmtime::format_err!("{error:?}")))?
                }
            };
            Ok((response, Box::new(std::future::ready(Ok(()))) as Io))
        })
    }
}

impl p2::WasiHttpHooks for Outbound {
    fn send_request(
        &mut self,
        request: Request<HyperOutgoingBody>,
        config: OutgoingRequestConfig,
    ) -> p2::HttpResult<HostFutureIncomingResponse> {
        let checked = match self.check(request.uri()) {
            Ok(Way::Component(_)) => Err(self.unsupported(request.uri())),
            checked => checked,
        };
        Ok(match checked {
            Ok(_) => p2::default_send_request(request, config),
            Err(refusal) => HostFutureIncomingResponse::ready(Ok(Err(refusal.into()))),
        })
    }
}
