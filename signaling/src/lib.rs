//! The Confab server around the media plane: HTTP and WebSocket, session descriptions, presence, the web client.
pub mod draw;
pub mod fault;
pub mod sdp;
