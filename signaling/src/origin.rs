//! Which host names this server answers for, and whose pages may use it: what stands between a visitor's browser and a site that
//! would reach into their network (DNS rebinding, cross-site WebSockets).

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{HOST, ORIGIN};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::fault::Error;

/// The names this server answers for. Ports are not compared: a tunnel or a proxy has its own.
#[derive(Clone, Debug)]
pub struct Hosts {
    names: Arc<BTreeSet<String>>,
}

impl Hosts {
    /// This computer's own names, the address served, and `configured` ones.
    #[must_use]
    pub fn new(served: SocketAddr, configured: &[String]) -> Self {
        let served = match served {
            SocketAddr::V4(address) => address.ip().to_string(),
            SocketAddr::V6(address) => format!("[{}]", address.ip()),
        };
        let own = ["localhost", "127.0.0.1", "[::1]"].map(str::to_owned);
        let configured = configured.iter().map(|name| name.to_ascii_lowercase());
        Self { names: Arc::new(own.into_iter().chain([served]).chain(configured).collect()) }
    }

    /// The host a request is for, checked.
    ///
    /// # Errors
    /// [`Error::ForeignHost`]: the client's fault, or the operator's who did not configure a name.
    pub fn host(&self, headers: &HeaderMap) -> Result<Authority, Error> {
        let host = text(headers.get(HOST)).and_then(|host| host.parse::<Authority>().ok());
        host.filter(|host| self.names.contains(&host.host().to_ascii_lowercase()))
            .ok_or(Error::ForeignHost)
    }

    /// The host a request is for, checked; and its origin, where it names one, which must be that host's own pages.
    ///
    /// # Errors
    /// As [`Self::host`], and [`Error::ForeignOrigin`]: the client's fault.
    pub fn check(&self, headers: &HeaderMap) -> Result<Authority, Error> {
        let host = self.host(headers)?;
        if let Some(origin) = headers.get(ORIGIN) {
            let of_pages = text(Some(origin)).and_then(|origin| {
                origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"))
            });
            if !of_pages.is_some_and(|of_pages| of_pages.eq_ignore_ascii_case(host.as_str())) {
                return Err(Error::ForeignOrigin);
            }
        }
        Ok(host)
    }
}

fn text(value: Option<&HeaderValue>) -> Option<&str> {
    value?.to_str().ok()
}

/// Refuses foreign requests; the others go on, with their checked host as an extension.
pub async fn guard(State(hosts): State<Hosts>, mut request: Request, next: Next) -> Response {
    match hosts.check(request.headers()) {
        Ok(host) => {
            request.extensions_mut().insert(host);
            next.run(request).await
        }
        Err(error) => {
            tracing::debug!(%error, "refused a request");
            error.into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(host: Option<&str>, origin: Option<&str>) -> Result<(), Error> {
        let hosts = Hosts::new("192.0.2.7:8080".parse().unwrap(), &["Confab.example".to_owned()]);
        let mut headers = HeaderMap::new();
        let mut insert = |name, value: Option<&str>| {
            if let Some(value) = value {
                headers.insert(name, value.parse().unwrap());
            }
        };
        insert(HOST, host);
        insert(ORIGIN, origin);
        hosts.check(&headers).map(drop)
    }

    #[test]
    fn own_names_pass_under_any_port() {
        for host in [
            "localhost",
            "localhost:9000",
            "127.0.0.1:8080",
            "[::1]:8080",
            "192.0.2.7",
            "confab.EXAMPLE:443",
        ] {
            assert_eq!(check(Some(host), None), Ok(()), "{host}");
        }
    }

    #[test]
    fn foreign_and_malformed_hosts_are_refused() {
        for host in [
            None,
            Some("evil.example"),
            Some("localhost.evil.example"),
            Some(""),
            Some("a b"),
            Some("user@evil"),
        ] {
            assert_eq!(check(host, None), Err(Error::ForeignHost), "{host:?}");
        }
    }

    #[test]
    fn only_pages_of_the_same_host_and_port_may_ask() {
        assert_eq!(check(Some("localhost:8080"), Some("http://localhost:8080")), Ok(()));
        assert_eq!(check(Some("confab.example"), Some("https://confab.example")), Ok(()));
        for origin in [
            "http://localhost:8081",
            "http://localhost",
            "null",
            "https://evil.example",
            "localhost:8080",
            "",
        ] {
            assert_eq!(
                check(Some("localhost:8080"), Some(origin)),
                Err(Error::ForeignOrigin),
                "{origin}"
            );
        }
    }
}
