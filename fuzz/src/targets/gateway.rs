// SPDX-License-Identifier: Apache-2.0
//! What the gateway parses itself: route templates, the PROXY protocol, messages of Envoy, its
//! configuration, files of keys and tokens.

use std::path::Path;

use atrion_gateway::config::EXAMPLE;
use atrion_gateway::proxy_protocol::{self, Parsed};
use atrion_gateway::template::{Template, Templates, has_dots};
use atrion_gateway::{Config, believe, read_message};

use crate::Target;
use crate::mutate;
use crate::random::Random;

/// A template in the first line, a method and a path in the others.
pub struct RouteTemplates;

const PARTS: [&[u8]; 12] =
    [b"GET ", b"* ", b"/", b"{a}", b"{*a}", b"..", b"%2e", b"\n", b"?", b"HEAD /", b"{", b"}"];

impl Target for RouteTemplates {
    fn new() -> Self {
        Self
    }

    fn name(&self) -> &'static str {
        "template"
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        [
            "GET /carts/{cart}\nGET /carts/7\nPOST /carts/7",
            "* /files/{*rest}\nGET /files/a/b\nGET /files/../b",
            "GET /\nHEAD /\nGET //",
        ]
        .map(|text| text.as_bytes().to_vec())
        .to_vec()
    }

    fn mutate(&self, input: &[u8], other: &[u8], random: &mut Random) -> Vec<u8> {
        mutate::bytes(input, &PARTS, other, random)
    }

    fn run(&self, input: &[u8]) -> String {
        let text = String::from_utf8_lossy(input);
        let mut lines = text.lines();
        let template = match Template::parse(lines.next().unwrap_or_default()) {
            Ok(template) => template,
            Err(error) => return error.to_string(),
        };
        // A name that was read is read again as the same.
        assert_eq!(Template::parse(template.as_str()).as_ref(), Ok(&template));
        let mut templates = Templates::default();
        assert_eq!(templates.insert(&template, 7), Ok(()));
        assert_eq!(templates.insert(&template, 8), Err(7));
        let mut found = 0;
        for line in lines {
            let Some((method, path)) = line.split_once(' ') else { continue };
            let Ok(method) = method.parse() else { continue };
            match templates.find(&method, path) {
                Some(number) => {
                    assert!(number == 7 && path.starts_with('/') && !has_dots(path));
                    found += 1;
                }
                None => assert!(template.as_str() != line || path.contains('{')),
            }
        }
        format!("found {}", found.min(3))
    }
}

/// The first bytes of a connection.
pub struct ProxyHeaders;

const HEADERS: [&[u8]; 10] = [
    b"\r\n\r\n\0\r\nQUIT\n",
    b"PROXY ",
    b"TCP4 ",
    b"TCP6 ",
    b"UNKNOWN",
    b"\r\n",
    b"\x21\x11\0\x0c",
    b"\x21\x21\0\x24",
    b"\x20\0\0\0",
    b" 65535",
];

impl Target for ProxyHeaders {
    fn new() -> Self {
        Self
    }

    fn name(&self) -> &'static str {
        "proxy"
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        vec![
            b"PROXY TCP4 192.0.2.1 198.51.100.1 5000 443\r\nGET /".to_vec(),
            b"PROXY TCP6 2001:db8::1 ::1 1 2\r\n".to_vec(),
            b"PROXY UNKNOWN\r\n".to_vec(),
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\x7f\0\0\x01\x13\x88\x01\xbb".to_vec(),
        ]
    }

    fn mutate(&self, input: &[u8], other: &[u8], random: &mut Random) -> Vec<u8> {
        mutate::bytes(input, &HEADERS, other, random)
    }

    fn run(&self, input: &[u8]) -> String {
        let parsed = proxy_protocol::parse(input);
        if let Ok(Parsed::Header { length, .. }) = parsed {
            assert!(length <= input.len() && length <= proxy_protocol::LONGEST);
            // Less is not enough, and what follows decides nothing.
            assert_eq!(proxy_protocol::parse(&input[..length]), parsed);
            assert_eq!(proxy_protocol::parse(&input[..length - 1]), Ok(Parsed::Incomplete));
        }
        if parsed == Ok(Parsed::Incomplete) {
            assert!(input.len() < proxy_protocol::LONGEST);
        }
        match parsed {
            Ok(Parsed::Header { client, .. }) => format!("client {}", client.is_some()),
            Ok(Parsed::Incomplete) => "incomplete".to_owned(),
            Err(_) => "none".to_owned(),
        }
    }
}

