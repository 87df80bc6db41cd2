//! The web client: embedded, stripped, hashed and compressed once at the start.
//!
//! `index.html` names its parts as `/assets/…`; it is served with `/assets/<hash>/…` in their place, the hash of the whole folder.
//! So whatever lies below such a path never changes, and what the parts import from one another needs no rewriting.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write as _};

use axum::body::Body;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, VARY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use rust_embed::RustEmbed;
use sha2::{Digest, Sha256};

use crate::fault::Error;

mod strip;

/// The folder, as it was when this was built; in debug builds as it is at the start.
#[derive(RustEmbed)]
#[folder = "web/"]
#[exclude = "node_modules/*"]
#[exclude = "*.d.ts"]
#[exclude = "*.md"]
#[exclude = "*.json"]
struct Folder;

/// The web client, ready to be served.
#[derive(Debug)]
pub struct Web {
    hash: String,
    page: Asset,
    icon: Option<Asset>,
    assets: BTreeMap<String, Asset>,
}

#[derive(Clone, Debug)]
struct Asset {
    content_type: &'static str,
    plain: Bytes,
    /// Where that is smaller.
    gzip: Option<Bytes>,
}

impl Web {
    /// The embedded client.
    ///
    /// # Errors
    /// Where there is no `index.html`, or compressing fails: a mistake of the build.
    pub fn embedded() -> io::Result<Self> {
        let files = Folder::iter().filter_map(|path| {
            let file = Folder::get(&path)?;
            let bytes = served(&path, file.data.into_owned());
            Some((path.into_owned(), bytes))
        });
        Self::new(files.collect())
    }

    fn new(mut files: BTreeMap<String, Bytes>) -> io::Result<Self> {
        let hash = hash(&files);
        let page = files.remove("index.html").ok_or(io::ErrorKind::NotFound)?;
        let page =
            String::from_utf8_lossy(&page).replace("\"/assets/", &format!("\"/assets/{hash}/"));
        let mut assets = BTreeMap::new();
        for (path, plain) in files {
            if let Some(content_type) = content_type(&path) {
                assets.insert(path, Asset::new(content_type, plain)?);
            }
        }
        let icon = ["favicon.ico", "icon.svg", "icons.svg"]
            .iter()
            .find_map(|path| assets.get(*path))
            .cloned();
        Ok(Self { hash, page: Asset::new("text/html; charset=utf-8", page.into())?, icon, assets })
    }

    /// The page. It may load and connect to nothing but the host it came from.
    #[must_use]
    pub fn page(&self, host: &Authority, request: &HeaderMap) -> Response {
        // 'self' includes WebSockets in today's browsers, but not in older ones.
        let policy = format!(
            "default-src 'self'; connect-src 'self' ws://{host} wss://{host}; object-src 'none'; base-uri 'none'; \
             form-action 'self'; frame-ancestors 'none'"
        );
        let mut response = self.page.respond(request, "no-cache");
        let headers = response.headers_mut();
        if let Ok(policy) = HeaderValue::from_str(&policy) {
            headers.insert(CONTENT_SECURITY_POLICY, policy);
        }
        headers.insert(PERMISSIONS_POLICY, HeaderValue::from_static(PERMISSIONS));
        // A channel's name is in its address, and nobody else's business.
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        response
    }

    /// A part of the page; `hash` must be this build's.
    ///
    /// # Errors
    /// [`Error::NotFound`]: an old page, or a path that never was.
    pub fn asset(&self, hash: &str, path: &str, request: &HeaderMap) -> Result<Response, Error> {
        let asset = self.assets.get(path).filter(|_| hash == self.hash).ok_or(Error::NotFound)?;
        Ok(asset.respond(request, "public, max-age=31536000, immutable"))
    }

    /// What browsers ask for without being told.
    #[must_use]
    pub fn icon(&self, request: &HeaderMap) -> Response {
        match &self.icon {
            Some(icon) => icon.respond(request, "public, max-age=86400"),
            None => StatusCode::NO_CONTENT.into_response(),
        }
    }
}

