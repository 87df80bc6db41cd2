//! The web client: bundled, minified, hashed and packed while this is built (`build.rs`), and served from memory.
//!
//! `index.html` names its parts as `/assets/<hash>/…`, the hash of all of them: whatever lies below such a path never changes. Whoever
//! works on the page has it served from its folder instead, as the files are.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use axum::body::Body;
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use rust_embed::RustEmbed;

use crate::fault::Error;

/// What `build.rs` made of the folder `web`.
#[derive(RustEmbed)]
#[folder = "$OUT_DIR/web"]
struct Built;

/// The web client, ready to be served.
#[derive(Debug)]
pub struct Web {
    page: Asset,
    icon: Option<Asset>,
    /// By path below `/assets/`.
    assets: BTreeMap<String, Asset>,
    /// How long browsers may keep the assets.
    cache: &'static str,
}

#[derive(Clone, Debug)]
struct Asset {
    content_type: &'static str,
    plain: Bytes,
    /// Packed forms, the smallest first.
    packed: Vec<(&'static str, Bytes)>,
}

impl Web {
    /// The client within this binary.
    ///
    /// # Errors
    /// Where there is no `index.html`: a mistake of the build.
    pub fn embedded() -> io::Result<Self> {
        let files = Built::iter().filter_map(|path| {
            let file = Built::get(&path)?;
            Some((path.into_owned(), file.data.into_owned().into()))
        });
        Self::new(&files.collect(), IMMUTABLE)
    }

    /// The client in `folder`, file by file as it is now, and never kept by a browser.
    ///
    /// # Errors
    /// Where the folder or a file in it cannot be read, or there is no `index.html`: the operator's mistake.
    pub fn of_folder(folder: &Path) -> io::Result<Self> {
        let mut files = BTreeMap::new();
        read(folder, UNHASHED, &mut files)?;
        let page = files.remove(&format!("{UNHASHED}index.html")).ok_or(io::ErrorKind::NotFound)?;
        let page = String::from_utf8_lossy(&page).replace("\"/assets/", &format!("\"/{UNHASHED}"));
        files.insert("index.html".to_owned(), page.into());
        Self::new(&files, "no-cache")
    }

