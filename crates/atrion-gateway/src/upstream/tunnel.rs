// SPDX-License-Identifier: Apache-2.0
//! What follows a change of protocols: bytes both ways, until both sides have enough or say nothing
//! for too long.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use atrion::tower::StreamSlot;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, split};
use tokio::time::sleep;

use crate::client::Client;

/// Connects both sides when both have changed. The tunnel counts as its client's connection, and
/// ends with the drain, or when nothing has moved for `limit` to twice `limit`. It holds its place at
/// the gate, if it has one.
pub(crate) fn open(
    asked: OnUpgrade,
    answered: OnUpgrade,
    client: Client,
    limit: Duration,
    slot: Option<StreamSlot>,
) {
    tokio::spawn(async move {
        let _open = slot;
        let Ok((asked, answered)) = tokio::try_join!(asked, answered) else { return };
        let (asked, answered) = (TokioIo::new(asked), TokioIo::new(answered));
        let _busy = client.busy();
        client.unless_cut_off(carry(asked, answered, limit)).await;
    });
}

async fn carry(one: impl AsyncRead + AsyncWrite, other: impl AsyncRead + AsyncWrite, limit: Duration) {
    let moves = AtomicU64::new(0);
    let ((from_one, to_one), (from_other, to_other)) = (split(one), split(other));
    let both = async { tokio::try_join!(pass(from_one, to_other, &moves), pass(from_other, to_one, &moves)) };
    tokio::select! {
        // An error of one side ends both.
        _ = both => {}
        () = silence(&moves, limit) => {}
    }
}

async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    moves: &AtomicU64,
) -> io::Result<()> {
    let mut piece = vec![0; 8 * 1024];
    loop {
        let length = from.read(&mut piece).await?;
        moves.fetch_add(1, Relaxed);
        if length == 0 {
            return to.shutdown().await;
        }
        to.write_all(&piece[..length]).await?;
        to.flush().await?;
    }
}

/// Waits until nothing has moved for a whole `limit`.
async fn silence(moves: &AtomicU64, limit: Duration) {
    loop {
        let before = moves.load(Relaxed);
        sleep(limit).await;
        if moves.load(Relaxed) == before {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::duplex;
    use tokio::time::Instant;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn a_tunnel_lives_while_one_side_speaks_and_ends_in_silence() {
        let ((mut client, asked), (mut service, answered)) = (duplex(64), duplex(64));
        let begun = Instant::now();
        let tunnel = tokio::spawn(carry(asked, answered, LIMIT));
        for _ in 0..10 {
            sleep(LIMIT / 2).await;
            service.write_all(b"tick").await.unwrap();
            client.read_exact(&mut [0; 4]).await.unwrap();
        }
        assert!(!tunnel.is_finished());
        tunnel.await.unwrap();
        let silent = begun.elapsed() - LIMIT * 5;
        assert!(silent >= LIMIT && silent <= LIMIT * 2 + Duration::from_secs(1), "{silent:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_side_that_has_said_all_still_hears_the_other() {
        let ((mut client, asked), (mut service, answered)) = (duplex(64), duplex(64));
        let tunnel = tokio::spawn(carry(asked, answered, LIMIT));
        client.shutdown().await.unwrap();
        assert_eq!(service.read(&mut [0; 1]).await.unwrap(), 0);
        service.write_all(b"late").await.unwrap();
        drop(service);
        let mut heard = Vec::new();
        client.read_to_end(&mut heard).await.unwrap();
        assert_eq!(heard, b"late");
        tunnel.await.unwrap();
    }
}
