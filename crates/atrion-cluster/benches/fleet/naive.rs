// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! The naive adapter: one JSON document per route, SET and PUBLISH for each, pipelined so that it
//! looks its best.

use std::io::{BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread::JoinHandle;

use super::codec::json;

pub(crate) struct Naive {
    stream: TcpStream,
    _subscribers: Vec<JoinHandle<()>>,
}

impl Naive {
    pub(crate) fn new(redis: SocketAddr, subscribers: usize) -> Self {
        let subscribe = || {
            let mut stream = TcpStream::connect(redis).expect("a connection");
            stream.write_all(b"SUBSCRIBE naive\r\n").expect("a subscription");
            // Reads as fast as it comes and does nothing with it.
            std::thread::spawn(move || {
                let mut buffer = vec![0; 1 << 16];
                while stream.read(&mut buffer).is_ok_and(|read| read > 0) {}
            })
        };
        let subscribers = (0..subscribers).map(|_| subscribe()).collect();
        Self { stream: TcpStream::connect(redis).expect("a connection"), _subscribers: subscribers }
    }

    /// Writes routes, and waits for every answer.
    pub(crate) fn push(&mut self, routes: usize, scar: f64) {
        let mut commands = Vec::new();
        for number in 0..routes {
            let document = json(number, scar).to_string();
            let key = format!("naive:{number}");
            for words in [["SET", &key, &document], ["PUBLISH", "naive", &document]] {
                let _ = write!(commands, "*{}\r\n", words.len());
                for word in words {
                    let _ = write!(commands, "${}\r\n{word}\r\n", word.len());
                }
            }
        }
        self.stream.write_all(&commands).expect("written");
        let mut answers = BufReader::new(&self.stream);
        let (mut left, mut byte) = (2 * routes, [0]);
        // `+OK` and `:n`, a line each.
        while left > 0 {
            answers.read_exact(&mut byte).expect("an answer");
            left -= usize::from(byte[0] == b'\n');
        }
    }
}
