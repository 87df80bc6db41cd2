//! Whether the server is alive.

/// `GET /healthz`: answered as long as the server answers at all.
pub async fn healthy() -> &'static str {
    "ok\n"
}
