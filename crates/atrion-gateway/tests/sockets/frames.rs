// SPDX-License-Identifier: Apache-2.0
//! Frames of HTTP/2 that break its rules, each answered by the error that RFC 9113 names. Where a
//! frame cannot be read, or comes to a stream that has ended, the library below (h2) says
//! PROTOCOL_ERROR in the place of a code that says more; that counts as right.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::{OK, PATIENCE, address, eventually, gateway, get, patient, saying, within};

/// What a peer has to do about a frame.
#[derive(Debug, Clone, Copy)]
enum Due {
    /// End the connection with this error.
    Connection(u32),
    /// Reset the stream with this error, or end the connection with it (5.4.1).
    Stream(u32),
    /// The same with PROTOCOL_ERROR, or a response of status 4xx first (8.1.1).
    Malformed,
    /// Go on.
    Nothing,
}
use Due::{Connection, Malformed, Nothing, Stream};

/// What it did.
#[derive(Debug)]
enum Done {
    Connection(u32),
    Stream(u32),
    /// A head, which begins with this byte of HPACK.
    Answered(u8),
    Pong,
    Closed,
    /// Nothing, for as long as a test waits.
    Silence,
}

const PROTOCOL: u32 = 1;
const FLOW_CONTROL: u32 = 3;
const STREAM_CLOSED: u32 = 5;
const FRAME_SIZE: u32 = 6;
const COMPRESSION: u32 = 9;

// Kinds of frames, and their flags.
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const PUSH_PROMISE: u8 = 5;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A field that is put into no table (RFC 7541, 6.2.2).
fn field(name: &str, value: &str) -> Vec<u8> {
    [&[0, name.len() as u8], name.as_bytes(), &[value.len() as u8], value.as_bytes()].concat()
}

/// `:method: GET`, `:scheme: http`, `:path: /`, which the static table has, and `:authority: shop`.
const GET: &[u8] = b"\x82\x86\x84\x01\x04shop";

/// The head of a request on a stream, whole, with more fields.
fn head(stream: u32, more: &[u8]) -> Vec<u8> {
    frame(HEADERS, END_HEADERS | END_STREAM, stream, &[GET, more].concat())
}

/// The same of one whose body is to come.
fn open(stream: u32, more: &[u8]) -> Vec<u8> {
    frame(HEADERS, END_HEADERS, stream, &[GET, more].concat())
}

fn setting(id: u16, value: u32) -> Vec<u8> {
    frame(SETTINGS, 0, 0, &[&id.to_be_bytes()[..], &value.to_be_bytes()].concat())
}

fn window(stream: u32, more: u32) -> Vec<u8> {
    frame(WINDOW_UPDATE, 0, stream, &more.to_be_bytes())
}