/// Messages of Envoy to its external processor.
pub struct ProcessorMessages;

/// Tags and lengths of the messages, and fields of heads.
const PIECES: [&[u8]; 19] = [
    b"\x42",
    b"\x4a",
    b"\x2a\x02\x0a\x00",
    b"\x12",
    b"\x1a",
    b"\x3a",
    b"\x0a",
    b"\x0a\x12\x0a\x07:method\x1a\x07CONNECT",
    b"\x0a\x0c\x0a\x07:method\x12\x01X",
    b"\x0a\x0a\x0a\x05:path\x1a\x01*",
    b"\x0a\x0e\x0a\x07:status\x1a\x03999",
    b"\x0a\x08\x0a\x01a\x1a\x03\x00\r\n",
    b"\x18\x01",
    b"\x50\x01",
    b"\xff\xff\xff\xff\x0f",
    b"\x80",
    b":",
    b"\xc3\x28",
    b"grpc-status",
];

impl Target for ProcessorMessages {
    fn new() -> Self {
        Self
    }

    fn name(&self) -> &'static str {
        "processor"
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        let request: [(&str, &str); 4] =
            [(":method", "GET"), (":path", "/carts/7?x=1"), (":authority", "shop"), ("x-plan", "free")];
        let response: [(&str, &str); 2] = [(":status", "200"), ("content-type", "application/grpc")];
        vec![
            message(2, &headers(&request)),
            message(3, &headers(&response)),
            message(7, &headers(&[("grpc-status", "14"), ("grpc-message", "late")])),
            message(4, b""),
            message(8, &entry("shop", &entry("tier", &message(3, b"high")))),
            message(9, &entry("envoy.filters.http.ext_proc", &entry("xds.route_name", &message(3, b"all")))),
        ]
    }

    fn mutate(&self, input: &[u8], other: &[u8], random: &mut Random) -> Vec<u8> {
        mutate::bytes(input, &PIECES, other, random)
    }

    fn run(&self, input: &[u8]) -> String {
        match read_message(input) {
            Ok((fields, told)) => {
                let fields = fields.unwrap_or_default();
                assert!(fields.len() <= input.len());
                assert!(fields.keys().all(|name| !name.as_str().starts_with(':')));
                let of = |part: &str| told[part].as_object().map_or(usize::MAX, |part| part.len().min(3));
                format!("{} fields, {} metadata, {} attributes", fields.len().min(8), of("metadata"), of("attributes"))
            }
            // Its text names the place in the message, and numbers that were found there.
            Err(error) => error.to_string().split(|c: char| c.is_ascii_digit()).next().unwrap_or("").to_owned(),
        }
    }
}

/// A field of a message, with its length: all of them are shorter than 128 bytes.
fn message(tag: u8, content: &[u8]) -> Vec<u8> {
    [&[tag << 3 | 2, content.len() as u8], content].concat()
}

/// A map with one entry.
fn entry(key: &str, value: &[u8]) -> Vec<u8> {
    message(1, &[message(1, key.as_bytes()), message(2, value)].concat())
}

/// A map of headers, in the message around it.
fn headers(pairs: &[(&str, &str)]) -> Vec<u8> {
    let entry = |(name, value): &(&str, &str)| {
        message(1, &[message(1, name.as_bytes()), message(3, value.as_bytes())].concat())
    };
    message(1, &pairs.iter().flat_map(entry).collect::<Vec<_>>())
}

/// A file of keys up to the last line, and there a token.
pub struct Tokens {
    config: Config,
}

const CLAIMS: [&[u8]; 14] = [
    b".",
    b"eyJhbGciOiJSUzI1NiJ9",
    b"eyJhbGciOiJFUzI1NiJ9",
    b"eyJhbGciOiJub25lIn0",
    b"{\"keys\":[",
    b"\"kty\":\"RSA\"",
    b"\"kty\":\"oct\"",
    b"\"alg\":\"PS256\"",
    b"\"use\":\"enc\"",
    b"\"kid\":\"a\"",
    b"\n",
    b"-----BEGIN PUBLIC KEY-----\n",
    b"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE",
    b"\xc3\x28",
];

