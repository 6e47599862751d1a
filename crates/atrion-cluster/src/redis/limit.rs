// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! A stream whose answers are bounded before the client library reads them.
//!
//! The library holds an answer whole, however long the server says it is. So what a server sends
//! passes through here: a text that is too long, or that comes when the answer has had its bytes,
//! is replaced by an empty one, and what a list has too many is left out. What is left out is read
//! and dropped, so that the answers behind it are understood.
//!
//! - **It promises** that no answer brings more than [`REPLY`] bytes and [`ELEMENTS`] elements to
//!   the client, and that it holds a few kilobytes itself, whatever the server sends.
//! - **It does not know** what an answer is for. Nothing that Atrion writes is an empty text, so an
//!   empty one is none of its own.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::wire::MAX_BYTES;

/// The longest text: no message is longer.
const TEXT: u64 = MAX_BYTES as u64;
/// All texts of one answer, in bytes. A record of 4,096 routes with the longest names has 1.3 MB
/// and one header for each part.
pub(super) const REPLY: u64 = 8 << 20;
/// All elements of one answer.
pub(super) const ELEMENTS: u64 = 32_770;
/// The longest line: numbers, and errors in words.
const LINE: usize = 16 << 10;
/// Lists in lists: `CLUSTER SLOTS` has four levels.
const DEPTH: usize = 16;
const READ: usize = 16 << 10;

/// A stream whose answers are bounded. What is written passes as it is.
pub(super) struct Limited<S> {
    stream: S,
    replies: Replies,
    read: Box<[u8]>,
    /// What may be read on this side, and how much of it was.
    passed: Vec<u8>,
    given: usize,
}

