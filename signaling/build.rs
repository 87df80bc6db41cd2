//! Makes what is served out of the folder `web`: scripts bundled and minified, style sheets put together and minified, everything below
//! the hash of it all, and beside each file its packed forms.
//!
//! The folder it leaves in `OUT_DIR` has the paths of the server: `index.html`, and `assets/<hash>/…`. Whatever lies below a hash never
//! changes, and parts name one another by relative paths, so only `index.html` knows the hash.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use lightningcss::printer::PrinterOptions;
use lightningcss::stylesheet::{MinifyOptions, ParserOptions, StyleSheet};
use rolldown::{Bundler, BundlerOptions, InputItem, RawMinifyOptions};
use sha2::{Digest, Sha256};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// By path below `/assets/`.
type Files = BTreeMap<String, Vec<u8>>;

#[expect(
    clippy::disallowed_methods,
    reason = "how cargo and a build script tell each other things"
)]
fn main() -> Outcome<()> {
    println!("cargo::rerun-if-changed={SOURCE}");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(SOURCE);
    let target = PathBuf::from(std::env::var("OUT_DIR")?).join("web");
    let mut files = scripts(&source)?;
    let shared: Vec<String> =
        files.keys().filter(|name| !ENTRIES.contains(&name.as_str())).cloned().collect();
    let text = fs::read_to_string(source.join("index.html"))?;
    files.insert(STYLE.to_owned(), style(&source, &text)?);
    others(&source, "", &mut files)?;
    let hash = hash(&files);
    let page = page(&text, &shared, &hash);
    if target.exists() {
        fs::remove_dir_all(&target)?;
    }
    write(&target.join("index.html"), page.as_bytes())?;
    for (path, bytes) in &files {
        write(&target.join("assets").join(&hash).join(path), bytes)?;
    }
    Ok(())
}

/// The scripts of the page, and those of the library, which other pages may import as well; what both need is a third.
fn scripts(source: &Path) -> Outcome<Files> {
    let entry = |file: &str| InputItem { name: None, import: format!("./{file}") };
    let mut bundler = Bundler::new(BundlerOptions {
        input: Some(ENTRIES.map(entry).to_vec()),
        cwd: Some(source.to_owned()),
        minify: Some(RawMinifyOptions::Bool(true)),
        entry_filenames: Some("[name].js".to_owned().into()),
        chunk_filenames: Some("shared-[name].js".to_owned().into()),
        ..BundlerOptions::default()
    })?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let output = runtime.block_on(bundler.generate())?;
    if let Some(warning) = output.warnings.first() {
        return Err(format!("{warning:?}").into());
    }
    let scripts = output.assets.iter();
    let mut files: Files =
        scripts.map(|it| (it.filename().to_owned(), unindented(it.content_as_bytes()))).collect();
    let page = files.get_mut(ENTRIES[0]).ok_or("the bundler lost the page's script")?;
    page.splice(..0, LICENCES.bytes());
    Ok(files)
}

/// The script without the indentation of its templates, which the minifier leaves as it was; it has no other lines.
fn unindented(script: &[u8]) -> Vec<u8> {
    let lines: Vec<&[u8]> =
        script.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_start).collect();
    lines.join(&b'\n')
}

/// Icons and fonts below `source`, with their paths from `prefix` on.
fn others(source: &Path, prefix: &str, files: &mut Files) -> Outcome<()> {
    for entry in fs::read_dir(source)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).ok_or("a name in UTF-8")?;
        let below = format!("{prefix}{name}");
        match path.extension().and_then(|ending| ending.to_str()) {
            None if path.is_dir() => others(&path, &format!("{below}/"), files)?,
            Some("svg" | "woff2") => {
                files.insert(below, fs::read(&path)?);
            }
            None | Some(_) => {}
        }
    }
    Ok(())
}

/// The style sheets that `page` names, in its order, as one.
fn style(source: &Path, page: &str) -> Outcome<Vec<u8>> {
    let mut text = String::new();
    for name in page.lines().filter_map(styled_by) {
        text.push_str(&fs::read_to_string(source.join(name))?);
    }
    let wrong = |error: &dyn std::fmt::Display| error.to_string();
    let mut sheet =
        StyleSheet::parse(&text, ParserOptions::default()).map_err(|error| wrong(&error))?;
    sheet.minify(MinifyOptions::default()).map_err(|error| wrong(&error))?;
    let options = PrinterOptions { minify: true, ..PrinterOptions::default() };
    Ok(sheet.to_css(options)?.code.into_bytes())
}

/// The style sheet that a line of the page names.
fn styled_by(line: &str) -> Option<&str> {
    line.trim().strip_prefix("<link rel=\"stylesheet\" href=\"/assets/")?.strip_suffix("\">")
}

/// The page without indentation, which names the scripts and the style sheet that there are instead of those they were made of.
fn page(text: &str, shared: &[String], hash: &str) -> String {
    let announced = |name: &String| format!("<link rel=\"modulepreload\" href=\"/assets/{name}\">");
    let mut announced: Vec<String> = shared.iter().map(announced).collect();
    let mut lines = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if line.starts_with("<link rel=\"modulepreload\"") {
            lines.append(&mut announced);
        } else if styled_by(line).is_none_or(|name| name == STYLE) {
            lines.push(line.to_owned());
        }
    }
    lines.join("\n").replace("\"/assets/", &format!("\"/assets/{hash}/"))
}

/// Of names and contents, in order.
fn hash(files: &Files) -> String {
    let mut hasher = Sha256::new();
    for (path, bytes) in files {
        for part in [path.as_bytes(), bytes] {
            hasher.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hasher.update(part);
        }
    }
    // Four bytes: builds are told apart, not secured against each other.
    hasher.finalize().iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

/// A file and, where they are smaller, its packed forms.
fn write(path: &Path, bytes: &[u8]) -> Outcome<()> {
    let name = path.to_str().ok_or("a path in UTF-8")?;
    fs::create_dir_all(path.parent().ok_or("a file in a folder")?)?;
    fs::write(name, bytes)?;
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(bytes)?;
    let mut brotli = Vec::new();
    brotli::BrotliCompress(
        &mut &*bytes,
        &mut brotli,
        &brotli::enc::BrotliEncoderParams::default(),
    )?;
    for (ending, packed) in [("gz", gzip.finish()?), ("br", brotli)] {
        if packed.len() < bytes.len() {
            fs::write(format!("{name}.{ending}"), packed)?;
        }
    }
    Ok(())
}

const SOURCE: &str = "web";

/// What may be asked for by name.
const ENTRIES: [&str; 2] = ["main.js", "confab.js"];

/// The style sheet of the page.
const STYLE: &str = "app.css";

/// For a part whose own file says nothing of it; the other licences are comments that the bundler keeps.
const LICENCES: &str = "/*! with @preact/signals-core: MIT, (c) 2022-present Preact Team */\n";