/// The examples of RFC 7515, A.2 and A.3, with their keys. Their claims expired in 2011.
const SIGNED: [&str; 2] = [
    include_str!("../../seeds/token-rs256.txt"),
    include_str!("../../seeds/token-es256.txt"),
];

impl Target for Tokens {
    fn new() -> Self {
        let file = "[[listen]]\naddress = \"[::]:1\"\n[[upstream]]\naddress = \"a:1\"\n[jwt]\nkeys = \"keys\"\nissuer = \"joe\"\n";
        Self { config: Config::parse(file, Path::new("/")).expect("it is right") }
    }

    fn name(&self) -> &'static str {
        "token"
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        SIGNED.map(|text| text.trim_end().as_bytes().to_vec()).to_vec()
    }

    fn mutate(&self, input: &[u8], other: &[u8], random: &mut Random) -> Vec<u8> {
        mutate::bytes(input, &CLAIMS, other, random)
    }

    fn run(&self, input: &[u8]) -> String {
        let text = String::from_utf8_lossy(input);
        let (keys, token) = text.rsplit_once('\n').unwrap_or_default();
        let settings = self.config.jwt.as_ref().expect("it is there");
        let Err(why) = believe(settings, keys, token.as_bytes()) else {
            panic!("nobody has signed {token}");
        };
        if why == "time" || why == "claims" {
            // The signature was right, so it was one of these messages.
            let message = token.rsplit_once('.').unwrap_or_default().0;
            assert!(SIGNED.iter().any(|signed| signed.contains(message)), "{token}");
        }
        why.split(|c: char| c.is_ascii_digit()).next().unwrap_or_default().to_owned()
    }
}

/// The file of the gateway.
pub struct GatewayConfig;

const LINES: [&[u8]; 18] = [
    b"[[listen]]\n",
    b"[[upstream]]\n",
    b"[[route]]\n",
    b"[[tier]]\n",
    b"[admission]\n",
    b"[engine]\n",
    b"address = \"127.0.0.1:1\"\n",
    b"match = \"GET /{a}\"\n",
    b"tier = \"high\"\n",
    b"timeouts = { connect = \"1s\" }\n",
    b"routes.\"*\".cap = 3\n",
    b"trusted = [\"10.0.0.0/8\"]\n",
    b"[jwt]\nkeys = \"a\"\nissuer = \"b\"\n",
    b"claim = \"/a/b\"\n",
    b"[otlp]\nendpoint = \"http://a:1\"\n",
    b"tenant = { certificate = true }\n",
    b"9999999999999999999999",
    b"\"",
];

impl Target for GatewayConfig {
    fn new() -> Self {
        Self
    }

    fn name(&self) -> &'static str {
        "config"
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        let least = "[[listen]]\naddress = \"[::]:1\"\n[[upstream]]\naddress = \"a:1\"\n[engine.routes.x]\ncap = 1\n";
        vec![EXAMPLE.as_bytes().to_vec(), least.as_bytes().to_vec()]
    }

    fn mutate(&self, input: &[u8], other: &[u8], random: &mut Random) -> Vec<u8> {
        mutate::bytes(input, &LINES, other, random)
    }

    fn run(&self, input: &[u8]) -> String {
        let text = String::from_utf8_lossy(input);
        match Config::parse(&text, Path::new("/")) {
            Ok(config) => {
                // A processor of Envoy needs neither.
                let is_whole = !config.listeners.is_empty() && !config.upstreams.is_empty();
                assert!(config.ext_proc.is_some() || is_whole);
                assert_eq!(config.engine.check(), Ok(()));
                format!("right, {} routes", config.admission.routes.len().min(3))
            }
            Err(error) => {
                // There is a reason, and it is in the file.
                let lines = text.lines().count().max(1);
                assert!(!error.faults().is_empty());
                assert!(error.faults().iter().all(|fault| (1..=lines + 1).contains(&fault.line)));
                format!("{} faults", error.faults().len().min(5))
            }
        }
    }
}