    fn new(files: &BTreeMap<String, Bytes>, cache: &'static str) -> io::Result<Self> {
        let page = Asset::new("index.html", files).ok_or(io::ErrorKind::NotFound)?;
        let below = |path: &String| {
            let name = path.strip_prefix("assets/")?.to_owned();
            Some((name, Asset::new(path, files)?))
        };
        let assets: BTreeMap<String, Asset> = files.keys().filter_map(below).collect();
        let icon = assets.iter().find(|(path, _)| path.ends_with("/icon.svg"));
        let icon = icon.map(|(_, asset)| asset.clone());
        Ok(Self { page, icon, assets, cache })
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
        let asset = self.assets.get(&format!("{hash}/{path}")).ok_or(Error::NotFound)?;
        Ok(asset.respond(request, self.cache))
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
    /// The file at `path`, with its packed forms beside it. None where that is a packed form itself, or nothing to be served.
    fn new(path: &str, files: &BTreeMap<String, Bytes>) -> Option<Self> {
        let content_type = content_type(path)?;
        let packed = ENCODINGS.iter().filter_map(|(encoding, ending)| {
            Some((*encoding, files.get(&format!("{path}.{ending}"))?.clone()))
        });
        Some(Self { content_type, plain: files.get(path)?.clone(), packed: packed.collect() })
    }

    fn respond(&self, request: &HeaderMap, cache: &'static str) -> Response {
        let packed = self.packed.iter().find(|(encoding, _)| accepts(request, encoding));
        let (body, encoding) = match packed {
            Some((encoding, bytes)) => (bytes, Some(*encoding)),
            None => (&self.plain, None),
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

/// Everything below a hash is there for ever.
const IMMUTABLE: &str = "public, max-age=31536000, immutable";

/// Content codings (RFC 9110, section 8.4.1; RFC 7932) with the endings that `build.rs` gives them, the smallest result first.
const ENCODINGS: [(&str, &str); 2] = [("br", "br"), ("gzip", "gz")];

/// Where the assets of a folder are served: in place of a hash, since they change while it is worked on.
const UNHASHED: &str = "assets/0/";

/// The files of `folder`, with `prefix` before their paths. What has no content type is left out, and so is what npm leaves there.
fn read(folder: &Path, prefix: &str, files: &mut BTreeMap<String, Bytes>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        let below = format!("{prefix}{name}");
        if path.is_dir() {
            if name != "node_modules" {
                read(&path, &format!("{below}/"), files)?;
            }
        } else if content_type(name).is_some() {
            files.insert(below, fs::read(&path)?.into());
        }
    }
    Ok(())
}

/// By the name's ending; what has none of these is not served.
fn content_type(path: &str) -> Option<&'static str> {
    let (_, ending) = path.rsplit_once('.')?;
    Some(match ending {
        "html" => "text/html; charset=utf-8",
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

/// Whether `encoding` is among the accepted ones, and not with weight 0 (RFC 9110, section 12.5.3).
fn accepts(request: &HeaderMap, encoding: &str) -> bool {
    let accepted = request.get_all(ACCEPT_ENCODING).iter();
    let codings =
        accepted.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    codings.into_iter().any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(encoding));
        named && !parts.any(|weight| matches!(weight, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::read::GzDecoder;
    use sha2::{Digest, Sha256};
    use std::io::Read;

    /// What the page may weigh in bytes, plain and packed: no more than a picture. Nobody raises these without a reason that a visitor
    /// would accept.
    const PLAIN_MAX: usize = 150_000;
    const PACKED_MAX: usize = 60_000;

    fn web() -> Web {
        Web::embedded().unwrap()
    }

    /// The hash in the page's paths.
    fn hash(web: &Web) -> String {
        web.assets.keys().next().unwrap().split_once('/').unwrap().0.to_owned()
    }

    fn accepting(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(ACCEPT_ENCODING, value.parse().unwrap())])
    }

    async fn body(response: Response) -> Vec<u8> {
        axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec()
    }

    async fn page(web: &Web) -> String {
        let host: Authority = "localhost:8080".parse().unwrap();
        String::from_utf8(body(web.page(&host, &HeaderMap::new())).await).unwrap()
    }

    #[tokio::test]
    async fn the_page_may_use_nothing_but_its_host_and_is_not_kept() {
        let host: Authority = "localhost:8080".parse().unwrap();
        let response = web().page(&host, &HeaderMap::new());
        assert_eq!(response.headers()[CONTENT_TYPE], "text/html; charset=utf-8");
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
    }

    /// What the page, a script or a style sheet names of others, as paths below `/assets/`.
    fn named(text: &str, before: &str, within: &str) -> Vec<String> {
        let found = text.split(before).skip(1);
        let name =
            |rest: &str| rest.split(['"', '`', '#', ')']).next().unwrap_or_default().to_owned();
        found.map(|rest| format!("{within}{}", name(rest))).collect()
    }

    #[tokio::test]
    async fn the_page_and_its_parts_name_only_what_is_served() {
        for web in [web(), Web::of_folder(Path::new("web")).unwrap()] {
            let hash = hash(&web);
            let mut names = named(&page(&web).await, "\"/assets/", "");
            assert!(names.len() >= 6, "{names:?}");
            for (path, asset) in &web.assets {
                let folder = path.rsplit_once('/').unwrap().0;
                let text = String::from_utf8_lossy(&asset.plain);
                if asset.content_type.starts_with("text/javascript") {
                    names.extend(named(&text, "from\"./", &format!("{folder}/")));
                    names.extend(named(&text, "from \"./", &format!("{folder}/")));
                } else if asset.content_type.starts_with("text/css") {
                    names.extend(named(&text, "url(\"./", &format!("{folder}/")));
                }
            }
            for name in names {
                assert!(name.starts_with(&hash) && web.assets.contains_key(&name), "{name}");
            }
            for entry in ["main.js", "confab.js"] {
                assert!(web.assets.contains_key(&format!("{hash}/{entry}")), "{entry}");
            }
        }
    }

    #[tokio::test]
    async fn parts_are_immutable_typed_and_packed_as_is_accepted() {
        let web = web();
        let hash = hash(&web);
        let ask = |accepted: &str| web.asset(&hash, "main.js", &accepting(accepted)).unwrap();
        let plain = ask("identity");
        assert!(plain.headers()[CACHE_CONTROL].to_str().unwrap().contains("immutable"));
        assert_eq!(plain.headers()[CONTENT_TYPE], "text/javascript; charset=utf-8");
        assert_eq!(plain.headers().get(CONTENT_ENCODING), None);
        assert_eq!(ask("gzip;q=0, identity").headers().get(CONTENT_ENCODING), None);
        let plain = body(plain).await;

        let gzip = ask("gzip, br;q=0");
        assert_eq!(gzip.headers()[CONTENT_ENCODING], "gzip");
        let mut unpacked = Vec::new();
        GzDecoder::new(body(gzip).await.as_slice()).read_to_end(&mut unpacked).unwrap();
        assert_eq!(unpacked, plain);

        let brotli = ask("gzip, deflate, br, zstd");
        assert_eq!(brotli.headers()[CONTENT_ENCODING], "br");
        let mut unpacked = Vec::new();
        let packed = body(brotli).await;
        brotli::BrotliDecompress(&mut packed.as_slice(), &mut unpacked).unwrap();
        assert_eq!(unpacked, plain);
    }

    /// Everything a visitor may load, as a release serves it.
    #[test]
    fn the_page_weighs_no_more_than_a_picture() {
        let web = web();
        let all = web.assets.values().chain([&web.page]);
        let (plain, packed) = all.fold((0, 0), |(plain, packed), asset| {
            let smallest = asset.packed.first().map_or(&asset.plain, |(_, bytes)| bytes);
            (plain + asset.plain.len(), packed + smallest.len())
        });
        assert!(plain < PLAIN_MAX, "{plain} bytes");
        assert!(packed <= PACKED_MAX, "{packed} bytes packed");
    }

    #[test]
    fn what_others_wrote_is_served_with_their_licence() {
        let web = web();
        let hash = hash(&web);
        let main = String::from_utf8_lossy(&web.assets[&format!("{hash}/main.js")].plain);
        for words in ["SPDX-License-Identifier: BSD-3-Clause", "MIT, (c) 2022-present Preact Team"]
        {
            assert!(main.contains(words), "{words}");
        }
        let font = "fonts/figtree-latin-wght-normal.woff2";
        assert_eq!(
            web.assets[&format!("{hash}/{font}")].plain,
            fs::read(Path::new("web").join(font)).unwrap()
        );
    }

    /// From its definition: each name and each content, with its length before it, in order.
    #[test]
    fn the_hash_is_of_every_name_and_byte() {
        let web = web();
        let mut hasher = Sha256::new();
        for (path, asset) in &web.assets {
            for part in [path.split_once('/').unwrap().1.as_bytes(), &asset.plain] {
                hasher.update((part.len() as u64).to_be_bytes());
                hasher.update(part);
            }
        }
        let expected: String =
            hasher.finalize()[..4].iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hash(&web), expected);
    }

    #[test]
    fn another_hash_another_path_and_other_files_are_not_found() {
        for web in [web(), Web::of_folder(Path::new("web")).unwrap()] {
            let hash = hash(&web);
            assert!(web.asset(&hash, "main.js", &HeaderMap::new()).is_ok());
            for (hash, path) in [
                ("1", "main.js"),
                (hash.as_str(), "other.js"),
                (&hash, "main.js.br"),
                (&hash, "package.json"),
                (&hash, "../../Cargo.toml"),
            ] {
                assert_eq!(web.asset(hash, path, &HeaderMap::new()).unwrap_err(), Error::NotFound);
            }
        }
    }

    #[test]
    fn a_folder_is_served_as_it_is_and_not_kept() {
        let web = Web::of_folder(Path::new("web")).unwrap();
        let response = web.asset("0", "net/peer.js", &accepting("br, gzip")).unwrap();
        assert_eq!(response.headers()[CACHE_CONTROL], "no-cache");
        assert_eq!(web.assets["0/net/peer.js"].plain, fs::read("web/net/peer.js").unwrap());
        assert!(Web::of_folder(Path::new("src")).is_err());
    }
}