impl Asset {
    fn new(content_type: &'static str, plain: Bytes) -> io::Result<Self> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&plain)?;
        let gzip = encoder.finish()?;
        let gzip = (gzip.len() < plain.len()).then(|| gzip.into());
        Ok(Self { content_type, plain, gzip })
    }

    fn respond(&self, request: &HeaderMap, cache: &'static str) -> Response {
        let (body, encoding) = match &self.gzip {
            Some(gzip) if accepts_gzip(request) => (gzip, Some("gzip")),
            Some(_) | None => (&self.plain, None),
        };
        let mut response = Response::new(Body::from(body.clone()));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(cache));
        headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if let Some(encoding) = encoding {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        response
    }
}

const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");

/// What the page itself may use, and nothing within it.
const PERMISSIONS: &str = "camera=(self), microphone=(self), display-capture=(self), speaker-selection=(self), \
                           screen-wake-lock=(self), autoplay=(self), fullscreen=(self), picture-in-picture=(self)";

/// What is served of a file: our own scripts and style sheets without what only their readers need. What others wrote stays as it is.
fn served(path: &str, bytes: Vec<u8>) -> Bytes {
    let ending = path.rsplit_once('.').map_or("", |(_, ending)| ending);
    match (ending, std::str::from_utf8(&bytes)) {
        ("js", Ok(text)) if !path.starts_with(VENDOR) => strip::script(text).into_owned().into(),
        ("css", Ok(text)) => strip::style(text).into_owned().into(),
        _ => bytes.into(),
    }
}

/// The folder of files that are served byte for byte, with the checksums in their `VENDOR.md`.
const VENDOR: &str = "vendor/";

/// Of names and contents, in order.
fn hash(files: &BTreeMap<String, Bytes>) -> String {
    let mut hasher = Sha256::new();
    for (path, bytes) in files {
        for part in [path.as_bytes(), bytes] {
            hasher.update(part.len().to_be_bytes());
            hasher.update(part);
        }
    }
    // Four bytes, forty times in the page: builds are told apart, not secured against each other.
    hasher.finalize().iter().take(4).fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _written = write!(text, "{byte:02x}");
        text
    })
}

/// By the name's ending; what has none of these is not served.
fn content_type(path: &str) -> Option<&'static str> {
    let (_, ending) = path.rsplit_once('.')?;
    Some(match ending {
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "webmanifest" => "application/manifest+json",
        "mp3" => "audio/mpeg",
        "wasm" => "application/wasm",
        _ => return None,
    })
}

