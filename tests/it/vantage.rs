//! Looks from elsewhere and looks explained, by the real binary against servers that tell who came.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::Command;
use std::thread::JoinHandle;

use serde_json::Value;

/// A server that answers one request; it gives who came, and the first line of what they said.
fn server() -> (String, JoinHandle<(String, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let served = std::thread::spawn(move || {
        let (mut stream, from) = listener.accept().expect("somebody comes");
        let mut line = String::new();
        BufReader::new(&stream).read_line(&mut line).expect("they speak");
        let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";
        stream.write_all(answer.as_bytes()).expect("they listen");
        (from.ip().to_string(), line.trim_end().to_owned())
    });
    (address, served)
}

fn probe(words: &[&str]) -> (String, i32) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_launchgate"));
    let ran = command.arg("probe").args(words).output().expect("it runs");
    let text = String::from_utf8(ran.stdout).expect("text")
        + &String::from_utf8(ran.stderr).expect("text");
    (text, ran.status.code().expect("an exit code"))
}

#[test]
fn a_look_comes_from_the_address_that_was_chosen() {
    let (address, served) = server();
    let url = format!("url=http://{address}/");
    let words = ["http", "--with", &url, "--local-address", "127.0.0.9", "--explain"];
    let (text, code) = probe(&words);
    assert_eq!(code, 0, "{text}");
    assert_eq!(served.join().expect("it served").0, "127.0.0.9");
    assert!(text.contains("\nasked\n"), "{text}");
    assert!(text.contains("200"), "{text}");
}

#[test]
fn a_proxy_is_asked_for_the_whole_url_and_resolves_the_name_itself() {
    let (address, served) = server();
    let proxy = format!("http://{address}");
    let (text, code) =
        probe(&["http", "--with", "url=http://shop.invalid/home", "--proxy", &proxy]);
    assert_eq!(code, 0, "{text}");
    assert_eq!(served.join().expect("it served").1, "GET http://shop.invalid/home HTTP/1.1");
}

#[test]
fn a_machine_reads_what_was_asked_and_no_secret() {
    let (address, served) = server();
    let (user, host) = (format!("url=http://ann:s3cret@{address}/"), address.as_str());
    let (text, _) = probe(&["http", "--with", &user, "--explain", "--format", "json"]);
    assert!(!text.contains("s3cret"), "{text}");
    if let Ok(json) = serde_json::from_str::<Value>(&text) {
        let exchanges = json["exchanges"].as_array().expect("a list");
        assert!(exchanges.iter().any(|e| e["whom"].as_str().is_some_and(|w| w.contains(host))));
        served.join().expect("it served");
    } else {
        assert!(text.contains("url"), "credentials in a URL are refused: {text}");
    }
}

#[test]
fn a_place_that_cannot_be_is_refused() {
    let url = "url=http://127.0.0.1:9/";
    let (text, code) = probe(&["http", "--with", url, "--resolver", "dns.example"]);
    assert_eq!(code, 3, "{text}");
    assert!(text.contains("resolvers[0]: `dns.example` is no address"), "{text}");
}

#[test]
fn a_look_with_too_little_time_is_refused() {
    let words = ["http", "--with", "url=http://127.0.0.1:9/", "--with", "samples=100"];
    let (text, code) = probe(&words);
    assert_eq!(code, 3, "{text}");
    assert!(text.contains("timeout: such a look needs at least 50s, and has 10s"), "{text}");
}