/// Section of RFC 9113, frames after the preface and empty settings, and what is due.
fn probes() -> Vec<(&'static str, Vec<u8>, Due)> {
    let both = |one: Vec<u8>, two: Vec<u8>| [one, two].concat();
    let bare = |block: &[u8]| frame(HEADERS, END_HEADERS | END_STREAM, 1, block);
    let long = 0x7fff_ffff;
    vec![
        // Frames and their sizes.
        (
            "4.2 frame above SETTINGS_MAX_FRAME_SIZE",
            both(open(1, b""), frame(DATA, 0, 1, &[0; 16_385])),
            Connection(FRAME_SIZE),
        ),
        ("4.2 PING of 7 bytes", frame(PING, 0, 0, &[0; 7]), Connection(FRAME_SIZE)),
        (
            "4.2 RST_STREAM of 3 bytes",
            both(open(1, b""), frame(RESET, 0, 1, &[0; 3])),
            Connection(FRAME_SIZE),
        ),
        ("4.2 WINDOW_UPDATE of 3 bytes", frame(WINDOW_UPDATE, 0, 0, &[0; 3]), Connection(FRAME_SIZE)),
        ("4.2 PRIORITY of 4 bytes", both(open(1, b""), frame(PRIORITY, 0, 1, &[0; 4])), Stream(FRAME_SIZE)),
        ("4.3 index in no table", bare(b"\xff\xff\x00"), Connection(COMPRESSION)),
        ("4.3 table larger than was agreed", bare(b"\x3f\xff\xff\x0f\x82\x86\x84"), Connection(COMPRESSION)),
        // States of a stream.
        ("5.1 DATA on an idle stream", frame(DATA, END_STREAM, 1, b"x"), Connection(PROTOCOL)),
        ("5.1 RST_STREAM on an idle stream", frame(RESET, 0, 1, &[0; 4]), Connection(PROTOCOL)),
        ("5.1 WINDOW_UPDATE on an idle stream", window(1, 1), Connection(PROTOCOL)),
        ("5.1 PRIORITY on an idle stream", frame(PRIORITY, 0, 3, &[0; 5]), Nothing),
        (
            "5.1 DATA after the end",
            both(head(1, b""), frame(DATA, END_STREAM, 1, b"x")),
            Stream(STREAM_CLOSED),
        ),
        ("5.1 HEADERS after the end", both(head(1, b""), head(1, b"")), Stream(STREAM_CLOSED)),
        ("5.1.1 stream of an even number", head(2, b""), Connection(PROTOCOL)),
        ("5.1.1 stream below the last one", both(head(5, b""), head(3, b"")), Connection(PROTOCOL)),
        ("5.5 kind that nobody knows", frame(0x2a, 0xff, 0, b"x"), Nothing),
        (
            "5.5 such a kind within a head",
            both(frame(HEADERS, 0, 1, GET), frame(0x2a, 0, 1, b"x")),
            Connection(PROTOCOL),
        ),
        // Each kind of frame.
        ("6.1 DATA on stream 0", frame(DATA, 0, 0, b"x"), Connection(PROTOCOL)),
        (
            "6.1 padding longer than the frame",
            both(open(1, b""), frame(DATA, PADDED, 1, b"\x09x")),
            Connection(PROTOCOL),
        ),
        ("6.2 HEADERS on stream 0", head(0, b""), Connection(PROTOCOL)),
        (
            "6.2 padding longer than the head",
            frame(HEADERS, END_HEADERS | PADDED, 1, b"\xff\x82"),
            Connection(PROTOCOL),
        ),
        (
            "6.2 PING within a head",
            both(frame(HEADERS, 0, 1, GET), frame(PING, 0, 0, &[0; 8])),
            Connection(PROTOCOL),
        ),
        ("6.4 RST_STREAM on stream 0", frame(RESET, 0, 0, &[0; 4]), Connection(PROTOCOL)),
        ("6.5 SETTINGS on a stream", frame(SETTINGS, 0, 1, b""), Connection(PROTOCOL)),
        ("6.5 SETTINGS of 5 bytes", frame(SETTINGS, 0, 0, &[0; 5]), Connection(FRAME_SIZE)),
        ("6.5 acknowledgment with a payload", frame(SETTINGS, ACK, 0, &[0; 6]), Connection(FRAME_SIZE)),
        ("6.5.2 ENABLE_PUSH of 2", setting(2, 2), Connection(PROTOCOL)),
        ("6.5.2 INITIAL_WINDOW_SIZE above the largest", setting(4, long + 1), Connection(FLOW_CONTROL)),
        ("6.5.2 MAX_FRAME_SIZE below the least", setting(5, 16_383), Connection(PROTOCOL)),
        ("6.5.2 MAX_FRAME_SIZE above the largest", setting(5, 1 << 24), Connection(PROTOCOL)),
        ("6.5.2 setting that nobody knows", setting(0x2a2a, 7), Nothing),
        (
            "6.6 PUSH_PROMISE of a client",
            both(open(1, b""), frame(PUSH_PROMISE, END_HEADERS, 1, &[&[0, 0, 0, 2], GET].concat())),
            Connection(PROTOCOL),
        ),
        ("6.7 PING on a stream", frame(PING, 0, 1, &[0; 8]), Connection(PROTOCOL)),
        ("6.8 GOAWAY on a stream", frame(GOAWAY, 0, 1, &[0; 8]), Connection(PROTOCOL)),
        ("6.9 WINDOW_UPDATE of zero", window(0, 0), Connection(PROTOCOL)),
        ("6.9 the same on a stream", both(open(1, b""), window(1, 0)), Stream(PROTOCOL)),
        ("6.9.1 window above the largest", window(0, long), Connection(FLOW_CONTROL)),
        ("6.9.1 the same on a stream", both(open(1, b""), window(1, long)), Stream(FLOW_CONTROL)),
        (
            "6.9.2 settings take a window above it",
            [open(1, b""), window(1, 1), setting(4, long)].concat(),
            Connection(FLOW_CONTROL),
        ),
        ("6.10 CONTINUATION without a head", frame(CONTINUATION, END_HEADERS, 1, GET), Connection(PROTOCOL)),
        (
            "6.10 CONTINUATION after the last one",
            both(open(1, b""), frame(CONTINUATION, END_HEADERS, 1, b"")),
            Connection(PROTOCOL),
        ),
        (
            "6.10 CONTINUATION on another stream",
            both(frame(HEADERS, 0, 1, GET), frame(CONTINUATION, END_HEADERS, 3, b"")),
            Connection(PROTOCOL),
        ),
        // Messages.
        (
            "8.1 trailers without an end",
            both(open(1, b""), frame(HEADERS, END_HEADERS, 1, &field("x", "y"))),
            Malformed,
        ),
        // h2 leaves it out and goes on: nobody behind sees it.
        (
            "8.1 trailers with a pseudo-header",
            both(open(1, b""), frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\x82")),
            Nothing,
        ),
        (
            "8.1.1 body longer than its length",
            both(open(1, &field("content-length", "1")), frame(DATA, END_STREAM, 1, b"xy")),
            Malformed,
        ),
        (
            "8.1.1 body shorter than its length",
            both(open(1, &field("content-length", "3")), frame(DATA, END_STREAM, 1, b"xy")),
            Malformed,
        ),
        ("8.2.1 name in upper case", head(1, &field("X-Upper", "y")), Malformed),
        ("8.2.1 name with a colon", head(1, &field("x:y", "z")), Malformed),
        ("8.2.1 value with a line's end", head(1, &field("x", "y\r\nz: 1")), Malformed),
        ("8.2.1 value with a zero", head(1, &field("x", "y\0")), Malformed),
        ("8.2.2 connection", head(1, &field("connection", "keep-alive")), Malformed),
        ("8.2.2 transfer-encoding", head(1, &field("transfer-encoding", "chunked")), Malformed),
        ("8.2.2 te beside trailers", head(1, &field("te", "gzip")), Malformed),
        (
            "8.3 pseudo-header after a field",
            bare(&[b"\x82\x86", &field("x", "y")[..], b"\x84"].concat()),
            Malformed,
        ),
        ("8.3 pseudo-header that nobody knows", head(1, &field(":own", "y")), Malformed),
        ("8.3 :status of a request", head(1, b"\x88"), Malformed),
        ("8.3.1 without :method", bare(b"\x86\x84"), Malformed),
        ("8.3.1 without :scheme", bare(b"\x82\x84"), Malformed),
        ("8.3.1 without :path", bare(b"\x82\x86"), Malformed),
        ("8.3.1 :path that is empty", bare(&[b"\x82\x86", &field(":path", "")[..]].concat()), Malformed),
        ("8.3.1 :path twice", head(1, b"\x84"), Malformed),
        ("8.3.1 :authority and another host", head(1, &field("host", "other")), Malformed),
    ]
}

/// Says the frames on a connection of its own, and gives the first thing that comes of them.
async fn say_frames(to: SocketAddr, frames: &[u8], pong_counts: bool) -> Done {
    let mut client = TcpStream::connect(to).await.unwrap();
    let ping = frame(PING, 0, 0, b"the last");
    let all = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &frame(SETTINGS, 0, 0, b"")[..], frames, &ping].concat();
    // It may be closed before all is written.
    let _ = client.write_all(&all).await;
    loop {
        let mut head = [0; 9];
        if client.read_exact(&mut head).await.is_err() {
            return Done::Closed;
        }
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let mut payload = vec![0; length];
        client.read_exact(&mut payload).await.unwrap();
        let number = |at: usize| u32::from_be_bytes(payload[at..at + 4].try_into().unwrap());
        match head[3] {
            // Without an error it tells where the streams end.
            GOAWAY if number(4) != 0 => return Done::Connection(number(4)),
            RESET => return Done::Stream(number(0)),
            HEADERS => return Done::Answered(payload[0]),
            PING if pong_counts && head[4] & ACK != 0 && payload == b"the last" => return Done::Pong,
            _ => {}
        }
    }
}

