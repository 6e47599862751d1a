// SPDX-License-Identifier: LicenseRef-Atrion-Commercial
//! Questions about the past, and the pages of their answers.

use std::time::Duration;

use atrion_cluster::postgres::{HistoryReader, Page, TimeRange};
use atrion_core::{Mode, Wall};
use atrion_state::StateProvider;
use atrion_testbed::Postgres;

use super::world::{connected, database, fresh, open, route, server, until_rows};

/// A day with a story, and one before it: `api/pay` opened on b, then on a, and b twice; `api/cart`
/// on c and is open still.
async fn a_day(name: &str, url: &str) -> HistoryReader {
    connected(url).await.disconnect().await.unwrap();
    let run = |sql: &str| server().execute(name, sql).unwrap();
    run("select atrion.upkeep(timestamptz '2026-03-10 12:00:00+00', 7, 90, 1000)");
    run("select atrion.upkeep(timestamptz '2026-03-11 12:00:00+00', 7, 90, 1000)");
    let mut rows = Vec::new();
    let mut seq = 0;
    for (at, route, node, from, to) in [
        ("2026-03-09 23:00:00+00", "api/pay", "a", 1, 2),
        ("2026-03-09 23:10:00+00", "api/pay", "a", 2, 1),
        ("2026-03-10 08:00:00+00", "api/pay", "b", 1, 2),
        ("2026-03-10 08:00:30+00", "api/pay", "a", 1, 2),
        ("2026-03-10 08:01:00+00", "api/pay", "b", 2, 1),
        ("2026-03-10 08:02:30+00", "api/pay", "a", 2, 1),
        ("2026-03-10 09:00:00+00", "api/pay", "b", 1, 2),
        ("2026-03-10 09:00:10+00", "api/pay", "b", 2, 1),
        ("2026-03-10 23:50:00+00", "api/cart", "c", 1, 2),
        ("2026-03-10 12:00:00+00", "other", "c", 0, 1),
    ] {
        seq += 1;
        rows.push(format!("('{at}','shop','{route}','{node}',1,{seq},{from},{to},50,90)"));
    }
    rows.push("('2026-03-10 07:00:00+00','another cluster','api/pay','z',1,1,1,2,50,90)".to_owned());
    run(&format!(
        "insert into atrion.mode_transition(at,cluster,route,node,incarnation,seq,from_mode,to_mode,scar,resistance) values {}",
        rows.join(",")
    ));
    HistoryReader::new(url, "shop").unwrap()
}

fn wall(seconds: u64) -> Wall {
    Wall::from_millis(seconds * 1_000)
}

/// 2026-03-10, UTC.
const DAY: u64 = 1_773_100_800;

fn day() -> TimeRange {
    TimeRange::between(wall(DAY), wall(DAY + 86_400))
}

pub(crate) async fn which_routes_opened_for_how_long_and_who_was_first() {
    let (name, url) = database();
    let reader = a_day(&name, &url).await;
    let troubles = reader.troubles(day(), &Page::first(10)).await.unwrap();
    let told: Vec<_> = troubles
        .rows
        .iter()
        .map(|t| {
            (t.route.as_str(), t.openings, t.nodes, t.open_for.as_secs(), t.first_node.as_str(), t.first_at)
        })
        .collect();
    assert_eq!(
        told,
        [
            ("api/cart", 1, 1, 600, "c", wall(DAY + 23 * 3_600 + 50 * 60)),
            ("api/pay", 3, 2, 60 + 120 + 10, "b", wall(DAY + 8 * 3_600)),
        ]
    );
    assert!(troubles.next.is_none());

    let openings = reader.openings(day(), Some("api/pay"), &Page::first(10)).await.unwrap().rows;
    let told: Vec<_> = openings.iter().map(|o| (o.node.as_str(), o.at, o.until)).collect();
    let at = |hour: u64, second: u64| wall(DAY + hour * 3_600 + second);
    assert_eq!(
        told,
        [
            ("b", at(9, 0), Some(at(9, 10))),
            ("a", at(8, 30), Some(at(8, 150))),
            ("b", at(8, 0), Some(at(8, 60))),
        ]
    );
    let cart = reader.openings(day(), Some("api/cart"), &Page::first(10)).await.unwrap().rows;
    assert_eq!(cart[0].until, None, "it is open still");
}

/// Whatever the size of a page, the pages together are the list, also if rows come in between.
pub(crate) async fn pages_go_on_where_the_one_before_ended() {
    let (name, url) = database();
    let reader = a_day(&name, &url).await;
    let all = reader.transitions(day(), None, &Page::first(1_000)).await.unwrap();
    assert_eq!((all.rows.len(), all.next), (8, None));
    assert!(all.rows.windows(2).all(|pair| pair[0].at >= pair[1].at));
    assert_eq!(
        (all.rows.last().unwrap().from, all.rows.last().unwrap().to),
        (Mode::Operational, Mode::CircuitBreaker)
    );
    for size in 1..=9 {
        let (mut page, mut rows) = (Page::first(size), Vec::new());
        loop {
            let part = reader.transitions(day(), None, &page).await.unwrap();
            assert!(part.rows.len() <= usize::from(size));
            rows.extend(part.rows);
            let Some(next) = part.next else { break };
            // Through text, as a dashboard would.
            page = Page::first(size).after_cursor(next.to_string().parse().unwrap());
            let late = "insert into atrion.mode_transition(at,cluster,route,node,incarnation,seq,from_mode,to_mode) \
                        values ('2026-03-11 00:00:01+00','shop','late','l',1,1,0,1) on conflict do nothing";
            server().execute(&name, late).unwrap();
        }
        assert_eq!(rows, all.rows, "pages of {size}");
    }
    let mut routes = Vec::new();
    let mut page = Page::first(1);
    loop {
        let part = reader.troubles(day(), &page).await.unwrap();
        routes.extend(part.rows.into_iter().map(|trouble| trouble.route));
        let Some(next) = part.next else { break };
        page = Page::first(1).after_cursor(next);
    }
    assert_eq!(routes, ["api/cart", "api/pay"]);
}

