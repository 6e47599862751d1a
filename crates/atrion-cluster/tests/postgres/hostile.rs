// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Rows that another writer wrote under this node's name.

use atrion_cluster::postgres::{HistoryReader, Page, PostgresPersistenceAdapter};
use atrion_core::Mode;
use atrion_state::StateProvider;

use super::world::{connected, database, open, route, server, vector};

fn invalid(adapter: &PostgresPersistenceAdapter) -> u64 {
    let stats = adapter.stats();
    stats[0].messages.iter().find(|counted| counted.reason == Some("invalid")).unwrap().count
}

pub(crate) async fn rows_without_an_age_or_a_life_are_left_out_and_written_over() {
    let (name, url) = database();
    let first = connected(&url).await;
    for on in ["good", "timeless", "past", "immortal", "ancient"] {
        first.update_vector(route(on), open(1.0)).await.unwrap();
    }
    first.disconnect().await.unwrap();
    let write = |sql: &str| drop(server().execute(&name, sql).unwrap());
    write("update atrion.vector_current set at = 'infinity' where route = 'timeless'");
    write("update atrion.vector_current set at = '-infinity' where route = 'past'");
    write(
        "update atrion.vector_current set incarnation = 9223372036854775807, seq = 9223372036854775807 \
           where route = 'immortal'",
    );
    write(
        "update atrion.vector_current set at = now() - interval '20 hours', lambda = 0.1 where route = 'ancient'",
    );

    let second = connected(&url).await;
    let known: Vec<_> =
        second.warm_start().await.unwrap().into_iter().map(|(route, _)| route.to_string()).collect();
    assert!(known.contains(&"good".to_owned()) && known.len() == 2, "{known:?}");
    assert_eq!(invalid(&second), 3);
    // What a person reads does not fail on them, nor on a scar of which nothing is left.
    let reader = HistoryReader::new(&url, "shop").unwrap();
    let standings = reader.standings(&Page::first(10)).await.unwrap();
    assert_eq!(standings.rows.len(), 3, "{standings:?}");

    for on in ["good", "timeless", "past", "immortal"] {
        second.update_vector(route(on), vector(Mode::Operational, 2.0)).await.unwrap();
    }
    second.flush().await.unwrap();
    let stale = second.stats()[0]
        .messages
        .iter()
        .find(|counted| counted.result.name() == "stale")
        .map(|counted| counted.count);
    assert_eq!(stale, Some(0));
    let written = "select count(*), bool_and(isfinite(at)), max(incarnation) < 9223372036854775807 \
                   from atrion.vector_current where scar = 2";
    assert_eq!(server().execute(&name, written).unwrap(), ["4|t|t"]);
    second.disconnect().await.unwrap();
    // And the life after that one finds them.
    let third = connected(&url).await;
    assert_eq!(third.warm_start().await.unwrap().len(), 5);
    third.update_vector(route("immortal"), open(3.0)).await.unwrap();
    third.flush().await.unwrap();
    let last = "select scar from atrion.vector_current where route = 'immortal'";
    assert_eq!(server().execute(&name, last).unwrap(), ["3"]);
    third.disconnect().await.unwrap();
}
