use std::{collections::BTreeSet, fs, path::Path};

use actix_web::{
    App,
    http::{StatusCode, header},
    test::{TestRequest, call_service, init_service, read_body},
};

use libdeflater::Decompressor;

use super::{FILES, INDEX, POLICY, slim};

/// What the whole page may weigh on the wire, in bytes.
const MOST: usize = 60_000;

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src/admin/dashboard"))
}

async fn get(
    path: &str,
    headers: &[(header::HeaderName, &str)],
) -> (StatusCode, header::HeaderMap, Vec<u8>) {
    let app = init_service(App::new().configure(crate::admin::table)).await;
    let mut request = TestRequest::get().uri(path);
    for (name, value) in headers {
        request = request.insert_header((name.clone(), *value));
    }
    let answer = call_service(&app, request.to_request()).await;
    let (status, headers) = (answer.status(), answer.headers().clone());
    (status, headers, read_body(answer).await.to_vec())
}

fn told(headers: &header::HeaderMap, name: header::HeaderName) -> &str {
    let value = headers.get(name).expect("the header");
    value.to_str().expect("text")
}

#[test]
fn the_whole_page_weighs_60_kb_at_most() {
    let weights: Vec<_> = FILES
        .iter()
        .map(|file| {
            (
                file.name,
                file.gzipped.as_ref().map_or(0, |it| it.body.len()),
            )
        })
        .collect();
    let sum: usize = weights.iter().map(|(_, weight)| weight).sum();
    assert!(sum <= MOST, "{sum} bytes: {weights:?}");
    assert!(weights.iter().all(|(_, weight)| *weight > 0), "{weights:?}");
}

#[test]
fn every_module_and_image_of_the_folder_is_served() {
    let files = fs::read_dir(folder()).expect("the folder");
    let named: BTreeSet<_> = files
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .into_string()
                .expect("a name")
        })
        .filter(|name| {
            [".js", ".svg", ".html"]
                .iter()
                .any(|end| name.ends_with(end))
        })
        .collect();
    let served: BTreeSet<_> = FILES.iter().map(|file| file.name.to_owned()).collect();
    assert_eq!(
        named.difference(&served).collect::<Vec<_>>(),
        Vec::<&String>::new()
    );
}

#[test]
fn nothing_of_ours_parses_markup_or_is_inline() {
    for entry in fs::read_dir(folder()).expect("the folder") {
        let path = entry.expect("an entry").path();
        let Ok(text) = fs::read_to_string(&path) else {
            continue;
        };
        for banned in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "new Function",
            "<style",
            " style=\"",
            " onclick=\"",
        ] {
            assert!(!text.contains(banned), "{banned} in {}", path.display());
        }
    }
}

#[test]
fn comments_and_indentation_stay_here_and_lines_keep_their_numbers() {
    let text =
        "/** What\n * it is. */\nlet a = 1; // b\n  // c\n\n  f(`x // y`);\n/* d */\n.e { f: g; }";
    assert_eq!(
        slim(text),
        "\n\nlet a = 1; // b\n\n\nf(`x // y`);\n\n.e { f: g; }"
    );
}

#[actix_web::test]
async fn the_page_comes_with_its_policy() {
    let (status, headers, body) = get("/", &[]).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(told(&headers, header::CONTENT_SECURITY_POLICY), POLICY);
    assert_eq!(told(&headers, header::X_CONTENT_TYPE_OPTIONS), "nosniff");
    assert_eq!(told(&headers, header::CONTENT_TYPE), super::HTML);
    assert!(body.starts_with(b"<!doctype html>"));
}

#[actix_web::test]
async fn a_browser_gets_it_compressed_and_others_plain() {
    let (_, headers, gzipped) = get(
        "/assets/app.js",
        &[(header::ACCEPT_ENCODING, "gzip, deflate, br")],
    )
    .await;
    assert_eq!(told(&headers, header::CONTENT_ENCODING), "gzip");
    let mut text = vec![0; 100_000];
    let length = Decompressor::new()
        .gzip_decompress(&gzipped, &mut text)
        .expect("gzip");
    text.truncate(length);
    for accepted in [None, Some("identity"), Some("gzip;q=0"), Some("br")] {
        let sent: Vec<_> = accepted
            .map(|it| (header::ACCEPT_ENCODING, it))
            .into_iter()
            .collect();
        let (status, headers, plain) = get("/assets/app.js", &sent).await;
        assert_eq!(status, StatusCode::OK);
        assert!(
            !headers.contains_key(header::CONTENT_ENCODING),
            "{accepted:?}"
        );
        assert_eq!(plain, text, "{accepted:?}");
    }
}

#[actix_web::test]
async fn what_a_browser_has_is_not_sent_again() {
    let (_, headers, _) = get("/assets/style.css", &[]).await;
    let tag = told(&headers, header::ETAG);
    for known in [tag.to_owned(), format!("\"other\", W/{tag}")] {
        let (status, headers, body) =
            get("/assets/style.css", &[(header::IF_NONE_MATCH, &known)]).await;
        assert_eq!(status, StatusCode::NOT_MODIFIED, "{known}");
        assert_eq!(told(&headers, header::CACHE_CONTROL), "no-cache");
        assert!(body.is_empty());
    }
    let (status, ..) = get("/assets/style.css", &[(header::IF_NONE_MATCH, "\"other\"")]).await;
    assert_eq!(status, StatusCode::OK);
    let compressed = [
        (header::ACCEPT_ENCODING, "gzip"),
        (header::IF_NONE_MATCH, tag),
    ];
    assert_eq!(
        get("/assets/style.css", &compressed).await.0,
        StatusCode::OK,
        "another form"
    );
}

#[actix_web::test]
async fn other_names_are_not_found() {
    for path in [
        "/assets/vendor/uplot.js",
        "/assets/..%2f..%2fCargo.toml",
        "/assets/screenshot.png",
        "/assets/",
    ] {
        assert_eq!(get(path, &[]).await.0, StatusCode::NOT_FOUND, "{path}");
    }
    assert!(FILES.iter().any(|file| file.name == INDEX));
}