/// What the adapter itself wrote, by the database's clock.
pub(crate) async fn what_a_node_wrote_is_found() {
    let (name, url) = database();
    let adapter = connected(&url).await;
    for nth in 0..25 {
        adapter.update_vector(route(&format!("r {nth:02}")), open(40.0)).await.unwrap();
    }
    adapter.flush().await.unwrap();
    let reader = adapter.history().unwrap();
    let range = reader.last(Duration::from_secs(3_600)).await.unwrap();
    assert_eq!(reader.openings(range, None, &Page::first(100)).await.unwrap().rows.len(), 25);

    let (mut page, mut standings) = (Page::first(10), Vec::new());
    loop {
        let part = reader.standings(&page).await.unwrap();
        standings.extend(part.rows);
        let Some(next) = part.next else { break };
        page = Page::first(10).after_cursor(next);
    }
    assert_eq!(standings.len(), 25);
    assert!(standings.is_sorted_by(|a, b| a.route < b.route));
    assert!(
        standings
            .iter()
            .all(|s| s.node == "a" && s.mode == Mode::CircuitBreaker && s.scar > 20.0 && s.scar <= 40.0)
    );

    let sample = "insert into atrion.vector_history(cluster,route,node,scar,resistance,momentum,mode) \
                  select 'shop', 'r 00', n, 1, 2, 3, 2 from unnest(array['a','b','c']) n";
    server().execute(&name, sample).unwrap();
    let range = reader.last(Duration::from_secs(3_600)).await.unwrap();
    let first = reader.samples("r 00", range, &Page::first(2)).await.unwrap();
    let rest = reader
        .samples("r 00", range, &Page::first(2).after_cursor(first.next.clone().unwrap()))
        .await
        .unwrap();
    let mut nodes: Vec<_> = first.rows.iter().chain(&rest.rows).map(|sample| sample.node.clone()).collect();
    nodes.sort();
    assert_eq!((nodes.join(""), rest.next), ("abc".to_owned(), None));
    adapter.disconnect().await.unwrap();
}

/// Every query of the page runs, and gives what the page says.
pub(crate) async fn the_documented_queries_run() {
    let (name, url) = database();
    a_day(&name, &url).await;
    let page = include_str!("../../../atrion/manual/persistence.md");
    let queries: Vec<&str> = page.split("<!-- query -->").skip(1).collect();
    assert!(queries.len() >= 4, "the page lost its queries");
    for query in queries {
        let sql = query.split("```sql").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
        server().execute(&name, sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
}

/// And not only that time is up.
pub(crate) async fn a_server_that_refuses_connections_says_why() {
    let mut server = Postgres::start().unwrap();
    let secret = "s3cret-of-the-reader";
    server.create_role("reader", secret).unwrap();
    let url = Postgres::url_at(server.address(), "reader", secret, "postgres");
    let reader = HistoryReader::new(&url, "shop").unwrap();
    let asked = || reader.last(Duration::from_secs(60));
    asked().await.unwrap();

    server.kill();
    let refused = asked().await.unwrap_err();
    assert!(refused.is_retryable() && refused.to_string().contains("refused"), "{refused}");
    server.restart().unwrap();
    asked().await.unwrap();

    server.execute("postgres", "alter role reader connection limit 0").unwrap();
    server
        .execute(
            "postgres",
            "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'reader'",
        )
        .unwrap();
    let full = asked().await.unwrap_err();
    assert!(full.is_retryable() && full.to_string().contains("too many connections"), "{full}");
    for error in [refused, full] {
        assert!(!format!("{error} {error:?}").contains(secret), "{error:?}");
    }
}

/// Two questions hold the connections that there are, and the role may have no more.
pub(crate) async fn a_query_that_waits_for_another_does_not_suspect_the_server() {
    let (name, url) = database();
    connected(&url).await.disconnect().await.unwrap();
    let role = fresh("reader");
    server().create_role(&role, "pw").unwrap();
    let run = |sql: &str| server().execute(&name, sql).unwrap();
    run(&format!("alter role {role} connection limit 2"));
    run(&format!("grant usage on schema atrion to {role}"));
    run(&format!("grant select on all tables in schema atrion to {role}"));
    let locked = name.clone();
    let other = std::thread::spawn(move || {
        let lock = "begin; lock atrion.mode_transition in access exclusive mode; select pg_sleep(4); commit";
        server().execute(&locked, lock).unwrap();
    });
    let held = "select count(*) from pg_locks where mode = 'AccessExclusiveLock' and relation = 'atrion.mode_transition'::regclass";
    until_rows(server(), &name, held, "1").await;
    let reader =
        HistoryReader::new(&Postgres::url_at(server().address(), &role, "pw", &name), "shop").unwrap();
    let page = Page::first(1);
    let asked = || reader.transitions(day(), None, &page);
    let (one, two, three) = tokio::join!(asked(), asked(), asked());
    for answer in [one, two, three] {
        answer.unwrap();
    }
    other.join().unwrap();
}
