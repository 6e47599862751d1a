// SPDX-License-Identifier: Apache-2.0
//! What can stand before the service, each with its configuration and how that was chosen.

use atrion_testbed::Server;
use clap::builder::PossibleValuesParser;

/// One way to protect a service.
pub(super) struct Contender {
    /// The name on the command line and in the table.
    pub(super) name: &'static str,
    /// How its configuration was chosen.
    pub(super) choice: &'static str,
    pub(super) kind: Kind,
}

pub(super) enum Kind {
    Nothing,
    /// Atrion as a layer of the service.
    InProcess,
    Balancer(Server, File),
    Sidecar(File),
    /// A balancer that asks the gateway.
    Processor(Server, File, File),
}

/// A file with places for ports and numbers, and its language.
#[derive(Clone, Copy)]
pub(super) struct File {
    pub(super) text: &'static str,
    pub(super) language: &'static str,
}

impl Kind {
    /// The files that it runs with.
    pub(super) fn files(&self) -> Vec<File> {
        match *self {
            Kind::Nothing | Kind::InProcess => Vec::new(),
            Kind::Balancer(_, file) | Kind::Sidecar(file) => vec![file],
            Kind::Processor(_, file, gateway) => vec![file, gateway],
        }
    }
}

/// The names of the places in files, with the values that a page shows.
pub(super) const SHOWN: [(&str, usize); 4] =
    [("${LISTEN}", 8080), ("${SERVICE}", 3000), ("${PROCESSOR}", 9902), ("${ADMIN}", 9901)];

/// Puts values into the places of a file.
pub(super) fn filled(text: &str, values: &[(&str, usize)]) -> String {
    values.iter().fold(text.to_owned(), |text, (place, value)| text.replace(place, &value.to_string()))
}

/// The numbers that are set by hand, for a service with so many workers.
pub(super) fn by_hand(workers: usize) -> [(&'static str, usize); 2] {
    [("${WORKERS}", workers), ("${PLACES}", workers + workers / 2)]
}

const fn yaml(text: &'static str) -> File {
    File { text, language: "yaml" }
}

const fn toml(text: &'static str) -> File {
    File { text, language: "toml" }
}

/// Envoy's file of the documentation, with its ports as places.
pub(super) fn ports_as_places(text: &str) -> String {
    let ports = [("8080", "${LISTEN}"), ("3000", "${SERVICE}"), ("9902", "${PROCESSOR}")];
    ports.iter().fold(text.to_owned(), |text, (port, place)| {
        text.replace(&format!("port_value: {port} "), &format!("port_value: {place} "))
    })
}

pub(super) const ALL: [Contender; 9] = [
    Contender { name: "nothing", choice: "", kind: Kind::Nothing },
    Contender {
        name: "envoy-adaptive",
        choice: "Envoy's filter `adaptive_concurrency`. It learns the limit, and knows no tiers. The \
                 percentile and the buffer are those of its documentation's example; while it measures \
                 the latency without load it lets as many requests pass as there are workers (3 by \
                 default, which would refuse nearly all of them each time). The timeout is a little \
                 shorter than the clients' patience.",
        kind: Kind::Balancer(Server::Envoy, yaml(include_str!("envoy-adaptive.yaml"))),
    },
    Contender {
        name: "envoy-admission",
        choice: "Envoy's filter `admission_control`. It refuses by the share of failures, and knows no \
                 tiers. A late answer has to be a failure for it, so the timeout is a little shorter \
                 than the clients' patience; the window is 10 s in place of 30 s, so that it notices \
                 the end of a phase, and up to 95 % may be refused in place of 80 %.",
        kind: Kind::Balancer(Server::Envoy, yaml(include_str!("envoy-admission.yaml"))),
    },
    Contender {
        name: "haproxy",
        choice: "HAProxy with `maxconn` set by hand to the number of workers, which is the best that can \
                 be known of the service, and a queue that a request leaves after half of its client's \
                 patience.",
        kind: Kind::Balancer(Server::HaProxy, File { text: include_str!("haproxy.cfg"), language: "text" }),
    },
    Contender {
        name: "haproxy-priority",
        choice: "The same, and the queue is in order of the tier.",
        kind: Kind::Balancer(
            Server::HaProxy,
            File { text: include_str!("haproxy-priority.cfg"), language: "text" },
        ),
    },
    Contender {
        name: "nginx",
        choice: "nginx with `limit_conn`, which has no queue: set by hand to the number of workers and \
                 half as many more, so that a worker finds its next request waiting.",
        kind: Kind::Balancer(Server::Nginx, File { text: include_str!("nginx.conf"), language: "nginx" }),
    },
    Contender {
        name: "atrion-in-process",
        choice: "One layer in the service (axum). What is set is how long clients wait, and that their \
                 tiers are believed.",
        kind: Kind::InProcess,
    },
    Contender {
        name: "atrion-sidecar",
        choice: "The gateway before the service. Nothing about the service is set but its address and its \
                 routes.",
        kind: Kind::Sidecar(toml(include_str!("sidecar.toml"))),
    },
    Contender {
        name: "atrion-processor",
        choice: "Envoy before the service, which asks the gateway about each request: the configuration \
                 of the documentation.",
        kind: Kind::Processor(
            Server::Envoy,
            yaml(include_str!("../../../../docs/gateway/envoy.yaml")),
            toml(include_str!("processor.toml")),
        ),
    },
];

/// The names of all, for the command line.
pub(super) fn names() -> PossibleValuesParser {
    PossibleValuesParser::new(ALL.map(|contender| contender.name))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn every_place_of_every_file_is_filled() {
        for contender in &ALL {
            for file in contender.kind.files() {
                let text = filled(&filled(&ports_as_places(file.text), &SHOWN), &by_hand(40));
                assert!(!text.contains("${"), "{}: {text}", contender.name);
                if file.language == "toml" {
                    atrion_gateway::Config::parse(&text, Path::new("")).expect("it is right");
                }
            }
        }
    }
}