#[tokio::test]
async fn every_broken_rule_is_answered_by_its_error() {
    // It never answers: no stream ends by itself.
    let (upstream, _go) = patient().await;
    let gateway = gateway(upstream, "").await;
    let to = address(&gateway).await;
    let (probes, mut wrong, mut vague) = (probes(), Vec::new(), 0);
    let count = probes.len();
    for (what, frames, due) in probes {
        let done = timeout(PATIENCE, say_frames(to, &frames, matches!(due, Nothing))).await;
        let done = done.unwrap_or(Done::Silence);
        let is_right = match (due, &done) {
            (Connection(wanted) | Stream(wanted), Done::Connection(code)) => {
                vague += usize::from(*code != wanted);
                [wanted, PROTOCOL].contains(code)
            }
            (Stream(wanted), Done::Stream(code)) => *code == wanted,
            (Malformed, Done::Stream(code) | Done::Connection(code)) => *code == PROTOCOL,
            // `:status: 400` is of the static table.
            (Malformed, Done::Answered(status)) => *status == 0x8c,
            (Nothing, Done::Pong) => true,
            _ => false,
        };
        if !is_right {
            wrong.push(format!("{what}: {due:?} is due, got {done:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // As the chapter on the gateway says.
    assert_eq!((count, vague), (62, 11));
    // What was begun is over, and nobody else has noticed.
    eventually(async || gateway.atrion().route("unmatched").snapshot().in_flight == 0).await;
}

/// A field of 4,000 bytes goes into the table of HPACK once, and is then named by a byte each time:
/// 16 KiB that would be a head of 60 MB.
#[tokio::test]
async fn a_head_that_grows_when_it_is_read_is_refused() {
    let (upstream, heard) = saying(OK).await;
    let gateway = gateway(upstream, "").await;
    let to = address(&gateway).await;
    // A literal with indexing (RFC 7541, 6.2.1) whose length takes three bytes; then index 62.
    let large = [b"\x40\x01x\x7f\xa1\x1e".to_vec(), vec![b'y'; 4000]].concat();
    let bomb = [GET, &large, &[0xbe; 12_000]].concat();
    let done = within(say_frames(to, &frame(HEADERS, END_HEADERS | END_STREAM, 1, &bomb), false)).await;
    // A response of status 431, or an error.
    assert!(!matches!(done, Done::Answered(0x88) | Done::Pong), "{done:?}");
    assert!(get(to, "/", "").await.ends_with("ok"));
    assert_eq!(heard.all().len(), 1);
}
