// SPDX-License-Identifier: Apache-2.0

/// How long a request of a server or client counts as in flight. What serves the requests does it:
/// [`AdmissionLayer`], and what is built on it.
///
/// [`AdmissionLayer`]: https://docs.rs/atrion-tower/latest/atrion_tower/struct.AdmissionLayer.html
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Hold {
    /// Until its verdict is known: the head of an HTTP response, the trailers of a gRPC response.
    /// Right for everything that answers in one piece.
    #[default]
    Verdict,
    /// Until the head, also for gRPC, where a good head then counts as a success. Right for gRPC
    /// streams that live for hours: their length is no latency.
    Head,
    /// Until the body has been made. Right where that is the work, as in downloads and exports. The
    /// latency is then that of the body, without the time in which a slow client takes nothing.
    ///
    /// Streams of events, upgraded connections and tunnels end at their head all the same, unless a
    /// rule of the layer by request (`hold_by`) says otherwise: they live for hours, and most of
    /// the time nothing is done for them.
    Body,
    /// Judged at the first byte of the body, and open until its end. Right for answers that are made
    /// while they are read and whose length is their client's affair: tokens of a model, events,
    /// gRPC streams, WebSockets.
    ///
    /// The latency is that of the first frame with data, or of the head where the connection is
    /// upgraded. From then on the request is no load and is counted apart
    /// ([`RouteSnapshot::streams`](crate::RouteSnapshot::streams)); a cap counts it until the stream
    /// is closed. A stream that breaks is a failure. A client that leaves gives its place back at
    /// once.
    Stream,
}

impl Hold {
    const ALL: [Self; 4] = [Self::Verdict, Self::Head, Self::Body, Self::Stream];

    /// A number above 0 for each, and 0 for none.
    pub(crate) fn to_number(hold: Option<Self>) -> u8 {
        hold.map_or(0, |hold| hold as u8 + 1)
    }

    pub(crate) fn of_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number).checked_sub(1)?).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_number_of_its_own() {
        for hold in Hold::ALL.map(Some).into_iter().chain([None]) {
            assert_eq!(Hold::of_number(Hold::to_number(hold)), hold);
        }
    }
}
