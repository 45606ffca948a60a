use super::*;

fn read(text: &str) -> Result<Option<Head>, &'static str> {
    parse(&mut BytesMut::from(text), &Method::POST)
}

fn whole(text: &str) -> Head {
    read(text).unwrap().unwrap()
}

#[test]
fn headers_are_found_in_any_case_and_keep_their_bytes() {
    let mut inbound =
        BytesMut::from("HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nX-A: 1\r\nx-a:  é \r\n\r\nrest");
    let head = parse(&mut inbound, &Method::POST).unwrap().unwrap();
    assert_eq!(&inbound[..], b"rest");
    assert_eq!(head.status, StatusCode::OK);
    assert_eq!(head.headers.text("CONTENT-type"), Some("a/b"));
    let all: Vec<_> = head.headers.all("x-A").collect();
    assert_eq!(all, [b"1".as_slice(), "é".as_bytes()]);
    assert_eq!(head.headers.get("x-b"), None);
}

#[test]
fn framing_follows_the_rules() {
    let framing = |lines: &str| whole(&format!("HTTP/1.1 200 OK\r\n{lines}\r\n")).framing;
    assert_eq!(framing("Content-Length: 7\r\n"), Framing::Length(7));
    assert_eq!(framing("content-length: 0\r\n"), Framing::Empty);
    assert_eq!(framing("Transfer-Encoding: Chunked\r\n"), Framing::Chunked);
    assert_eq!(framing(""), Framing::UntilClose);
    assert_eq!(whole("HTTP/1.1 204 No\r\n\r\n").framing, Framing::Empty);
    assert_eq!(
        whole("HTTP/1.1 304 No\r\nContent-Length: 9\r\n\r\n").framing,
        Framing::Empty
    );
    let mut head = BytesMut::from("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n");
    let head = parse(&mut head, &Method::HEAD).unwrap().unwrap();
    assert_eq!(head.framing, Framing::Empty);
}

#[test]
fn a_connection_is_kept_only_when_the_answer_leaves_no_doubt() {
    let kept = |text: &str| whole(text).persistent;
    assert!(kept("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n"));
    assert!(kept(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    ));
    assert!(!kept(
        "HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: foo, Close\r\n\r\n"
    ));
    assert!(!kept("HTTP/1.0 200 OK\r\nContent-Length: 7\r\n\r\n"));
    assert!(!kept("HTTP/1.1 200 OK\r\n\r\n"));
    let both = "HTTP/1.1 200 OK\r\nContent-Length: 7\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(whole(both).framing, Framing::Chunked);
    assert!(!kept(both));
}

#[test]
fn what_can_be_read_two_ways_is_refused() {
    let refused = |lines: &str| read(&format!("HTTP/1.1 200 OK\r\n{lines}\r\n")).unwrap_err();
    assert_eq!(
        refused("Content-Length: 7\r\ncontent-length: 7\r\n"),
        "two content-length lines"
    );
    for length in ["+7", "-7", "7, 7", "0x7", "", "7a", "99999999999999999999"] {
        assert_eq!(
            refused(&format!("Content-Length: {length}\r\n")),
            "content-length"
        );
    }
    for coding in ["gzip, chunked", "xchunked", "identity", ""] {
        assert_eq!(
            refused(&format!("Transfer-Encoding: {coding}\r\n")),
            "transfer-encoding"
        );
    }
    let twice = "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n";
    assert_eq!(refused(twice), "transfer-encoding");
    assert_eq!(refused("Content-Length : 7\r\n"), "not an HTTP head");
    assert_eq!(refused("A: b\r\n folded\r\n"), "not an HTTP head");
    let old = "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(read(old).unwrap_err(), "transfer-encoding");
}

#[test]
fn what_is_no_answer_is_refused() {
    assert_eq!(read("SSH-2.0-OpenSSH\r\n\r\n").unwrap_err(), "not HTTP/1");
    assert_eq!(read("HTTP/2.0 200 OK\r\n\r\n").unwrap_err(), "not HTTP/1");
    assert_eq!(read("HTTP/1.1 099 No\r\n\r\n").unwrap_err(), "status code");
    assert_eq!(
        read("HTTP/1.1 2000 No\r\n\r\n").unwrap_err(),
        "not an HTTP head"
    );
}

#[test]
fn a_head_is_read_up_to_its_limits() {
    let lines = |count: usize| format!("HTTP/1.1 200 OK\r\n{}\r\n", "A: b\r\n".repeat(count));
    assert!(read(&lines(MAX_HEADERS)).unwrap().is_some());
    assert_eq!(
        read(&lines(MAX_HEADERS + 1)).unwrap_err(),
        "too many header lines"
    );
    let long = |length: usize| format!("HTTP/1.1 200 OK\r\nA: {}", "b".repeat(length));
    assert!(read(&long(MAX_HEAD / 2)).unwrap().is_none());
    assert_eq!(read(&long(MAX_HEAD)).unwrap_err(), "head too long");
    assert_eq!(
        read(&(long(MAX_HEAD) + "\r\n\r\n")).unwrap_err(),
        "head too long"
    );
}

#[test]
fn every_prefix_of_a_head_waits_for_more() {
    let text = "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n";
    for cut in 0..text.len() {
        assert!(read(&text[..cut]).unwrap().is_none(), "cut at {cut}");
    }
}

#[test]
fn headers_build_from_pairs() {
    let headers: AnswerHeaders = [("A", "1"), ("b", "2")].into_iter().collect();
    assert_eq!(headers.text("a"), Some("1"));
    assert_eq!(headers.text("B"), Some("2"));
    assert_eq!(headers.iter().count(), 2);
}