/// Whether gzip is among the accepted encodings, and not with weight 0 (RFC 9110, section 12.5.3).
fn accepts_gzip(request: &HeaderMap) -> bool {
    let accepted = request.get_all(axum::http::header::ACCEPT_ENCODING).iter();
    let codings =
        accepted.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    codings.into_iter().any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        named && !parts.any(|weight| matches!(weight, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::header::ACCEPT_ENCODING;
    use flate2::read::GzDecoder;
    use std::io::Read;

    /// What the page may weigh in bytes. The aim is 150 000, and 60 000 packed: above it are the names within our scripts, which only a
    /// minifier with a parser could shorten (20 000), and some forty files that are packed each for itself (12 000). Whoever makes
    /// the page lighter lowers these; nobody raises them without a reason that a visitor would accept.
    const PLAIN_MAX: usize = 192_000;
    const PACKED_MAX: usize = 83_000;

    const PAGE: &str =
        r#"<script type="module" src="/assets/main.js"></script><a href="/c/x">x</a>"#;

    fn web() -> Web {
        let files = [
            ("index.html", PAGE.to_owned()),
            ("main.js", "a".repeat(500)),
            ("secret.txt", String::new()),
        ];
        Web::new(files.into_iter().map(|(path, text)| (path.to_owned(), text.into())).collect())
            .unwrap()
    }

    fn accepting(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(ACCEPT_ENCODING, value.parse().unwrap())])
    }

    async fn body(response: Response) -> Vec<u8> {
        axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec()
    }

    #[tokio::test]
    async fn the_page_names_its_parts_under_the_hash_and_is_not_kept() {
        let web = web();
        let host: Authority = "localhost:8080".parse().unwrap();
        let response = web.page(&host, &HeaderMap::new());
        assert_eq!(response.headers()[CACHE_CONTROL], "no-cache");
        let policy = response.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned();
        assert!(
            policy.contains("default-src 'self'") && policy.contains("frame-ancestors 'none'"),
            "{policy}"
        );
        assert!(!policy.contains("unsafe") && policy.contains("ws://localhost:8080"), "{policy}");
        for permission in
            ["camera", "microphone", "display-capture", "speaker-selection", "screen-wake-lock"]
        {
            assert!(
                response.headers()["permissions-policy"].to_str().unwrap().contains(permission)
            );
        }
        let page = String::from_utf8(body(response).await).unwrap();
        assert_eq!(page, PAGE.replace("/assets/", &format!("/assets/{}/", web.hash)));
    }

    #[tokio::test]
    async fn parts_are_immutable_typed_and_compressed_where_that_is_accepted() {
        let web = web();
        let plain = web.asset(&web.hash, "main.js", &HeaderMap::new()).unwrap();
        assert!(plain.headers()[CACHE_CONTROL].to_str().unwrap().contains("immutable"));
        assert_eq!(plain.headers()[CONTENT_TYPE], "text/javascript; charset=utf-8");
        assert_eq!(plain.headers().get(CONTENT_ENCODING), None);
        let packed = web.asset(&web.hash, "main.js", &accepting("br, gzip")).unwrap();
        assert_eq!(packed.headers()[CONTENT_ENCODING], "gzip");
        let packed = body(packed).await;
        let mut unpacked = Vec::new();
        GzDecoder::new(packed.as_slice()).read_to_end(&mut unpacked).unwrap();
        assert_eq!(unpacked, body(plain).await);
        let refused = web.asset(&web.hash, "main.js", &accepting("gzip;q=0, identity")).unwrap();
        assert_eq!(refused.headers().get(CONTENT_ENCODING), None);
    }

    /// Everything a visitor loads, and what it weighs plain and packed.
    fn weight() -> (usize, usize) {
        let web = Web::embedded().unwrap();
        let all = web.assets.values().chain([&web.page]);
        all.fold((0, 0), |(plain, packed), asset| {
            let gzip = asset.gzip.as_ref().unwrap_or(&asset.plain);
            (plain + asset.plain.len(), packed + gzip.len())
        })
    }

    #[test]
    fn the_page_weighs_no_more_than_a_picture() {
        let (plain, packed) = weight();
        assert!(plain < PLAIN_MAX, "{plain} bytes");
        assert!(packed <= PACKED_MAX, "{packed} bytes packed");
    }

    #[test]
    fn another_hash_another_path_and_other_files_are_not_found() {
        let web = web();
        for (hash, path) in [
            ("0", "main.js"),
            (web.hash.as_str(), "other.js"),
            (&web.hash, "secret.txt"),
            (&web.hash, "../x.js"),
        ] {
            assert_eq!(web.asset(hash, path, &HeaderMap::new()).unwrap_err(), Error::NotFound);
        }
    }

    #[test]
    fn any_changed_byte_or_name_changes_the_hash() {
        let files =
            |name: &str, text: &'static str| BTreeMap::from([(name.to_owned(), Bytes::from(text))]);
        assert_eq!(hash(&files("a", "bc")), hash(&files("a", "bc")));
        assert_ne!(hash(&files("a", "bc")), hash(&files("ab", "c")));
        assert_ne!(hash(&files("a", "bc")), hash(&files("a", "bd")));
    }
}