impl<S> Limited<S> {
    pub(super) fn new(stream: S) -> Self {
        let read = vec![0; READ].into_boxed_slice();
        Self { stream, replies: Replies::default(), read, passed: Vec::new(), given: 0 }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Limited<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            let left = this.passed.get(this.given..).unwrap_or_default();
            if !left.is_empty() {
                let some = left.len().min(out.remaining());
                out.put_slice(&left[..some]);
                this.given += some;
                return Poll::Ready(Ok(()));
            }
            this.passed.clear();
            this.given = 0;
            let mut read = ReadBuf::new(&mut this.read);
            ready!(Pin::new(&mut this.stream).poll_read(cx, &mut read))?;
            if read.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            this.replies.take(read.filled(), &mut this.passed)?;
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Limited<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

/// Where in the server's answers a stream is (RESP 2 and 3).
#[derive(Debug, Default)]
struct Replies {
    /// The line that is being read.
    line: Vec<u8>,
    /// The text that is being read.
    text: Option<Text>,
    /// The lists that have begun and not ended, the outermost first.
    lists: Vec<List>,
    /// What the answer has had.
    elements: u64,
    bytes: u64,
}

/// A text: how many bytes are left of it, its line end included, and whether they pass.
#[derive(Debug, Clone, Copy)]
struct Text {
    left: u64,
    passes: bool,
}

/// A list: how many elements are left of it, and how many of those pass.
#[derive(Debug, Clone, Copy)]
struct List {
    left: u64,
    passing: u64,
}

/// In the place of a text that does not pass.
const EMPTY: &[u8] = b"$0\r\n\r\n";

impl Replies {
    /// Takes what the server sent, and appends what passes.
    fn take(&mut self, mut bytes: &[u8], passed: &mut Vec<u8>) -> io::Result<()> {
        while !bytes.is_empty() {
            if let Some(mut text) = self.text {
                let some = bytes.len().min(usize::try_from(text.left).unwrap_or(usize::MAX));
                let (this, rest) = bytes.split_at(some);
                if text.passes {
                    passed.extend_from_slice(this);
                }
                text.left -= some as u64;
                self.text = (text.left > 0).then_some(text);
                bytes = rest;
                if text.left == 0 {
                    self.ended();
                }
                continue;
            }
            let end = bytes.iter().position(|byte| *byte == b'\n');
            let (this, rest) = bytes.split_at(end.map_or(bytes.len(), |end| end + 1));
            if self.line.len() + this.len() > LINE {
                return Err(nonsense());
            }
            self.line.extend_from_slice(this);
            bytes = rest;
            if end.is_some() {
                let line = std::mem::take(&mut self.line);
                self.begun(&line, passed)?;
                self.line = line;
                self.line.clear();
            }
        }
        Ok(())
    }

    /// A line is complete: the whole of an element, or its beginning.
    fn begun(&mut self, line: &[u8], passed: &mut Vec<u8>) -> io::Result<()> {
        let body = line.strip_suffix(b"\r\n").ok_or_else(nonsense)?;
        let (kind, said) = body.split_first().ok_or_else(nonsense)?;
        let passes = self.lists.last().is_none_or(|list| list.passing > 0);
        match kind {
            b'$' | b'=' | b'!' => match length(said)? {
                Some(length) => {
                    let fits = length <= TEXT && self.bytes + length <= REPLY;
                    if passes {
                        passed.extend_from_slice(if fits { line } else { EMPTY });
                        self.bytes += if fits { length } else { 0 };
                    }
                    self.text = Some(Text { left: length.saturating_add(2), passes: passes && fits });
                    return Ok(());
                }
                None if passes => passed.extend_from_slice(line),
                None => {}
            },
            b'*' | b'~' | b'%' | b'>' | b'|' => {
                let Some(length) = length(said)? else {
                    if passes {
                        passed.extend_from_slice(line);
                    }
                    self.ended();
                    return Ok(());
                };
                // A pair is two elements, and what has attributes comes behind them.
                let (each, more) = match kind {
                    b'%' => (2, 0),
                    b'|' => (2, 1),
                    _ => (1, 0),
                };
                let left = length.checked_mul(each).and_then(|left| left.checked_add(more));
                let left = left.ok_or_else(nonsense)?;
                let room =
                    if passes { ELEMENTS.saturating_sub(self.elements).saturating_sub(more) } else { 0 };
                let some = length.min(room / each);
                let passing = if passes { some * each + more } else { 0 };
                if passes {
                    passed.push(*kind);
                    passed.extend_from_slice(some.to_string().as_bytes());
                    passed.extend_from_slice(b"\r\n");
                    self.elements += passing;
                }
                if *kind == b'|' && passing < left || self.lists.len() >= DEPTH {
                    return Err(nonsense());
                }
                if left > 0 {
                    self.lists.push(List { left, passing });
                    return Ok(());
                }
            }
            b'+' | b'-' | b':' | b'_' | b',' | b'#' | b'(' => {
                let length = said.len() as u64;
                let fits = self.bytes + length <= REPLY;
                if passes {
                    passed.extend_from_slice(if fits { line } else { EMPTY });
                    self.bytes += if fits { length } else { 0 };
                }
            }
            _ => return Err(nonsense()),
        }
        self.ended();
        Ok(())
    }

    /// An element has ended, and with it the lists whose last it was.
    fn ended(&mut self) {
        while let Some(list) = self.lists.last_mut() {
            list.left -= 1;
            list.passing = list.passing.saturating_sub(1);
            if list.left > 0 {
                return;
            }
            self.lists.pop();
        }
        (self.elements, self.bytes) = (0, 0);
    }
}

/// A length as it stands in a line; `None` is the older protocol's way to say that there is
/// nothing.
fn length(said: &[u8]) -> io::Result<Option<u64>> {
    if said == b"-1" {
        return Ok(None);
    }
    let digits = std::str::from_utf8(said).ok().filter(|said| said.bytes().all(|byte| byte.is_ascii_digit()));
    digits.and_then(|digits| digits.parse().ok()).map(Some).ok_or_else(nonsense)
}

fn nonsense() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the server's answer is none of Redis's protocol")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What passes of these bytes, if they come in pieces of this length.
    fn passed(bytes: &[u8], piece: usize) -> io::Result<Vec<u8>> {
        let (mut replies, mut passed) = (Replies::default(), Vec::new());
        bytes.chunks(piece).try_for_each(|piece| replies.take(piece, &mut passed))?;
        assert!(replies.line.is_empty() && replies.text.is_none() && replies.lists.is_empty());
        Ok(passed)
    }

    #[test]
    fn what_a_server_says_usually_passes_to_the_byte() {
        let usual = b"+OK\r\n$-1\r\n*-1\r\n*0\r\n$0\r\n\r\n:7\r\n-ERR no\r\n*2\r\n$1\r\na\r\n*1\r\n:1\r\n%1\r\n+a\r\n~0\r\n\
            >3\r\n$8\r\nsmessage\r\n$1\r\nc\r\n$2\r\n\r\n\r\n_\r\n#t\r\n,1.5\r\n(12\r\n=5\r\ntxt:a\r\n|1\r\n+k\r\n+v\r\n:2\r\n";
        for piece in [1, 2, 7, usual.len()] {
            assert_eq!(passed(usual, piece).unwrap(), usual, "in pieces of {piece}");
        }
    }

    #[test]
    fn a_text_that_is_too_long_is_an_empty_one_and_what_follows_is_understood() {
        let long = "x".repeat(MAX_BYTES + 1);
        let record = format!("*4\r\n$1\r\n@\r\n${}\r\n{long}\r\n$1\r\np\r\n$1\r\nv\r\n:5\r\n", long.len());
        let wanted = "*4\r\n$1\r\n@\r\n$0\r\n\r\n$1\r\np\r\n$1\r\nv\r\n:5\r\n";
        assert_eq!(passed(record.as_bytes(), 1_000).unwrap(), wanted.as_bytes());
    }

    #[test]
    fn a_list_that_is_too_long_ends_early_and_so_does_one_with_too_much_in_it() {
        let names = format!("*1000000\r\n{}:5\r\n", "$1\r\na\r\n".repeat(1_000_000));
        let wanted = format!("*{ELEMENTS}\r\n{}:5\r\n", "$1\r\na\r\n".repeat(ELEMENTS as usize));
        assert!(passed(names.as_bytes(), 16 << 10).unwrap() == wanted.as_bytes());
        let text = format!("$60000\r\n{}\r\n", "x".repeat(60_000));
        let heavy = format!("*1000\r\n{}:5\r\n", text.repeat(1_000));
        let passed = passed(heavy.as_bytes(), 16 << 10).unwrap();
        assert!(passed.len() as u64 <= REPLY + 1_000 * 30, "{}", passed.len());
        assert!(passed.ends_with(b"$0\r\n\r\n:5\r\n"), "the next answer has room of its own");
    }

    #[test]
    fn an_endless_text_and_an_endless_list_are_not_held() {
        for (begin, wanted) in [
            ("$9000000000000000000\r\n", EMPTY.to_vec()),
            ("*1\r\n$9999999999\r\n", b"*1\r\n$0\r\n\r\n".to_vec()),
        ] {
            let (mut replies, mut passed) = (Replies::default(), Vec::new());
            replies.take(begin.as_bytes(), &mut passed).unwrap();
            (0..10_000).for_each(|_| replies.take(&[b'x'; 1 << 10], &mut passed).unwrap());
            assert_eq!(passed, wanted);
        }
    }

    #[test]
    fn what_is_no_answer_ends_the_connection() {
        for nonsense in [
            "HTTP/1.1 400\r\n",
            "$x\r\n",
            "$-2\r\n",
            "*+1\r\n",
            "\r\n",
            "+a\n",
            "$?\r\n",
            "%18446744073709551615\r\n",
        ] {
            assert!(passed(nonsense.as_bytes(), 3).is_err(), "{nonsense}");
        }
        assert!(passed("+x".repeat(LINE).as_bytes(), 100).is_err());
        assert!(passed("*1\r\n".repeat(DEPTH + 1).as_bytes(), 100).is_err());
    }

    proptest! {
        #[test]
        fn anything_in_any_pieces_passes_alike_within_the_bounds(
            bytes in prop::collection::vec(prop::sample::select(b"$*%>|~+-:019\r\nax".to_vec()), 0..400), piece in 1..50usize,
        ) {
            let run = |piece: usize| {
                let (mut replies, mut passed) = (Replies::default(), Vec::new());
                let end = bytes.chunks(piece).try_for_each(|piece| replies.take(piece, &mut passed));
                (passed, end.is_ok())
            };
            prop_assert_eq!(run(piece), run(1));
        }
    }
}
